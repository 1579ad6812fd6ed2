//! Finds out the shape of a type by having its `Deserialize` read invented values and noting what it asks for.
//!
//! One pass makes one value, so it sees one variant of every enumeration, and it ends early where a type refuses an invented value
//! or contains itself. Passes are repeated until all is known: each goes into what is not known yet, and makes the rest as small as
//! it can. Whatever the type does, tracing comes to an end: nodes, depth, passes and values are bounded, and panics are caught.

mod access;
mod arena;
mod samples;

use super::shape::{Leaf, Shape};
use access::{Elements, Entries, PartsInOrder, VariantOf};
use arena::{Arena, Form, Key, MAX_ATTEMPTS};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, Visitor};
use std::any::type_name;
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Passes over one type: as many variants and refused samples as it may have.
const MAX_PASSES: u32 = 8192;

/// Passes in a row that find out nothing. A variant may have to wait for all others.
const MAX_IDLE_PASSES: u32 = 256;

/// How deep a type may be nested.
const MAX_DEPTH: u32 = 64;

/// The end of a pass. Why is noted in the arena.
#[derive(Debug)]
pub(super) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was only invented")
    }
}

impl std::error::Error for Stopped {}

impl Error for Stopped {
    fn custom<T: fmt::Display>(_: T) -> Stopped {
        Stopped
    }
}

/// The shape of `T`, or `None` when it cannot be found out.
pub(super) fn trace<T: DeserializeOwned>() -> Option<Shape> {
    let arena = RefCell::new(Arena::new());
    let mut idle_passes = 0;
    for _ in 0..MAX_PASSES {
        let pass = || T::deserialize(Tracer::root(&arena)).map(drop);
        let made = catch_unwind(AssertUnwindSafe(pass)).ok()?;
        let mut found = arena.borrow_mut();
        if made.is_err() {
            found.blame(0);
        }
        if found.hopeless {
            return None;
        }
        if found.complete(0) {
            drop(found);
            return Some(arena.into_inner().into_shape());
        }
        idle_passes = if found.progress { 0 } else { idle_passes + 1 };
        if idle_passes > MAX_IDLE_PASSES {
            return None;
        }
        (found.progress, found.blamed) = (false, false);
    }
    None
}

/// A deserialiser that invents the value of one node.
#[derive(Clone, Copy)]
struct Tracer<'a> {
    arena: &'a RefCell<Arena>,
    node: usize,
    /// Which samples are taken; what is inside takes no earlier ones.
    attempt: u32,
    /// All that can be found out here is known: the smallest value will do.
    minimal: bool,
    depth: u32,
}

impl<'a> Tracer<'a> {
    fn root(arena: &'a RefCell<Arena>) -> Tracer<'a> {
        let attempt = arena.borrow().node(0).attempt;
        Tracer { arena, node: 0, attempt, minimal: false, depth: 0 }
    }

    /// The same for a part of it.
    fn inside(&self, node: usize) -> Tracer<'a> {
        let attempt = (self.attempt + self.arena.borrow().node(node).attempt).min(MAX_ATTEMPTS);
        Tracer { node, attempt, depth: self.depth + 1, ..*self }
    }

    /// Begins a container: notes its form and decides whether it is to be explored.
    fn enter(self, form: Form, key: Option<Key>) -> Result<Tracer<'a>, Stopped> {
        let mut arena = self.arena.borrow_mut();
        arena.visit()?;
        if self.depth > MAX_DEPTH {
            return Err(arena.give_up());
        }
        let node = arena.record(self.node, form, key)?;
        let minimal = self.minimal || node != self.node || arena.complete(node);
        Ok(Tracer { node, minimal, ..self })
    }

    fn container<'de, V: Visitor<'de>>(self, form: Form) -> Result<Tracer<'a>, Stopped> {
        self.enter(form, Some(Key { visitor: type_name::<V>(), value: type_name::<V::Value>(), form }))
    }

    fn leaf<T>(self, leaf: Leaf, visit: impl FnOnce(u32) -> Result<T, Stopped>) -> Result<T, Stopped> {
        {
            let mut arena = self.arena.borrow_mut();
            arena.visit()?;
            arena.record_leaf(self.node, leaf)?;
        }
        self.or_blame(visit(self.attempt))
    }

    /// What a visitor made of this node. When it failed and nothing inside has been blamed, its samples are refused.
    fn or_blame<T>(&self, made: Result<T, Stopped>) -> Result<T, Stopped> {
        if made.is_err() {
            self.arena.borrow_mut().blame(self.node);
        }
        made
    }

    /// Makes a value of this node. A type that refuses only after its visitor has returned is heard here.
    fn make<'de, S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stopped> {
        self.or_blame(seed.deserialize(self))
    }

    /// How many elements a sequence or map gets.
    fn length(&self) -> u32 {
        if self.minimal { self.attempt } else { self.attempt + 1 }
    }

    fn parts<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        let mut asked = 0;
        let made = visitor.visit_seq(PartsInOrder::new(self, &mut asked));
        if made.is_ok() {
            self.arena.borrow_mut().settle(self.node, asked)?;
        }
        self.or_blame(made)
    }

    fn give_up<T>(self) -> Result<T, Stopped> {
        Err(self.arena.borrow_mut().give_up())
    }
}

macro_rules! leaves {
    ($($method:ident $leaf:ident => $visit:ident($sample:expr))*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
            self.leaf(Leaf::$leaf, |attempt| visitor.$visit($sample(attempt)))
        }
    )*};
}

/// What does not say of itself what it is cannot be read from bytes that do not say it either.
macro_rules! not_described {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stopped> {
            self.give_up()
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Stopped;

    not_described! { deserialize_any deserialize_ignored_any deserialize_identifier }

    leaves! {
        deserialize_bool Bool => visit_bool(|attempt| attempt % 2 == 1)
        deserialize_i8 I8 => visit_i8(|attempt| i8::try_from(samples::number(attempt)).unwrap_or_default())
        deserialize_i16 I16 => visit_i16(|attempt| samples::number(attempt).into())
        deserialize_i32 I32 => visit_i32(|attempt| samples::number(attempt).into())
        deserialize_i64 I64 => visit_i64(|attempt| samples::number(attempt).into())
        deserialize_i128 I128 => visit_i128(|attempt| samples::number(attempt).into())
        deserialize_u8 U8 => visit_u8(samples::number)
        deserialize_u16 U16 => visit_u16(|attempt| samples::number(attempt).into())
        deserialize_u32 U32 => visit_u32(|attempt| samples::number(attempt).into())
        deserialize_u64 U64 => visit_u64(|attempt| samples::number(attempt).into())
        deserialize_u128 U128 => visit_u128(|attempt| samples::number(attempt).into())
        deserialize_f32 F32 => visit_f32(|attempt| samples::number(attempt).into())
        deserialize_f64 F64 => visit_f64(|attempt| samples::number(attempt).into())
        deserialize_char Char => visit_char(samples::character)
        deserialize_str Text => visit_borrowed_str(samples::text)
        deserialize_string Text => visit_borrowed_str(samples::text)
        deserialize_bytes Bytes => visit_borrowed_bytes(samples::bytes)
        deserialize_byte_buf Bytes => visit_borrowed_bytes(samples::bytes)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        self.leaf(Leaf::Unit, |_| visitor.visit_unit())
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stopped> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Stopped> {
        if self.depth > MAX_DEPTH {
            return self.give_up();
        }
        let wrapped = Tracer { depth: self.depth + 1, ..self };
        self.or_blame(visitor.visit_newtype_struct(wrapped))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        let this = self.container::<V>(Form::Option)?;
        let arena::Kind::Option(inner) = this.arena.borrow().node(this.node).kind else { return self.give_up() };
        let smallest = this.minimal && (this.attempt % 2 == 0 || this.arena.borrow().height(inner).is_none());
        let made = if smallest { visitor.visit_none() } else { visitor.visit_some(this.inside(inner)) };
        this.or_blame(made)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        let this = self.container::<V>(Form::Sequence)?;
        let arena::Kind::Sequence(element) = this.arena.borrow().node(this.node).kind else { return self.give_up() };
        this.or_blame(visitor.visit_seq(Elements { this, element, left: this.length() }))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stopped> {
        let this = self.container::<V>(Form::Map)?;
        let arena::Kind::Map(key, value) = this.arena.borrow().node(this.node).kind else { return self.give_up() };
        this.or_blame(visitor.visit_map(Entries { this, key, value, left: this.length() }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Stopped> {
        self.container::<V>(Form::Tuple(length))?.parts(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        self.container::<V>(Form::Struct(fields))?.parts(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stopped> {
        let this = self.container::<V>(Form::Enum(variants))?;
        let chosen = VariantOf::choose(this)?;
        this.or_blame(visitor.visit_enum(chosen))
    }

    /// As the format that the state is stored in.
    fn is_human_readable(&self) -> bool {
        false
    }
}
