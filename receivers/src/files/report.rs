//! What is told of files, apart from errors of batches.

use std::fmt;
use std::path::PathBuf;

/// Something that whoever runs the program should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Report {
    /// It was read as a whole, or passed over, and is different now.
    Changed { path: PathBuf, read: u64, now: u64 },
    /// It is shorter than what was read of it.
    CutShort { path: PathBuf, read: u64, now: u64 },
    /// It has other bytes now where it was read.
    Rewritten { path: PathBuf, read: u64 },
    /// It is gone, and something of it was not read.
    GoneUnread { path: PathBuf, bytes: u64 },
    /// It cannot be opened.
    Unreadable { path: PathBuf, reason: String },
    /// Its last line has no end, and is longer than a line may be.
    LongLine { path: PathBuf, at: u64, bytes: u64 },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::Changed { path, read, now } => write!(
                f,
                "{path:?} was read as a whole, or passed over at the first start, when it had {read} bytes, and was changed after \
                 that (it has {now} bytes now): what is new in it is not read; write files elsewhere and rename them into the directory, or read them with FileMode::Tail"
            ),
            Report::CutShort { path, read, now } => write!(
                f,
                "{path:?} was cut short: {read} bytes of it were read, and it has {now} now; it is read again from its beginning"
            ),
            Report::Rewritten { path, read } => write!(
                f,
                "{path:?} was written anew: its first {read} bytes are not those that were read; it is read again from its beginning"
            ),
            Report::GoneUnread { path, bytes } => {
                write!(f, "{path:?} is gone, and its last {bytes} bytes were not read")
            }
            Report::Unreadable { path, reason } => {
                write!(f, "{path:?} cannot be read and waits: {reason}; the other files are read")
            }
            Report::LongLine { path, at, bytes } => write!(
                f,
                "{path:?} has {bytes} bytes without the end of a line from byte {at} on, more than receiver.max_line: they wait \
                 for it"
            ),
        }
    }
}
