//! `glom`: each partition as one record.

use crate::rdd::Rdd;
use crate::record::Data;
use waterwheel_runtime::site::Site;

impl<T: Data> Rdd<T> {
    /// One record per partition: the list of its records.
    pub fn glom(&self) -> Rdd<Vec<T>> {
        let site = Site::here("glom");
        let _ = site;
        self.narrow(false, move |input, task, out| {
            let all = input.to_vec(task)?;
            out.push(&mut vec![all])
        })
    }
}
