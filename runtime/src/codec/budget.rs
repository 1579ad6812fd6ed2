//! What decoding may take: elements that are announced, and memory.

use crate::weight::{LIST, allocation};
use serde::de::{Error, Expected};
use std::cell::Cell;
use std::fmt;

/// So many values may lie in each other, where depth is bounded: a type that contains itself would otherwise be decoded until the stack
/// is used up, which ends the process. Each struct, tuple, list, map, option and text is one.
pub const MAX_DEPTH: usize = 128;

/// What a decoding is held to. Passed on to all its parties.
pub(super) trait Bounds: Copy {
    /// The bounds of what lies in a value.
    fn deeper<E: Error>(self) -> Result<Self, E>;

    /// A sequence or map announces so many elements.
    fn announced<E: Error>(self, elements: Option<usize>) -> Result<(), E>;

    /// The value takes `bytes` more of memory.
    fn takes<E: Error>(self, bytes: usize) -> Result<(), E>;

    /// The value owns an allocation of text, or of bytes.
    fn takes_text<E: Error>(self, length: usize) -> Result<(), E> {
        self.takes(allocation(length))
    }

    /// The value owns an allocation of `bytes` beside itself.
    fn takes_box<E: Error>(self, bytes: usize) -> Result<(), E> {
        self.takes(bytes.saturating_add(LIST))
    }
}

/// So many elements of each sequence and map, and any memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtMost(pub(super) usize);

impl Bounds for AtMost {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn announced<E: Error>(self, elements: Option<usize>) -> Result<(), E> {
        match elements {
            Some(elements) if elements > self.0 => Err(E::invalid_length(elements, &self)),
            _ => Ok(()),
        }
    }

    fn takes<E: Error>(self, _: usize) -> Result<(), E> {
        Ok(())
    }
}

/// What a sequence that was refused should have been.
impl Expected for AtMost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at most {} elements", self.0)
    }
}

/// How much memory decoded values may own beside their own sizes, counted as [`weight`](crate::weight) counts it. Here the types of
/// all elements are known, so nothing of theirs is unseen: what decoding makes and drops again is counted as well.
///
/// Except where serde puts values aside before it knows their type (`#[serde(tag = ...)]`, `untagged`, `flatten`; only formats that
/// describe themselves have those, as JSON does): what it puts aside is counted, with about a hundred bytes for a field, and what the
/// values take in the end is not. Such a type should have no large elements that a few bytes can stand for, as lists of
/// `Option<[f64; 32]>` have.
///
/// A few bytes can stand for much memory: an empty string is one byte, and a variant without fields is one byte where others are
/// large. So the length of what is decoded is no bound.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    used: Cell<usize>,
}

impl MemoryBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> MemoryBudget {
        MemoryBudget { limit, used: Cell::new(0) }
    }

    /// All there is, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes that were taken so far.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// Whether something was refused because it would have taken too much.
    pub fn is_exceeded(&self) -> bool {
        self.used.get() > self.limit
    }

    /// Takes `bytes`; whether they were there.
    pub fn take(&self, bytes: usize) -> bool {
        self.used.set(self.used.get().saturating_add(bytes));
        !self.is_exceeded()
    }
}

/// A budget, and so many elements of each sequence and map.
#[derive(Clone, Copy)]
pub(super) struct Within<'b> {
    elements: AtMost,
    memory: &'b MemoryBudget,
    depth: usize,
}

impl<'b> Within<'b> {
    pub(super) fn new(elements: usize, memory: &'b MemoryBudget) -> Within<'b> {
        Within { elements: AtMost(elements), memory, depth: 0 }
    }
}

impl Bounds for Within<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("values lie in each other more than {MAX_DEPTH} deep")));
        }
        Ok(Within { depth: self.depth + 1, ..self })
    }

    fn announced<E: Error>(self, elements: Option<usize>) -> Result<(), E> {
        self.elements.announced(elements)
    }

    fn takes<E: Error>(self, bytes: usize) -> Result<(), E> {
        if self.memory.take(bytes) {
            return Ok(());
        }
        Err(E::custom(format_args!("it takes more than {} bytes of memory", self.memory.limit)))
    }
}
