//! `save_as_text_file`: the dataset into a directory, a record a line.

use crate::files::OutputDirectory;
use crate::files::text::save_text;
use crate::rdd::Rdd;
use crate::record::Data;
use crate::show::Show;
use std::path::Path;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;

impl<T: Data + Show> Rdd<T> {
    /// Writes the dataset to `directory`: a file `part-00000`, `part-00001`, ... per partition, a record a line in its text
    /// form, and a file `_SUCCESS`.
    ///
    /// The directory appears whole, and replaces the dataset that was there in one step. Missing directories above it are made.
    ///
    /// # Errors
    /// A directory that cannot be written, or is there and is no dataset; the fault of the job.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// # let home = tempfile::tempdir()?;
    /// let directory = home.path().join("numbers");
    /// engine.parallelize(1..=3, 2).save_as_text_file(&directory)?;
    /// assert_eq!(std::fs::read_to_string(directory.join("part-00001"))?, "2\n3\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_text_file(&self, directory: impl AsRef<Path>) -> Result<(), JobError> {
        let site = Site::here("save_as_text_file");
        save_text(self, site, &OutputDirectory::of_dataset(self, site, directory.as_ref())?)
    }
}
