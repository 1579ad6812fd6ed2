//! The blocks on disk. The only file of the store that touches the file system.
//!
//! One file per block, in a temporary directory that belongs to one store:
//!
//! ```text
//! offset  0          8          16
//!         | length   | checksum | encoded records ...
//!         | u64 LE   | u64 LE   | length bytes
//! ```
//!
//! The checksum is [`stable_hash`] of the encoded records. A file of another length or checksum is reported as
//! damaged; it is never decoded.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::StoreError;
use super::memory::Payload;
use crate::block::{BlockKey, ErasedCodec};
use crate::codec::{CodecError, StableHasher, stable_hash};

pub(super) const HEADER_BYTES: usize = 16;

/// Block files and the bytes they take.
#[derive(Debug)]
pub(super) struct Disk {
    dir: TempDir,
    bytes: usize,
}

impl Disk {
    /// Makes a temporary directory in `parent`, which is created when it does not exist. It is removed with everything
    /// in it on drop.
    pub(super) fn create_in(parent: &Path) -> Result<Self, StoreError> {
        let made =
            fs::create_dir_all(parent).and_then(|()| tempfile::Builder::new().prefix("blocks-").tempdir_in(parent));
        match made {
            Ok(dir) => Ok(Self { dir, bytes: 0 }),
            Err(source) => Err(StoreError::Directory { path: parent.to_owned(), source }),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The file of a block: the one place that knows file names.
    pub(super) fn path(&self, key: &BlockKey) -> PathBuf {
        self.dir.path().join(format!("{key}.block"))
    }

    /// Writes a block's file and returns its size. After an error there is no file.
    ///
    /// Records are encoded on their way into the file: what leaves memory for want of room does not first take more of it.
    pub(super) fn write(
        &mut self,
        key: &BlockKey,
        payload: &Payload,
        codec: &ErasedCodec,
    ) -> Result<usize, StoreError> {
        let path = self.path(key);
        match write_file(&path, payload, codec) {
            Ok(file_bytes) => {
                self.bytes += file_bytes;
                Ok(file_bytes)
            }
            Err(NotWritten::Encoding(source)) => Err(StoreError::Encode { block: *key, source }),
            Err(NotWritten::File(source)) => Err(StoreError::Write { block: *key, path, source }),
        }
    }

    /// Reads a block's file and proves that it is what was written.
    pub(super) fn read(&self, key: &BlockKey) -> Result<Vec<u8>, StoreError> {
        let path = self.path(key);
        match read_file(&path) {
            Ok(Ok(encoded)) => Ok(encoded),
            Ok(Err(reason)) => Err(StoreError::Damaged { block: *key, path, reason }),
            Err(source) => Err(StoreError::Read { block: *key, path, source }),
        }
    }

    /// Removes a block's file of this size.
    pub(super) fn remove(&mut self, key: &BlockKey, file_bytes: usize) {
        self.bytes -= file_bytes;
        let path = self.path(key);
        if let Err(error) = remove_file(&path) {
            // The block is gone for every reader, and the file goes with the directory at the latest.
            log::warn!("cannot remove {}: {error}", path.display());
        }
    }
}

/// Why there is no file.
enum NotWritten {
    Encoding(CodecError),
    File(io::Error),
}

impl From<io::Error> for NotWritten {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

fn write_file(path: &Path, payload: &Payload, codec: &ErasedCodec) -> Result<usize, NotWritten> {
    let mut file = File::create(path)?;
    let written = write_contents(&mut file, payload, codec);
    if written.is_err() {
        // Half a file is of no use and the disk may be full. The write's error is the one to tell.
        let _ = remove_file(path);
    }
    written
}

/// Writes the records and then, in front of them, their length and checksum, which are known by then. Returns the file's size.
fn write_contents(file: &mut File, payload: &Payload, codec: &ErasedCodec) -> Result<usize, NotWritten> {
    file.write_all(&[0; HEADER_BYTES])?;
    let mut body = Body { file, hash: StableHasher::default(), bytes: 0, failed: None };
    let written = match payload {
        Payload::Typed(records) => codec.encode_to(records, &mut body).map_err(NotWritten::Encoding),
        Payload::Encoded(bytes) => body.write_all(bytes).map_err(NotWritten::File),
    };
    // To the encoder a full disk is a value that cannot be encoded.
    if let Some(error) = body.failed.take() {
        return Err(NotWritten::File(error));
    }
    written?;
    let Body { file, hash, bytes, .. } = body;
    file.rewind()?;
    file.write_all(&(bytes as u64).to_le_bytes())?;
    file.write_all(&hash.finish().to_le_bytes())?;
    Ok(HEADER_BYTES + bytes)
}

/// The encoded records on their way into a file.
struct Body<'a> {
    file: &'a mut File,
    hash: StableHasher,
    bytes: usize,
    /// The file's first error. Nothing is written after it.
    failed: Option<io::Error>,
}

impl Write for Body<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(error) = &self.failed {
            return Err(error.kind().into());
        }
        if let Err(error) = self.file.write_all(bytes) {
            let kind = error.kind();
            self.failed = Some(error);
            return Err(kind.into());
        }
        self.hash.update(bytes);
        self.bytes += bytes.len();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The records of a file; the inner error says how the file is damaged.
fn read_file(path: &Path) -> io::Result<Result<Vec<u8>, &'static str>> {
    let mut file = File::open(path)?;
    // The length in the header is believed only when the file has it, so a damaged header cannot ask for memory.
    let Some(present) = file.metadata()?.len().checked_sub(HEADER_BYTES as u64) else {
        return Ok(Err("is shorter than its header"));
    };
    if read_u64(&mut file)? != present {
        return Ok(Err("has another length than was written"));
    }
    let checksum = read_u64(&mut file)?;
    let mut encoded = Vec::with_capacity(usize::try_from(present).map_err(io::Error::other)?);
    file.read_to_end(&mut encoded)?;
    if stable_hash(&encoded) != checksum {
        return Ok(Err("has another checksum than was written"));
    }
    Ok(Ok(encoded))
}

fn read_u64(file: &mut File) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[expect(clippy::disallowed_methods, reason = "the block store's own files")]
fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}
