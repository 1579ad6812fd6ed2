use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Debug;

fn header() -> Header {
    Header { type_name: "(String, u32)".to_owned(), partition: 1, partitions: 2 }
}

/// A file of these chunks.
fn file<T: Serialize>(chunks: &[Vec<T>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::begin(&mut bytes, &header()).unwrap();
    chunks.iter().for_each(|chunk| writer.append(chunk).unwrap());
    writer.end().unwrap();
    bytes
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<(Header, Vec<Vec<T>>), FormatError> {
    let mut reader = Reader::begin(bytes, bytes.len() as u64)?;
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next()? {
        chunks.push(chunk);
    }
    Ok((reader.header().clone(), chunks))
}

fn words() -> Vec<Vec<(String, u32)>> {
    let pair = |word: &str, count| (word.to_owned(), count);
    vec![vec![pair("to", 2), pair("be", 300_000)], vec![pair("", 0)]]
}

#[track_caller]
fn error<T: DeserializeOwned + Debug>(bytes: &[u8]) -> String {
    read::<T>(bytes).unwrap_err().to_string()
}

#[test]
fn a_file_says_what_it_is_and_holds_what_was_written() {
    assert_eq!(read(&file(&words())).unwrap(), (header(), words()));
    assert_eq!(read::<u8>(&file::<u8>(&[])).unwrap(), (header(), vec![]));
    // Records that take no bytes are still counted.
    assert_eq!(read::<()>(&file(&[vec![(); 512]])).unwrap().1, [vec![(); 512]]);
}

/// The format is that of the documentation, byte for byte: files of earlier builds stay readable.
#[test]
fn the_bytes_of_a_file_are_frozen() {
    let bytes = file(&[vec![1_u8, 2]]);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, FROZEN);
}

const FROZEN: &str = concat!(
    "57574f424a454354",
    "0100",
    "10000000",
    "0d28537472696e672c2075333229",
    "0102",
    "d678e4a8637a9cd4",
    "03000000",
    "a591dc8d98bf6153",
    "020102",
    "00000000",
    "1c04c770806452a7",
    "0200000000000000",
);

/// O-5
#[test]
fn a_file_that_is_cut_short_anywhere_is_an_error() {
    let whole = file(&words());
    for length in 0..whole.len() {
        assert!(read::<(String, u32)>(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn any_flipped_bit_is_an_error() {
    let whole = file(&words());
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read::<(String, u32)>(&damaged).is_err(), "bit {bit} of {} bytes", whole.len());
    }
}

#[test]
fn any_byte_that_is_left_out_or_put_in_is_an_error() {
    let whole = file(&words());
    for at in 0..=whole.len() {
        let mut longer = whole.clone();
        longer.insert(at, 0);
        assert!(read::<(String, u32)>(&longer).is_err(), "a byte put in at {at}");
        if at < whole.len() {
            let mut shorter = whole.clone();
            shorter.remove(at);
            assert!(read::<(String, u32)>(&shorter).is_err(), "the byte at {at} left out");
        }
    }
}

#[test]
fn chunks_that_have_changed_places_are_an_error() {
    let whole = file(&[vec![1_u8], vec![2_u8]]);
    let start = whole.len() - 20 - 2 * 14;
    let mut swapped = whole.clone();
    swapped[start..start + 14].copy_from_slice(&whole[start + 14..start + 28]);
    swapped[start + 14..start + 28].copy_from_slice(&whole[start..start + 14]);
    assert_eq!(
        error::<u8>(&swapped),
        format!("at byte {start}: the file is damaged: a chunk has another checksum than was written")
    );
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    assert_eq!(error::<u8>(b""), "at byte 0: this is not an object file");
    assert_eq!(error::<u8>(b"to be or not to be"), "at byte 0: this is not an object file");
    let whole = file(&[vec![1_u8]]);
    let mut newer = whole.clone();
    newer[8] = 2;
    assert!(error::<u8>(&newer).starts_with("at byte 0: this is version 2 of the format"), "{}", error::<u8>(&newer));
    let end = whole.len() - 20;
    assert_eq!(error::<u8>(&whole[..end]), format!("at byte {end}: the file is damaged: it ends too early"));
    let mut longer = whole.clone();
    longer.extend([0, 0, 0]);
    assert_eq!(error::<u8>(&longer), format!("at byte {end}: the file is damaged: 3 bytes follow its end"));
    // Whole, and read as what it is not: names are compared before this, so it takes a type that was changed.
    let other = error::<(u8, String)>(&whole);
    assert!(other.contains("cannot decode 2 bytes as") && other.contains("(u8, alloc::string::String)"), "{other}");
}

/// A length that is not true, with checksums that are: nothing is reserved for it.
#[test]
fn a_length_without_bytes_behind_it_is_refused_before_memory_is() {
    let mut bytes = file::<u8>(&[]);
    bytes.truncate(bytes.len() - 20);
    let begin = bytes.len();
    for (length, expected) in [(MAX_CHUNK_BYTES, "ends too early"), (u32::MAX, "is more than the 268435456")] {
        bytes.truncate(begin);
        bytes.extend(length.to_le_bytes());
        bytes.extend([0; 8]);
        let message = error::<u8>(&bytes);
        assert!(message.starts_with(&format!("at byte {begin}: ")) && message.contains(expected), "{message}");
    }
}

#[test]
fn a_chunk_that_would_be_too_long_is_split_and_a_record_that_is_is_refused() {
    let records = |lengths: &[usize]| lengths.iter().map(|bytes| "x".repeat(*bytes)).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    let mut writer = Writer { max_chunk: 100, ..Writer::begin(&mut bytes, &header()).unwrap() };
    writer.append(&records(&[30, 30, 60, 98])).unwrap();
    let refused = writer.append(&records(&[99])).unwrap_err().to_string();
    assert!(refused.starts_with("a record of 101 bytes is longer than the 100 that"), "{refused}");
    writer.end().unwrap();
    assert_eq!(read::<String>(&bytes).unwrap().1, [records(&[30, 30]), records(&[60]), records(&[98])]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_chunks_come_back_as_they_were(chunks in vec(vec(any::<(String, Option<i64>, Vec<u8>)>(), 1..5), 0..5)) {
        prop_assert_eq!(read(&file(&chunks)).unwrap(), (header(), chunks));
    }

    #[test]
    fn any_bytes_after_a_good_header_are_an_error_or_nothing(noise in vec(any::<u8>(), 0..200)) {
        let mut bytes = file::<String>(&[]);
        bytes.truncate(bytes.len() - 20);
        bytes.extend(noise);
        prop_assert!(read::<String>(&bytes).is_err());
    }

    #[test]
    fn damage_of_any_kind_is_an_error_or_changes_nothing(
        chunks in vec(vec(any::<String>(), 1..5), 0..4),
        at in any::<prop::sample::Index>(),
        replacement in vec(any::<u8>(), 0..20),
    ) {
        let whole = file(&chunks);
        let mut damaged = whole.clone();
        let begin = at.index(whole.len());
        let end = whole.len().min(begin + replacement.len());
        damaged.splice(begin..end, replacement);
        match read::<String>(&damaged) {
            Ok(same) => prop_assert_eq!(same, (header(), chunks)),
            Err(_) => prop_assert_ne!(damaged, whole),
        }
    }
}
