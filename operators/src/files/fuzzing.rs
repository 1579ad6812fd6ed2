//! What a fuzzer calls: the format of object files is private, and nothing of it should leave but this.

use super::object_format::{FormatError, Header, Reader, WriteError, Writer};
use serde::de::DeserializeOwned;

/// Reads `bytes` as an object file, and as the records of a chunk whose checksums are right. For fuzzing: it must not panic.
#[doc(hidden)]
pub fn fuzz_object_file(bytes: &[u8]) {
    read::<(String, u64)>(bytes);
    read::<Option<Vec<i16>>>(bytes);
    let file = file(|writer| Ok(writer.append_bytes(bytes)?));
    read::<(String, u64)>(&file);
    read::<Option<Vec<i16>>>(&file);
}

/// Object files to begin with.
#[doc(hidden)]
pub fn seeds_of_object_files() -> Vec<Vec<u8>> {
    let records: Vec<(String, u64)> = (0..3_u8).map(|n| ("x".repeat(usize::from(n)), u64::from(n))).collect();
    let whole = file(|writer| records.chunks(2).try_for_each(|chunk| writer.append(chunk)));
    let options = file(|writer| writer.append(&[None, Some(vec![1_i16, -1])]));
    // The records of a chunk by themselves.
    vec![whole, options, file(|_| Ok(())), b"\x02\x01a\x07\x00\x00".to_vec(), Vec::new()]
}

/// A file with what `write` writes.
fn file(write: impl FnOnce(&mut Writer<'_, Vec<u8>>) -> Result<(), WriteError>) -> Vec<u8> {
    let mut file = Vec::new();
    let header = Header { type_name: "T".to_owned(), partition: 0, partitions: 1 };
    let written = Writer::begin(&mut file, &header).and_then(|mut writer| {
        write(&mut writer)?;
        Ok(writer.end()?)
    });
    // Memory takes everything.
    written.map(|()| file).unwrap_or_default()
}

fn read<T: DeserializeOwned>(bytes: &[u8]) {
    let read = || -> Result<usize, FormatError> {
        let mut reader = Reader::begin(bytes, bytes.len() as u64)?;
        let mut records = 0;
        while let Some(chunk) = reader.next::<T>()? {
            records += chunk.len();
        }
        Ok(records)
    };
    let _ = read();
}
