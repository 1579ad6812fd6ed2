//! `count_by_window`: how many records came in the last so much time.

use crate::dstream::DStream;
use crate::rdd::EachShared;
use crate::record::Data;
use std::time::Duration;
use waterwheel_runtime::site::Site;

impl<'c, T: Data> DStream<'c, T> {
    /// The number of records in windows of `length`, every `slide`: one number per window, from the first record on; 0 when a
    /// window has become empty. Length and slide are as in [`window`](DStream::window).
    ///
    /// Each batch is counted once, and the window is state: nothing but counts is kept, and it goes on after a restart.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let counts = run([vec![], vec!['a'], vec!['b', 'c'], vec![], vec![]], |letters| {
    ///     letters.count_by_window(seconds(2), seconds(1))
    /// })?;
    /// assert_eq!(counts, [vec![], vec![1], vec![3], vec![2], vec![0]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn count_by_window(&self, length: Duration, slide: Duration) -> DStream<'c, u64> {
        let site = Site::here("count_by_window");
        let counts = self.apply(site, |dataset| {
            dataset.narrow(false, |input, task, out| {
                let mut count = 0;
                // Counted where they lie: no record is copied.
                let mut counter = EachShared(|chunk: &[T]| {
                    count += chunk.len() as u64;
                    Ok(())
                });
                input.push_into(task, &mut counter)?;
                // A window has no count before the first record.
                if count > 0 { out.push(&mut vec![((), count)]) } else { Ok(()) }
            })
        });
        counts.only_value_at(site, |a, b| a + b, |a, b| a - b, length, slide)
    }
}
