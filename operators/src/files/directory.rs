//! The protocol of outputs to files: a directory appears whole, under its name, or not at all.
//!
//! A dataset goes to a directory with a file `part-00000`, `part-00001`, ... per partition and an empty file `_SUCCESS`.
//! For `counts` there are, side by side,
//!
//! | name | what it is |
//! | --- | --- |
//! | `counts` | the dataset, whole; what readers read |
//! | `_counts.0.unfinished` | what one save is writing, or was when its process ended; several at once have 0, 1, 2, ... |
//! | `_counts.replaced` | the dataset before, for the moment in which the new one takes its place |
//!
//! Readers of such directories pass over names that begin with `_`. The steps, each durable before the next begins:
//!
//! 1. The parts are written to `_counts.*.unfinished` and synced, by the tasks.
//! 2. `_SUCCESS` is made there, and the directory is synced: all names in it are durable.
//! 3. If there is no `counts`, the directory is renamed to it. If there is, the two swap names in one step, and at any instant
//!    a reader finds the old dataset or the new one. Where the file system cannot swap (some network file systems), `counts`
//!    is renamed to `_counts.replaced` and then `_counts.*.unfinished` to `counts`; between the two a reader finds nothing.
//! 4. The directory of all of them is synced, and then the old dataset is removed.
//!
//! A crash loses nothing that was there. Before step 3 `counts` is untouched; after it `counts` is the new dataset. Within its
//! two renames the old dataset is whole in `_counts.replaced` and the new one in `_counts.*.unfinished`: the next run over the
//! same name puts the old one back before it does anything else. That run is sure to come where batches are run again after a
//! crash, for the batch was not done.
//!
//! Several saves may write to one name at once, in one process or in many: each has a directory of its own, all of them are
//! whole, and the last to finish stays. A save that fails removes its directory. One that a crash has left is removed by the
//! next save over the name, which comes upon it under the same number and knows it by the lock that nobody holds (see
//! `unfinished`); where directories cannot be locked it is left for good. Locks have to reach as far as writers do: on a network file system that keeps them to one machine, two
//! machines must not write to one name.
//!
//! What is to be replaced has to be such a dataset itself, or empty: a directory without `_SUCCESS` is somebody else's, and a
//! wrong path must not remove it.

use super::durable::{create_directory, parent, remove_directory, rename, swap, sync_directory};
use super::unfinished::Unfinished;
use crate::outcome::BoxError;
use crate::rdd::{Flow, Input, Rdd};
use crate::record::Data;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use waterwheel_runtime::error::{JobError, TaskError};
use waterwheel_runtime::failpoint::fail_point;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;
use waterwheel_runtime::time::Time;

/// Says that a directory holds the whole of a dataset.
const SUCCESS: &str = "_SUCCESS";

/// What the names of parts begin with.
const PART: &str = "part-";

/// The places of one dataset.
pub(crate) struct OutputDirectory {
    finished: PathBuf,
    replaced: PathBuf,
}

impl OutputDirectory {
    /// The directory `path`, for the action at `site`.
    ///
    /// # Errors
    /// A path that does not end in a name.
    pub(crate) fn of_dataset<T: Data>(dataset: &Rdd<T>, site: Site, path: &Path) -> Result<OutputDirectory, JobError> {
        OutputDirectory::new(path).map_err(|error| failed(dataset, site, &*error))
    }

    fn new(path: &Path) -> Result<OutputDirectory, BoxError> {
        let name = path.file_name().ok_or_else(|| no_name(path))?;
        let mut replaced = OsString::from("_");
        replaced.push(name);
        replaced.push(".replaced");
        Ok(OutputDirectory { finished: path.to_owned(), replaced: path.with_file_name(replaced) })
    }

    /// `prefix-TIME_MS`, or `prefix-TIME_MS.suffix`.
    ///
    /// # Errors
    /// A prefix that does not end in a name.
    pub(crate) fn of_batch(prefix: &Path, suffix: &str, time: Time) -> Result<OutputDirectory, BoxError> {
        let mut name = prefix.file_name().ok_or_else(|| no_name(prefix))?.to_owned();
        name.push(format!("-{}", time.millis()));
        if !suffix.is_empty() {
            name.push(format!(".{suffix}"));
        }
        OutputDirectory::new(&prefix.with_file_name(name))
    }

    /// Puts right what a crash has left, and makes an empty place to write to.
    fn begin(&self) -> Result<Unfinished, BoxError> {
        self.put_back()?;
        self.check_replaceable()?;
        let home = parent(&self.finished);
        create_directory(home).and_then(|()| Unfinished::beside(&self.finished)).map_err(|error| at(home, error))
    }

    /// A crash between the two renames of [`finish`](OutputDirectory::finish) has left no dataset under its name.
    fn put_back(&self) -> Result<(), BoxError> {
        let aside = |error| at(&self.replaced, error);
        if !self.replaced.try_exists().map_err(aside)? {
            return Ok(());
        }
        if self.finished.join(SUCCESS).is_file() {
            return remove_directory(&self.replaced).map_err(aside);
        }
        // Nothing is there, or an empty directory, which it replaces.
        rename(&self.replaced, &self.finished).map_err(|error| {
            let (finished, replaced) = (self.finished.display(), self.replaced.display());
            format!(
                "{replaced} is the dataset from before a crash and cannot be put back to {finished}: {error}; \
                 what is in {finished} is no dataset (it has no {SUCCESS}), so move one of the two elsewhere"
            )
            .into()
        })
    }

    fn check_replaceable(&self) -> Result<(), BoxError> {
        let mut entries = match fs::read_dir(&self.finished) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| at(&self.finished, error))?,
        };
        if self.finished.join(SUCCESS).is_file() || entries.next().is_none() {
            return Ok(());
        }
        let path = self.finished.display();
        Err(format!(
            "{path}: the directory is there already and is not a dataset (it has no {SUCCESS}), so it is not replaced; \
             write to another one, or remove it first"
        )
        .into())
    }

    /// Puts what was written in its place.
    fn finish(&self, mut new: Unfinished) -> Result<(), BoxError> {
        fail_point("files.before_mark");
        mark(&new).map_err(|error| at(new.path(), error))?;
        fail_point("files.before_place");
        // Something else may have come there while the parts were written.
        self.check_replaceable()?;
        // From here on it may be the old dataset that has this name.
        new.keep();
        let old = self.put_in_place(&new)?;
        fail_point("files.after_place");
        match old {
            Old::None => {}
            Old::Swapped => new.remove_swapped(),
            Old::SetAside => {
                if let Err(error) = remove_directory(&self.replaced) {
                    // The new dataset is in its place. What is left hurts nobody, and the next run over this name removes it.
                    let (old, finished) = (self.replaced.display(), self.finished.display());
                    log::warn!("{old} is the old {finished} and could not be removed: {error}");
                }
            }
        }
        Ok(())
    }

    fn put_in_place(&self, new: &Unfinished) -> Result<Old, BoxError> {
        let here = |error| at(&self.finished, error);
        if !self.finished.try_exists().map_err(here)? {
            match rename(new.path(), &self.finished) {
                // Another save was faster.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => self.check_replaceable()?,
                renamed => return renamed.map(|()| Old::None).map_err(here),
            }
        }
        if swap(new.path(), &self.finished).map_err(here)? {
            return Ok(Old::Swapped);
        }
        self.put_in_place_by_two_renames(new).map_err(here)?;
        Ok(Old::SetAside)
    }

    fn put_in_place_by_two_renames(&self, new: &Unfinished) -> io::Result<()> {
        rename(&self.finished, &self.replaced)?;
        rename(new.path(), &self.finished)
    }
}

/// Where the dataset is that was replaced.
#[derive(Debug, PartialEq, Eq)]
enum Old {
    /// There was none.
    None,
    /// Where the new one was written.
    Swapped,
    /// Under the name for that.
    SetAside,
}

/// The dataset is whole, and all of it is durable.
fn mark(new: &Unfinished) -> io::Result<()> {
    File::create(new.path().join(SUCCESS))?.sync_all()?;
    sync_directory(new.path())
}

fn part(new: &Unfinished, number: usize) -> PathBuf {
    new.path().join(format!("{PART}{number:05}"))
}

fn no_name(path: &Path) -> BoxError {
    format!("{:?} does not end in the name of a directory; give it one, such as out/counts", path.display()).into()
}

fn at(path: &Path, error: io::Error) -> BoxError {
    format!("{}: {error}", path.display()).into()
}

/// A file that one task writes.
pub(crate) struct Part {
    /// What is written to it.
    pub(crate) file: BufWriter<File>,
    /// What it is called when something goes wrong with it.
    pub(crate) name: PartName,
}

/// A file, and the operator that it is written or read for.
pub(crate) struct PartName {
    path: PathBuf,
    site: Site,
}

impl PartName {
    /// What went wrong with the file, as the fault of a task.
    pub(crate) fn failed(&self, task: &TaskContext, error: impl fmt::Display) -> TaskError {
        task.failed(self.site, format!("{}: {error}", self.path.display()))
    }
}

/// Writes `dataset` to `directory`, each partition with `write`, for the operator at `site`.
///
/// # Errors
/// A directory that cannot be written or must not be replaced; the fault of the job.
pub(crate) fn save<T: Data>(
    dataset: &Rdd<T>,
    site: Site,
    directory: &OutputDirectory,
    write: impl Fn(&Input<'_, T>, &TaskContext, &mut Part) -> Flow + Send + Sync + 'static,
) -> Result<(), JobError> {
    let new = directory.begin().map_err(|error| failed(dataset, site, &*error))?;
    let parts: Vec<PathBuf> = (0..dataset.num_partitions()).map(|number| part(&new, number)).collect();
    dataset.run_job(site, move |input, task| {
        let Some(path) = parts.get(input.partition()) else { return Ok(()) };
        let name = PartName { path: path.clone(), site };
        // A task that is tried again begins its file anew.
        let file = File::create(path).map_err(|error| name.failed(task, error))?;
        let mut part = Part { file: BufWriter::new(file), name };
        write(input, task, &mut part)?;
        let Part { file, name } = part;
        let written = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        Ok(written.map_err(|error| name.failed(task, error))?)
    })?;
    directory.finish(new).map_err(|error| failed(dataset, site, &*error))
}

/// The fault of an operator on the driver side.
fn failed<T: Data>(dataset: &Rdd<T>, site: Site, error: &dyn std::error::Error) -> JobError {
    JobError::Failed { site, batch: dataset.scope().batch(), message: error.to_string() }
}

/// The parts of the dataset in `directory`, in order.
///
/// # Errors
/// A directory that is not there or not whole, with what to do.
pub(crate) fn parts_of(directory: &Path) -> Result<Vec<PathBuf>, BoxError> {
    let path = directory.display();
    let mut numbers = Vec::new();
    let mut whole = false;
    for entry in fs::read_dir(directory).map_err(|error| at(directory, error))? {
        let name = entry.map_err(|error| at(directory, error))?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(['_', '.']) {
            whole |= name == SUCCESS;
            continue;
        }
        let number = name.strip_prefix(PART).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let number: Option<usize> = number.and_then(|digits| digits.parse().ok());
        numbers.push(number.ok_or_else(|| format!("{path}: {name} is not a part of a dataset; move it elsewhere"))?);
    }
    if !whole {
        return Err(format!(
            "{path}: there is no {SUCCESS} in it, so it is not a whole dataset; wait for its writer to finish, or write it again"
        )
        .into());
    }
    numbers.sort_unstable();
    if let Some((missing, _)) = numbers.iter().enumerate().find(|(expected, number)| expected != *number) {
        return Err(format!("{path}: {PART}{missing:05} is missing; write the dataset again").into());
    }
    Ok(numbers.into_iter().map(|number| directory.join(format!("{PART}{number:05}"))).collect())
}

#[cfg(test)]
mod tests;
