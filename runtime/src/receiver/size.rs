//! How large records are in memory, estimated: enough to bound memory, cheap enough to ask for every record.

use crate::codec;
use serde::Serialize;
use std::mem::size_of;

/// Records of a chunk that are looked at.
const SAMPLES: usize = 8;

/// One in this many single records is looked at.
const EVERY: u32 = 64;

/// Remembers what single records weighed.
#[derive(Debug, Default)]
pub struct SizeEstimate {
    mean: usize,
    until_next: u32,
    scratch: Vec<u8>,
}

impl SizeEstimate {
    /// The estimated bytes of one record: its own shallow size plus the encoded size of a recent record.
    pub fn of_one<T: Serialize>(&mut self, record: &T) -> usize {
        if self.until_next == 0 {
            self.until_next = EVERY;
            self.mean = size_of::<T>() + encoded(record, &mut self.scratch);
        }
        self.until_next -= 1;
        self.mean.max(1)
    }

    /// The estimated bytes of a chunk, from records spread evenly over it.
    pub fn of_many<T: Serialize>(records: &[T]) -> usize {
        let step = records.len().div_ceil(SAMPLES).max(1);
        let mut scratch = Vec::new();
        let (mut bytes, mut samples) = (0, 0);
        for record in records.iter().step_by(step) {
            bytes += encoded(record, &mut scratch);
            samples += 1;
        }
        records.len() * (size_of::<T>() + bytes / samples.max(1))
    }
}

/// A record that cannot be encoded counts as its shallow size; whoever stores it serialised is told why it cannot be.
fn encoded<T: Serialize>(record: &T, scratch: &mut Vec<u8>) -> usize {
    codec::encode_into(record, scratch).map_or(0, |()| scratch.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_of_equal_strings_weighs_header_and_text() {
        let lines = vec!["x".repeat(54); 1000];
        let bytes = SizeEstimate::of_many(&lines);
        assert_eq!(bytes, 1000 * (size_of::<String>() + 55));
    }

    #[test]
    fn single_records_weigh_what_a_recent_one_did() {
        let mut size = SizeEstimate::default();
        assert_eq!(size.of_one(&"x".repeat(54)), size_of::<String>() + 55);
        assert_eq!(size.of_one(&String::new()), size_of::<String>() + 55);
    }

    #[test]
    fn no_records_weigh_nothing() {
        assert_eq!(SizeEstimate::of_many::<String>(&[]), 0);
    }
}
