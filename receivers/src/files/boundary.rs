//! Up to where a file that grows can be read.

use memchr::{memchr, memrchr};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use waterwheel_runtime::codec::stable_hash;

/// Bytes that are read at a time to find the end of a line.
const STEP: u64 = 64 << 10;
/// Bytes before a position that tell whether it is still where it was: lines of logs differ by their times.
const MARKED: u64 = 256;

/// What records end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordEnd {
    /// Lines.
    Newline,
    /// All records are so many bytes long.
    Every(u64),
}

impl RecordEnd {
    /// The end of the last complete record of `file` between `from`, where one begins, and `size`; one that is at most `room` bytes
    /// away, or else the first. No record ends up to `looked`. `None` when none is complete.
    pub(super) fn find(self, file: &File, from: u64, looked: u64, size: u64, room: u64) -> io::Result<Option<u64>> {
        let near = from.saturating_add(room).min(size);
        match self {
            RecordEnd::Every(length) => {
                let records = ((near - from) / length).max(1);
                Ok(records.checked_mul(length).and_then(|bytes| from.checked_add(bytes)).filter(|end| *end <= size))
            }
            RecordEnd::Newline => {
                let found = if near > looked { last_newline(file, looked, near)? } else { None };
                match found {
                    Some(end) => Ok(Some(end)),
                    None => first_newline(file, near.max(looked), size),
                }
            }
        }
    }
}

/// What the bytes before `at` are, shortened: those of another text are others.
pub(super) fn mark(file: &File, at: u64) -> io::Result<u64> {
    Ok(stable_hash(&read(file, at.saturating_sub(MARKED), at)?))
}

/// Behind the last newline in `from..to`.
fn last_newline(file: &File, from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut end = to;
    while end > from {
        let begin = end.saturating_sub(STEP).max(from);
        let bytes = read(file, begin, end)?;
        if let Some(at) = memrchr(b'\n', &bytes) {
            return Ok(Some(begin + at as u64 + 1));
        }
        end = begin;
    }
    Ok(None)
}

/// Behind the first newline in `from..to`.
fn first_newline(file: &File, from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut begin = from;
    while begin < to {
        let end = begin.saturating_add(STEP).min(to);
        let bytes = read(file, begin, end)?;
        if let Some(at) = memchr(b'\n', &bytes) {
            return Ok(Some(begin + at as u64 + 1));
        }
        begin = end;
    }
    Ok(None)
}

fn read(file: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn lines_longer_than_a_step_are_found() {
        let mut bytes = vec![b'x'; 200_000];
        bytes.push(b'\n');
        bytes.extend(vec![b'y'; 200_000]);
        let (file, size) = (file(&bytes), bytes.len() as u64);
        assert_eq!(RecordEnd::Newline.find(&file, 0, 0, size, u64::MAX).unwrap(), Some(200_001));
        assert_eq!(RecordEnd::Newline.find(&file, 0, 0, size, 10).unwrap(), Some(200_001), "a long line comes alone");
        assert_eq!(RecordEnd::Newline.find(&file, 200_001, 200_001, size, u64::MAX).unwrap(), None);
    }

    proptest! {
        #[test]
        fn the_end_found_is_the_one_that_a_look_at_all_bytes_finds(
            bytes in prop::collection::vec(prop_oneof![3 => Just(b'x'), 1 => Just(b'\n')], 0..60),
            from in 0..60_usize, room in 1..80_u64, length in 1..9_u64,
        ) {
            let from = from.min(bytes.len());
            let (file, size) = (file(&bytes), bytes.len() as u64);
            let ends: Vec<u64> = (from..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| at as u64 + 1).collect();
            let near = ends.iter().rfind(|end| **end <= from as u64 + room);
            let expected = near.or(ends.first()).copied();
            prop_assert_eq!(RecordEnd::Newline.find(&file, from as u64, from as u64, size, room).unwrap(), expected);
            let records = (size - from as u64).min(room) / length;
            let expected = from as u64 + records.max(1) * length;
            let found = RecordEnd::Every(length).find(&file, from as u64, from as u64, size, room).unwrap();
            prop_assert_eq!(found, (expected <= size).then_some(expected));
        }
    }
}
