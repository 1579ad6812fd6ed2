//! What a batch reads: parts of files, and how they are shared out among tasks.

use super::identity::FileId;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes that one task reads at least, when there is as much: thousands of small files are not thousands of partitions. Fixed,
/// so that a batch that is run again has the same partitions wherever that is.
const TASK_BYTES: u64 = 4 << 20;
/// What a file costs beside its bytes, in bytes: to open it.
const FILE_BYTES: u64 = 32 << 10;

/// What one batch reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileRange {
    pub(super) pieces: Vec<Piece>,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    /// The bytes of its path: names need not be text.
    path: Vec<u8>,
    pub(super) id: FileId,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Piece {
    pub(super) fn new(path: &Path, id: FileId, from: u64, to: u64) -> Piece {
        Piece { path: path.as_os_str().as_bytes().to_vec(), id, from, to }
    }

    pub(super) fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

/// As it is shown to people.
impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, bytes {} to {}", self.path().display(), self.from, self.to)
    }
}

impl FileRange {
    /// The pieces of each task, in order. A large file is one piece: it is not split.
    pub(super) fn tasks(&self) -> Vec<Vec<Piece>> {
        let (mut tasks, mut task, mut cost) = (Vec::new(), Vec::new(), 0_u64);
        for piece in &self.pieces {
            task.push(piece.clone());
            cost = cost.saturating_add(piece.to.saturating_sub(piece.from)).saturating_add(FILE_BYTES);
            if cost >= TASK_BYTES {
                tasks.push(std::mem::take(&mut task));
                cost = 0;
            }
        }
        if !task.is_empty() {
            tasks.push(task);
        }
        tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece(number: usize, bytes: u64) -> Piece {
        let id = FileId { device: 1, inode: number as u64, born: None };
        Piece::new(Path::new(&format!("/in/{number}")), id, 0, bytes)
    }

    #[test]
    fn thousands_of_small_files_are_few_tasks_and_a_large_one_has_its_own() {
        let pieces: Vec<Piece> = (0..1_000).map(|number| piece(number, 10)).collect();
        assert_eq!(FileRange { pieces }.tasks().len(), 8);
        let pieces = vec![piece(0, 10), piece(1, 100 << 20), piece(2, 10)];
        let lengths: Vec<usize> = FileRange { pieces }.tasks().iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 1]);
    }

    proptest! {
        #[test]
        fn tasks_are_the_pieces_in_order(bytes in prop::collection::vec(0..10_u64 << 20, 0..50)) {
            let pieces: Vec<Piece> = bytes.into_iter().enumerate().map(|(number, bytes)| piece(number, bytes)).collect();
            let range = FileRange { pieces: pieces.clone() };
            prop_assert!(range.tasks().iter().all(|task| !task.is_empty()));
            prop_assert_eq!(range.tasks().concat(), pieces);
        }
    }
}
