//! `save_as_object_files`: every batch into a directory of its own, as records that a program reads back.

use crate::dstream::DStream;
use crate::files::OutputDirectory;
use crate::files::object::save_objects;
use crate::record::Record;
use std::path::PathBuf;
use waterwheel_runtime::site::Site;

impl<T: Record> DStream<'_, T> {
    /// Writes every batch to the directory `prefix-TIME_MS` (or `prefix-TIME_MS.suffix`) as object files, which
    /// [`object_file`](crate::rdd::ReadFiles::object_file) reads back.
    ///
    /// The files are encoded and checksummed: what is read back is what was written, or an error. The directory appears and is
    /// replaced as that of [`save_as_text_files`](DStream::save_as_text_files) is.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// # let engine = Engine::local(1)?;
    /// let home = tempfile::tempdir()?;
    /// run([vec![("to".to_owned(), 1), ("be".to_owned(), 1)]], |words| {
    ///     words.save_as_object_files(home.path().join("words"), "");
    ///     words
    /// })?;
    /// let words = engine.object_file::<(String, i32)>(home.path().join("words-1000"))?;
    /// assert_eq!(words.collect()?, [("to".to_owned(), 1), ("be".to_owned(), 1)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_object_files(&self, prefix: impl Into<PathBuf>, suffix: impl Into<String>) {
        let (site, prefix, suffix) = (Site::here("save_as_object_files"), prefix.into(), suffix.into());
        self.output_at(site, move |dataset, time| {
            Ok(save_objects(&dataset, site, &OutputDirectory::of_batch(&prefix, &suffix, time)?)?)
        });
    }
}
