//! What a stream of files may be told.

use super::names::is_finished;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The most files of a batch: what a batch reads is written down in one value.
const MOST_FILES: usize = 10_000;

/// When a file is read, and how much of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileMode {
    /// Once, as a whole, when it has come to rest: its size and modification time were the same in two listings at least
    /// [`FileOptions::settle`] apart. So a file is read a batch or two after its writer has finished. For files that are written
    /// or copied in place, by a writer that does not pause for longer than that.
    #[default]
    Settled,
    /// Once, as a whole, in the first batch that sees it. For files that are written elsewhere on the same file system and
    /// renamed into the directory: a name appears when the file is complete.
    Renamed,
    /// As it grows: what has been appended since the last batch, up to the end of the last complete line (for
    /// `binary_records_stream`: record). What follows waits for its end. For logs. A file that is renamed within its directory
    /// (rotated) is read on, also under a name that the filter leaves out; one that is cut short is read from its beginning.
    Tail,
}

/// What becomes of a file that changes after it was read as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenGrown {
    /// It is reported, once, by name, and not read again.
    #[default]
    Report,
    /// What was appended is read, as a whole, when that has come to rest. Other changes are reported; so is what is behind the place
    /// up to where the file was read when the bytes before it are others now: then the file was written anew.
    Read,
}

/// What becomes of a file that belongs to a batch and cannot be read by it: it is gone, is another one, was cut short, may not
/// be opened, or its decoder refuses its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenLost {
    /// The batch fails, with an error that names the file. What that means is up to the context's failure policy.
    #[default]
    Fail,
    /// It is left out, or what is left of it, and that is reported with its name and the batch.
    Skip,
}

/// How a stream of files looks for files and reads them. The default reads every file that appears in the directory itself once,
/// as a whole, when it has come to rest.
///
/// ```
/// use waterwheel_receivers::prelude::*;
///
/// let logs = FileOptions::default().mode(FileMode::Tail).filter(|path| path.extension().is_some_and(|end| end == "log"));
/// assert!(format!("{logs:?}").contains("Tail"));
/// ```
#[derive(Clone)]
pub struct FileOptions {
    pub(super) mode: FileMode,
    pub(super) settle: Duration,
    pub(super) filter: Filter,
    pub(super) new_files_only: bool,
    pub(super) recursive: bool,
    pub(super) follow_links: bool,
    pub(super) max_files: usize,
    pub(super) max_bytes: u64,
    pub(super) when_grown: WhenGrown,
    pub(super) when_lost: WhenLost,
}

/// Which files are wanted.
pub(super) type Filter = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

impl Default for FileOptions {
    fn default() -> FileOptions {
        FileOptions {
            mode: FileMode::default(),
            settle: Duration::from_millis(500),
            filter: Arc::new(is_finished),
            new_files_only: true,
            recursive: false,
            follow_links: true,
            max_files: 1_000,
            max_bytes: 256 << 20,
            when_grown: WhenGrown::default(),
            when_lost: WhenLost::default(),
        }
    }
}

impl fmt::Debug for FileOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileOptions")
            .field("mode", &self.mode)
            .field("settle", &self.settle)
            .field("new_files_only", &self.new_files_only)
            .field("recursive", &self.recursive)
            .field("follow_links", &self.follow_links)
            .field("max_files", &self.max_files)
            .field("max_bytes", &self.max_bytes)
            .field("when_grown", &self.when_grown)
            .field("when_lost", &self.when_lost)
            .finish_non_exhaustive()
    }
}

impl FileOptions {
    /// When a file is read. Default: [`FileMode::Settled`].
    #[must_use]
    pub fn mode(mut self, mode: FileMode) -> FileOptions {
        self.mode = mode;
        self
    }

    /// How long a file must have stayed the same to be read, by the engine's monotonic clock. Default: 500 ms. Only for
    /// [`FileMode::Settled`] and [`WhenGrown::Read`].
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> FileOptions {
        self.settle = settle;
        self
    }

    /// Which files are wanted, by their paths. It takes the place of the default, [`is_finished`](super::is_finished), which
    /// leaves out names that begin with `.` or `_` and those that tools give to files they have not finished.
    #[must_use]
    pub fn filter(mut self, filter: impl Fn(&Path) -> bool + Send + Sync + 'static) -> FileOptions {
        self.filter = Arc::new(filter);
        self
    }

    /// Whether files that are there when the program starts for the first time are passed over, also those that are being
    /// written then. Default: `true`. When it goes on from a checkpoint, what came meanwhile is new in either case, also if the run
    /// before had no batch: which files were passed over is durable when the start is over. In [`FileMode::Tail`] such a file is
    /// read from its end on.
    #[must_use]
    pub fn new_files_only(mut self, new_files_only: bool) -> FileOptions {
        self.new_files_only = new_files_only;
        self
    }

    /// Whether directories in the directory are looked into, too, however deep. Default: `false`. Those whose names begin with
    /// `.` or `_` are not.
    #[must_use]
    pub fn recursive(mut self, recursive: bool) -> FileOptions {
        self.recursive = recursive;
        self
    }

    /// Whether symbolic links are followed. Default: `true`. A file that is found under several names is one file; a link to a
    /// directory above it is not followed. The directory that the stream is given may be a link in either case.
    #[must_use]
    pub fn follow_links(mut self, follow_links: bool) -> FileOptions {
        self.follow_links = follow_links;
        self
    }

    /// The most files that a batch reads of, from 1 to 10,000; the others wait. Default: 1,000.
    #[must_use]
    pub fn max_files(mut self, max_files: usize) -> FileOptions {
        self.max_files = max_files.clamp(1, MOST_FILES);
        self
    }

    /// The most bytes that a batch reads, at least 1; what is left waits. Default: 256 MiB. A file that is read as a whole and
    /// is larger comes alone, and so does a longer line.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> FileOptions {
        self.max_bytes = max_bytes.max(1);
        self
    }

    /// What becomes of a file that changes after it was read as a whole. Default: [`WhenGrown::Report`].
    #[must_use]
    pub fn when_grown(mut self, when_grown: WhenGrown) -> FileOptions {
        self.when_grown = when_grown;
        self
    }

    /// What becomes of a file that its batch cannot read. Default: [`WhenLost::Fail`].
    #[must_use]
    pub fn when_lost(mut self, when_lost: WhenLost) -> FileOptions {
        self.when_lost = when_lost;
        self
    }
}
