//! How far writes have been answered as durable: what tells lost data from data that was never promised.
//!
//! A log whose end is cut off looks like one whose last write was torn. A torn write was never answered, so nobody relies on it;
//! if more is missing, recovery would quietly go back in time. So the number of the last write that was answered as durable is
//! noted after each, in a file of its own. The note is not synchronised: it may be old after the machine went down, never ahead.

use crate::codec::stable_hash;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The note, open for writing.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
    noted: u64,
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// There is none.
    Missing,
    /// It is not as it was written.
    Damaged,
    /// Writes up to this number were answered.
    UpTo(u64),
}

fn bytes(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&stable_hash(&number.to_le_bytes()).to_le_bytes());
    bytes
}

/// Reads the note at `path`.
pub(super) fn read(path: &Path) -> io::Result<Note> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Note::Missing),
        file => file?,
    };
    if file.metadata()?.len() != 16 {
        return Ok(Note::Damaged);
    }
    let mut found = [0; 16];
    file.read_exact_at(&mut found, 0)?;
    let (number, _) = found.split_at(8);
    let number = u64::from_le_bytes(number.try_into().unwrap_or_default());
    Ok(if found == bytes(number) { Note::UpTo(number) } else { Note::Damaged })
}

impl Acknowledged {
    /// Opens the note for writing, and notes `number`.
    pub(super) fn open(path: &Path, number: u64) -> io::Result<Acknowledged> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let mut note = Acknowledged { file, noted: 0 };
        note.file.write_all_at(&bytes(number), 0)?;
        note.file.set_len(16)?;
        note.file.sync_all()?;
        note.noted = number;
        Ok(note)
    }

    /// Notes that writes up to `number` were answered.
    pub(super) fn advance(&mut self, number: u64) {
        if number <= self.noted {
            return;
        }
        match self.file.write_all_at(&bytes(number), 0) {
            Ok(()) => self.noted = number,
            // An older note is true as well; only less of a loss would be found.
            Err(error) => log::warn!("cannot note in the checkpoint directory what is durable: {error}"),
        }
    }
}
