//! What is remembered of files that were read, and how it is written down.

use super::identity::{FileId, Stamp};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use waterwheel_runtime::batch::MemoryChange;
use waterwheel_runtime::codec::{self, CodecError};

/// What rows begin with, so that a later version can tell its own apart.
const VERSION: u8 = 1;
/// The longest row that is read.
const LIMIT_BYTES: usize = 1 << 20;

/// A file of which something was read, or which was there before the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) path: Arc<Path>,
    /// What was read of it, from its beginning.
    pub(super) position: u64,
    /// What the bytes before that position were, of a file that may grow.
    pub(super) mark: Option<u64>,
    /// How it was when that was decided.
    pub(super) size: u64,
    pub(super) modified: Stamp,
}

/// [`Known`] as it is written.
#[derive(Serialize, Deserialize)]
struct Row {
    path: Vec<u8>,
    position: u64,
    mark: Option<u64>,
    size: u64,
    modified: Stamp,
}

/// The row that says that there was a first start. No file has an empty key.
const STARTED: &[u8] = &[];

/// The change that writes down that there was a first start: the next one finds something, though no file was there.
pub(super) fn started() -> MemoryChange {
    MemoryChange::Put { key: STARTED.to_vec(), value: vec![VERSION] }
}

/// The key of a file's row.
fn key(id: &FileId) -> Result<Vec<u8>, CodecError> {
    codec::encode(id)
}

/// The change that writes a file down, or has it forgotten.
pub(super) fn change(id: &FileId, known: Option<&Known>) -> Result<MemoryChange, CodecError> {
    let key = key(id)?;
    let Some(known) = known else { return Ok(MemoryChange::Forget { key }) };
    let row = Row {
        path: known.path.as_os_str().as_bytes().to_vec(),
        position: known.position,
        mark: known.mark,
        size: known.size,
        modified: known.modified,
    };
    let mut value = vec![VERSION];
    value.extend(codec::encode(&row)?);
    Ok(MemoryChange::Put { key, value })
}

/// The file of a row; `None` for the row that is of no file.
///
/// # Errors
/// Why the row cannot be understood.
pub(super) fn read(key: &[u8], value: &[u8]) -> Result<Option<(FileId, Known)>, String> {
    let row = match value.split_first() {
        Some((&VERSION, row)) => row,
        Some((version, _)) => return Err(format!("a later version of Waterwheel wrote it (version {version})")),
        None => return Err("it is empty".to_owned()),
    };
    if key == STARTED {
        return Ok(None);
    }
    let id = codec::decode(key, LIMIT_BYTES).map_err(|error| error.to_string())?;
    let Row { path, position, mark, size, modified } =
        codec::decode(row, LIMIT_BYTES).map_err(|error| error.to_string())?;
    Ok(Some((id, Known { path: Path::new(OsStr::from_bytes(&path)).into(), position, mark, size, modified })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_row_of_the_first_start_is_of_no_file() {
        let MemoryChange::Put { key, value } = started() else { panic!("it is not written") };
        assert_eq!(read(&key, &value), Ok(None));
    }

    proptest! {
        #[test]
        fn a_file_is_read_back_as_it_was_written(
            path in prop::collection::vec(1..=255_u8, 1..40),
            (device, inode, position, size) in any::<(u64, u64, u64, u64)>(),
            (born, modified, mark) in any::<(Option<i64>, i64, Option<u64>)>(),
        ) {
            let id = FileId { device, inode, born: born.map(Stamp::new) };
            let path = Path::new(OsStr::from_bytes(&path)).into();
            let known = Known { path, position, mark, size, modified: Stamp::new(modified) };
            let Ok(MemoryChange::Put { key, value }) = change(&id, Some(&known)) else { panic!("it is not written") };
            prop_assert_eq!(read(&key, &value), Ok(Some((id, known))));
            prop_assert_eq!(change(&id, None).unwrap(), MemoryChange::Forget { key });
        }

        #[test]
        fn what_is_no_row_is_refused(key in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(Some((id, known))) = read(&key, &value) {
                prop_assert_eq!(value.first(), Some(&VERSION));
                prop_assert!(change(&id, Some(&known)).is_ok());
            }
        }
    }
}
