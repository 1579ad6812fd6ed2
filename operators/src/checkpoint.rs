//! Checkpoints: where what must survive the process is kept, and going on from there.

use crate::context::StreamingContext;
use crate::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_runtime::config::Config;
use waterwheel_runtime::durable::Storage;

/// Where a program keeps what must survive.
pub(crate) enum Checkpoint {
    /// In a directory, in RocksDB.
    Directory(PathBuf),
    /// In a storage of the user's.
    Storage(Arc<dyn Storage>),
}

impl StreamingContext {
    /// Keeps state, received blocks and the progress of batches in `dir`, so that they survive the process. Stateful operators
    /// need it.
    ///
    /// When the program starts and the directory is empty, or not there, it begins anew. Otherwise it goes on where the last run ended:
    /// state as of the last committed batch; batches that were not committed are run again over exactly their blocks; then comes
    /// what was received and in no batch yet; then new data. The program itself is always the one of the code: operators are
    /// matched with what is stored by their names (see [`DStream::named`](crate::DStream::named)), and `start` tells what is
    /// new, gone or different.
    ///
    /// The directory belongs to one program at a time. `checkpoint.*` in the configuration says how often batches become durable
    /// and what becomes of those missed while down.
    pub fn checkpoint(&self, dir: impl Into<PathBuf>) {
        self.set_checkpoint(Checkpoint::Directory(dir.into()));
    }

    /// As [`checkpoint`](StreamingContext::checkpoint), into a storage: one in memory for tests, or one that fails on purpose.
    pub fn checkpoint_to(&self, storage: Arc<dyn Storage>) {
        self.set_checkpoint(Checkpoint::Storage(storage));
    }

    /// A context over a checkpoint directory, with the program that `build` makes: recovers what is there, or begins anew. Spark's
    /// way of writing it; `build` is always called, since the program comes from the code.
    ///
    /// # Errors
    /// As [`new`](StreamingContext::new), or that of `build`. What is wrong with the directory is told by
    /// [`start`](StreamingContext::start).
    #[track_caller]
    pub fn get_or_create(
        dir: impl Into<PathBuf>,
        config: Config,
        interval: Duration,
        build: impl FnOnce(&StreamingContext) -> Result<(), Error>,
    ) -> Result<StreamingContext, Error> {
        let ssc = StreamingContext::new(config, interval)?;
        ssc.checkpoint(dir);
        build(&ssc)?;
        Ok(ssc)
    }
}
