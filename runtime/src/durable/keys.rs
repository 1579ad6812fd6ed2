//! The one place that makes the keys of the tables. Keys are ordered byte by byte.

use crate::time::Time;

/// What the source `name` reads in `batch`, in the table of offsets.
pub fn offset(name: &str, batch: Time) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 9);
    key.extend_from_slice(name.as_bytes());
    // No name holds a zero byte's meaning: it ends the name, so that no source's keys begin like another's.
    key.push(0);
    key.extend_from_slice(&time(batch));
    key
}

/// A time in the order of times: the sign bit turned, so that times before 1970 come first.
fn time(time: Time) -> [u8; 8] {
    (time.millis() ^ i64::MIN).to_be_bytes()
}
