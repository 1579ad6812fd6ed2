//! From a directory to a storage that an application can go on from.

use super::directory::DirectoryError;
use super::recovery::{Opened, RecoveryError};
use crate::ids::StreamId;
use crate::time::Time;
use std::path::Path;
use thiserror::Error;

/// What an application says when it opens its checkpoint directory.
#[derive(Debug, Clone, Copy)]
pub struct OpenRequest<'a> {
    /// The directory; made when there is none.
    pub directory: &'a Path,
    /// The name of the application.
    pub application: &'a str,
    /// The names of its input streams: those of their operators.
    pub streams: &'a [(String, StreamId)],
    /// The time, for those who find the directory in use.
    pub now: Time,
}

/// Why a checkpoint directory could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What is in it.
    #[error("{}: {cause}", directory.display())]
    Recovery {
        /// The directory.
        directory: std::path::PathBuf,
        /// What is wrong.
        #[source]
        cause: RecoveryError,
    },
    /// This build has no storage for directories.
    #[error("checkpoint directories need the cargo feature `rocksdb`, which this build was made without")]
    Unsupported,
}

/// Opens a checkpoint directory and finds out where to go on. It reads what is stored, so it takes its time: call it on a thread
/// that may wait.
///
/// # Errors
/// When the directory is in use, is not a checkpoint directory, belongs to another application, has a newer format or is
/// damaged. Nothing that was stored is changed then.
#[cfg(feature = "rocksdb")]
pub fn open(request: OpenRequest<'_>) -> Result<Opened, OpenError> {
    use super::directory::CheckpointDirectory;
    use super::recovery::resume;
    use super::rocks::{RocksOptions, RocksStorage};
    use std::sync::Arc;

    let OpenRequest { directory, application, streams, now } = request;
    let storage = CheckpointDirectory::open(directory, application, now)
        .and_then(|directory| RocksStorage::open(directory, RocksOptions::default()))?;
    let storage = Arc::new(storage);
    let opened = resume(storage.clone(), application, streams)
        .map_err(|cause| OpenError::Recovery { directory: directory.to_owned(), cause })?;
    storage.mark()?;
    Ok(opened)
}

/// Says that this build has no storage for directories.
///
/// # Errors
/// Always.
#[cfg(not(feature = "rocksdb"))]
pub fn open(_: OpenRequest<'_>) -> Result<Opened, OpenError> {
    Err(OpenError::Unsupported)
}
