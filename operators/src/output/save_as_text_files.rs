//! `save_as_text_files`: every batch into a directory of its own, a file per partition.

use crate::dstream::DStream;
use crate::outcome::BoxError;
use crate::record::Data;
use crate::show::{Show, Shown};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// Says that a directory holds the whole of its batch.
const SUCCESS: &str = "_SUCCESS";

impl<T: Data + Show> DStream<'_, T> {
    /// Writes every batch to the directory `prefix-TIME_MS` (or `prefix-TIME_MS.suffix`): a file `part-00000`, `part-00001`, ...
    /// per partition, a record a line in its text form, and a file `_SUCCESS`.
    ///
    /// The directory appears at once and whole: it is written beside its place and renamed. A batch that is run again replaces
    /// what an earlier run wrote.
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
            let place = Place::new(&prefix, &suffix, time);
            place.begin()?;
            let parts = place.unfinished.clone();
            dataset.run_job(site, move |input, task| {
                let path = parts.join(format!("part-{:05}", input.partition()));
                let told = |error: std::io::Error| task.failed(site, format!("{}: {error}", path.display()));
                let mut file = BufWriter::new(File::create(&path).map_err(told)?);
                input.each(task, |chunk| {
                    let records = chunk.len();
                    let written = task.run(site, records, || {
                        chunk.drain(..).try_for_each(|record| writeln!(file, "{}", Shown(&record)))
                    })?;
                    Ok(written.map_err(told)?)
                })?;
                Ok(file.into_inner().map_err(|error| told(error.into_error()))?.sync_all().map_err(told)?)
            })?;
            place.finish()
        });
    }
}

/// Where one batch goes.
struct Place {
    finished: PathBuf,
    unfinished: PathBuf,
}

impl Place {
    fn new(prefix: &Path, suffix: &str, time: Time) -> Place {
        let mut name = prefix.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.push_str(&format!("-{}", time.millis()));
        if !suffix.is_empty() {
            name.push_str(&format!(".{suffix}"));
        }
        // A leading dot or underscore is what readers of such directories pass over.
        Place {
            finished: prefix.with_file_name(&name),
            unfinished: prefix.with_file_name(format!("_{name}.unfinished")),
        }
    }

    fn begin(&self) -> Result<(), BoxError> {
        remove(&self.unfinished)?;
        fs::create_dir_all(&self.unfinished).map_err(|error| at(&self.unfinished, error))
    }

    #[expect(clippy::disallowed_methods, reason = "the files of an output are its own")]
    fn finish(&self) -> Result<(), BoxError> {
        let mark = self.unfinished.join(SUCCESS);
        File::create(&mark).map_err(|error| at(&mark, error))?;
        remove(&self.finished)?;
        fs::rename(&self.unfinished, &self.finished).map_err(|error| at(&self.finished, error))
    }
}

/// Removes a directory if it is there.
#[expect(clippy::disallowed_methods, reason = "the files of an output are its own")]
fn remove(directory: &Path) -> Result<(), BoxError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(directory, error)),
        _ => Ok(()),
    }
}

fn at(path: &Path, error: std::io::Error) -> BoxError {
    format!("{}: {error}", path.display()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_the_name_of_the_guide() {
        let time = Time::from_millis(1500);
        assert_eq!(Place::new(Path::new("/out/counts"), "txt", time).finished, Path::new("/out/counts-1500.txt"));
        assert_eq!(Place::new(Path::new("counts"), "", time).finished, Path::new("counts-1500"));
    }
}
