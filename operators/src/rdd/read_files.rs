//! `object_file` and `text_file`: datasets that were written to files.

use super::source::Parallelize;
use super::{Flow, Rdd, RddNode, Sink};
use crate::files::object::read_objects;
use crate::files::parts_of;
use crate::files::text::read_text;
use crate::outcome::BoxError;
use crate::record::{Data, Record};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::scope::JobScope;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};

/// Makes datasets of files. The directory is looked at when the dataset is made, its files are read by the tasks.
pub trait ReadFiles: Parallelize {
    /// The dataset that [`save_as_object_file`](Rdd::save_as_object_file) or
    /// [`save_as_object_files`](crate::DStream::save_as_object_files) wrote to `directory`, in the same partitions.
    ///
    /// `T` is the type that was written. Its name is compared (without its modules); that its fields and variants are the
    /// same, in the same order, is the program's affair.
    ///
    /// # Errors
    /// A directory that is not there or not whole. What is wrong with a file (it is damaged, cut short, of another type) fails
    /// the task that reads it, with the file and the byte.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// # let home = tempfile::tempdir()?;
    /// engine.parallelize([0.5, 1.5], 2).save_as_object_file(home.path().join("levels"))?;
    /// let levels = engine.object_file::<f64>(home.path().join("levels"))?;
    /// assert_eq!(levels.collect()?, [0.5, 1.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn object_file<T: Record>(&self, directory: impl AsRef<Path>) -> Result<Rdd<T>, JobError> {
        let site = Site::here("object_file");
        let parts = parts_of(directory.as_ref());
        files(self.dataset_scope(), site, parts, move |parts, partition, task, out| match parts.get(partition) {
            Some(path) => read_objects(path, (partition, parts.len()), site, task, out),
            None => Ok(()),
        })
    }

    /// The lines of the file `path`, or of the directory `path` that [`save_as_text_file`](Rdd::save_as_text_file) or
    /// [`save_as_text_files`](crate::DStream::save_as_text_files) wrote: a partition per file, a record per line, without line
    /// ends.
    ///
    /// What is not valid UTF-8 becomes U+FFFD, with a warning. A line is held in memory as a whole.
    ///
    /// # Errors
    /// A path that is not there; a directory that is not whole.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # let engine = Engine::local(1)?;
    /// # let home = tempfile::tempdir()?;
    /// engine.parallelize(["to be", "or not"], 2).save_as_text_file(home.path().join("lines"))?;
    /// assert_eq!(engine.text_file(home.path().join("lines"))?.collect()?, ["to be", "or not"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn text_file(&self, path: impl AsRef<Path>) -> Result<Rdd<String>, JobError> {
        let (site, path) = (Site::here("text_file"), path.as_ref());
        let parts = if path.is_file() { Ok(vec![path.to_owned()]) } else { parts_of(path) };
        files(self.dataset_scope(), site, parts, move |parts, partition, task, out| match parts.get(partition) {
            Some(path) => read_text(path, site, task, out),
            None => Ok(()),
        })
    }
}

impl<P: Parallelize> ReadFiles for P {}

/// The dataset of the files `parts`.
fn files<T: Data>(
    scope: &Arc<JobScope>,
    site: Site,
    parts: Result<Vec<PathBuf>, BoxError>,
    read: impl Fn(&[PathBuf], usize, &TaskContext, &mut dyn Sink<T>) -> Flow + Send + Sync + 'static,
) -> Result<Rdd<T>, JobError> {
    let parts = parts.map_err(|error| JobError::Failed { site, batch: scope.batch(), message: error.to_string() })?;
    Ok(Rdd::new(Arc::new(Files { id: scope.core().next_rdd(), parts, read }), scope.clone()))
}

struct Files<F> {
    id: RddId,
    parts: Vec<PathBuf>,
    read: F,
}

impl<F: Send + Sync> Lineage for Files<F> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.parts.len()
    }

    fn requirements(&self, _: usize) -> Vec<Requirement> {
        Vec::new()
    }
}

impl<T, F> RddNode<T> for Files<F>
where
    F: Fn(&[PathBuf], usize, &TaskContext, &mut dyn Sink<T>) -> Flow + Send + Sync,
{
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        (self.read)(&self.parts, partition, task, out)
    }
}
