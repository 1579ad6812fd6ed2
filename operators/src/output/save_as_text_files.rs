//! `save_as_text_files`: every batch into a directory of its own, a file per partition.

use crate::dstream::DStream;
use crate::files::OutputDirectory;
use crate::files::text::save_text;
use crate::record::Data;
use crate::show::Show;
use std::path::PathBuf;
use waterwheel_runtime::site::Site;

impl<T: Data + Show> DStream<'_, T> {
    /// Writes every batch to the directory `prefix-TIME_MS` (or `prefix-TIME_MS.suffix`): a file `part-00000`, `part-00001`, ...
    /// per partition, a record a line in its text form, and a file `_SUCCESS`.
    ///
    /// The directory appears at once and whole: it is written beside its place, synced, and put there in one step. A batch
    /// that is run again replaces what an earlier run wrote, in one step as well. A directory of that name which is neither
    /// empty nor has a `_SUCCESS` is not replaced: the batch fails.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let home = tempfile::tempdir()?;
    /// run([vec![("to", 1), ("be", 1)], vec![("or", 1)]], |words| {
    ///     words.save_as_text_files(home.path().join("words"), "txt");
    ///     words
    /// })?;
    /// assert_eq!(std::fs::read_to_string(home.path().join("words-1000.txt/part-00000"))?, "(to,1)\n");
    /// assert_eq!(std::fs::read_to_string(home.path().join("words-2000.txt/part-00001"))?, "(or,1)\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn save_as_text_files(&self, prefix: impl Into<PathBuf>, suffix: impl Into<String>) {
        let (site, prefix, suffix) = (Site::here("save_as_text_files"), prefix.into(), suffix.into());
        self.output_at(site, move |dataset, time| {
            Ok(save_text(&dataset, site, &OutputDirectory::of_batch(&prefix, &suffix, time)?)?)
        });
    }
}
