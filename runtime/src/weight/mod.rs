//! How many bytes of memory records take: what `receiver.max_pending` and `storage.memory` are counted in.
//!
//! Every record is weighed, none stands for others: a record that is larger than those around it would be free otherwise. A record
//! weighs its own size and what it owns. What it owns is found by walking it with serde as if it were encoded, by a serializer that
//! writes nothing: text costs a look at its length, a list a walk over its elements. Records whose type
//! owns nothing (numbers, tuples and arrays of them) are not walked at all: that is decided when the program is compiled.
//!
//! **What is counted**
//!
//! | what | bytes |
//! | --- | --- |
//! | a record | the size of its type |
//! | text and bytes that are not empty | [`allocation`] of their length |
//! | a list that is not empty | its elements, and [`LIST`] |
//! | an element of a list | as much as its kind takes: numbers theirs, text and lists [`HEADER`], maps twice that, tuples and structs their fields, one that is absent or a variant without fields [`UNSEEN`]; and what it owns |
//! | a map that is not empty | its keys and values as elements, [`ENTRY`] for each, and [`LIST`] |
//! | a box that holds more than fits into its own size | its content, and [`LIST`] |
//! | a chunk of records | [`HEADER`], and [`allocation`] of all records that it has room for |
//!
//! **What is not seen**, since serde does not see it: fields that are skipped, room that a list *inside* a record keeps for later
//! elements (at most as much again, if it was grown by pushing), boxes of no more than a pointer, and the size of variants that hold
//! more than the one that is there. Short text that lies in its record, as `CompactString` has it, counts as if it did not. What records share behind an `Arc` is counted for each of them. A record that cannot be encoded
//! weighs what was seen of it until then.

mod scale;

use scale::{Scale, Seen};
use serde::Serialize;
use std::mem::{needs_drop, size_of};

/// Of a string or list itself: a pointer, a length and a capacity.
pub const HEADER: usize = 3 * size_of::<usize>();

/// Of an allocation that holds more than bytes, beside its content.
pub const LIST: usize = 16;

/// Of an entry of a map, beside its key and its value: maps keep room.
pub const ENTRY: usize = 16;

/// Of an element whose size serde does not tell.
pub const UNSEEN: usize = 8;

/// The bytes that an allocation of `bytes` takes of the usual allocator: 8 more, in steps of 16, and 32 at least. Nothing takes
/// nothing.
///
/// ```
/// use waterwheel_runtime::weight::allocation;
///
/// assert_eq!([0, 1, 24, 25].map(allocation), [0, 32, 32, 48]);
/// ```
pub const fn allocation(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=24 => 32,
        _ => bytes.saturating_add(23) & !15,
    }
}

/// The bytes that one record takes, at least one.
///
/// ```
/// use waterwheel_runtime::weight;
///
/// assert_eq!(weight::of_record(&7_u64), 8);
/// assert_eq!(weight::of_record(&"tide".to_owned()), 24 + 32);
/// assert_eq!(weight::of_record(&vec![String::new(); 100]), 24 + 100 * 24 + 16);
/// ```
pub fn of_record<T: Serialize>(record: &T) -> usize {
    size_of::<T>().saturating_add(owned(record)).max(1)
}

/// The bytes that a chunk of records takes, with the room that it has for more.
///
/// ```
/// use waterwheel_runtime::weight;
///
/// let mut chunk = Vec::with_capacity(1000);
/// chunk.push("tide".to_owned());
/// assert_eq!(weight::of_chunk(&chunk), 24 + weight::allocation(1000 * 24) + 32);
/// ```
pub fn of_chunk<T: Serialize>(records: &Vec<T>) -> usize {
    of_shell(records).saturating_add(of_contents(records))
}

/// The bytes that the allocation of a chunk takes; what its records own is not in it.
pub fn of_shell<T>(records: &Vec<T>) -> usize {
    HEADER.saturating_add(allocation(records.capacity().saturating_mul(size_of::<T>())))
}

/// The bytes that records own beside their own sizes.
pub fn of_contents<T: Serialize>(records: &[T]) -> usize {
    if !needs_drop::<T>() {
        return 0;
    }
    records.iter().fold(0, |bytes: usize, record| bytes.saturating_add(owned(record)))
}

/// The bytes that a record owns beside its own size.
fn owned<T: Serialize>(record: &T) -> usize {
    // Whatever has memory of its own has to give it back.
    if !needs_drop::<T>() {
        return 0;
    }
    let seen = Seen::default();
    // What cannot be encoded counts as far as it was seen; whoever stores it is told why it cannot be.
    let _ = record.serialize(Scale::inside(&seen, size_of::<T>()));
    seen.bytes()
}

#[cfg(test)]
mod tests;
