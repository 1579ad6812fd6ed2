//! `save_as_object_file`: the dataset into a directory, as records that a program reads back.

use crate::files::OutputDirectory;
use crate::files::object::save_objects;
use crate::rdd::Rdd;
use crate::record::Record;
use std::path::Path;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Record> Rdd<T> {
    /// Writes the dataset to `directory` as object files, which [`object_file`](crate::rdd::ReadFiles::object_file) reads back,
    /// partition by partition. The directory appears and is replaced as that of
    /// [`save_as_text_file`](Rdd::save_as_text_file) is.
    ///
    /// # Errors
    /// A directory that cannot be written, or is there and is no dataset; a record whose encoding fails or is longer than
    /// 256 MiB; the fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// # let home = tempfile::tempdir()?;
    /// let directory = home.path().join("numbers");
    /// engine.parallelize(1..=3, 2).save_as_object_file(&directory)?;
    /// assert_eq!(engine.object_file::<i32>(&directory)?.glom().collect()?, [vec![1], vec![2, 3]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_object_file(&self, directory: impl AsRef<Path>) -> Result<(), JobError> {
        let site = Site::here("save_as_object_file");
        save_objects(self, site, &OutputDirectory::of_dataset(self, site, directory.as_ref())?)
    }
}
