//! A layer between a type's `Deserialize` and the decoder that keeps length fields from reserving memory, and counts what memory values
//! take.
//!
//! The decoder underneath reserves an owned string or byte buffer at its announced length *before* it looks whether
//! the input has that many bytes. This layer asks for the borrowed form instead, which is cut from the input; the
//! type's own visitor then copies it. It also refuses sequences and maps that announce more elements than the limit.
//!
//! **Memory.** Every party knows the type of the value that it makes. The elements of a sequence or map, and text, are counted as they
//! come. Fields lie in what they are fields of; one whose value is larger than the room that is there for it is in a box, and is counted,
//! unless it is a number.

use std::fmt;
use std::mem::size_of;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::budget::Bounds;
use crate::weight::{ENTRY, LIST};

/// Any of the parties of a deserialisation (deserialiser, visitor, access, seed), passing the bounds on to the parties
/// it creates.
pub(super) struct Bounded<P, B> {
    party: P,
    bounds: B,
    /// The bytes that are counted for the value that is made, by whatever it lies in.
    room: usize,
    /// Whether elements lie in an allocation of their own, so that each is counted.
    apart: bool,
}

impl<S, B: Bounds> Bounded<S, B> {
    /// A seed whose value has its own size for nothing.
    pub(super) fn new<'de>(seed: S, bounds: B) -> Self
    where
        S: DeserializeSeed<'de>,
    {
        Self { party: seed, bounds, room: size_of::<S::Value>(), apart: false }
    }
}

impl<P, B: Bounds> Bounded<P, B> {
    /// Another party for the same value.
    fn pass<Q>(&self, party: Q) -> Bounded<Q, B> {
        Bounded { party, bounds: self.bounds, room: self.room, apart: self.apart }
    }

    /// A seed of a value that lies in this one.
    fn field<'de, S: DeserializeSeed<'de>>(&self, seed: S) -> Bounded<S, B> {
        Bounded { party: seed, bounds: self.bounds, room: size_of::<S::Value>(), apart: false }
    }

    /// A visitor that makes the value, whose elements lie `apart` or are its fields.
    fn visitor<'de, V: Visitor<'de>, E: Error>(&self, visitor: V, apart: bool) -> Result<Bounded<V, B>, E> {
        let bytes = size_of::<V::Value>();
        if bytes > self.room {
            self.bounds.takes_box(bytes)?;
        }
        Ok(Bounded { party: visitor, bounds: self.bounds.deeper()?, room: bytes, apart })
    }
}

impl<'de, S: DeserializeSeed<'de>, B: Bounds> DeserializeSeed<'de> for Bounded<S, B> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = self.pass(deserializer);
        self.party.deserialize(deserializer)
    }
}

/// Methods that lead to no value that is kept, so their visitor needs no layer.
macro_rules! leaves {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.party.$method(visitor)
        }
    )*};
}

/// Methods that lead to further values or to text, with the arguments they take beside the visitor: which method is called in their
/// place, and whether elements lie apart.
macro_rules! branches {
    ($($method:ident($($argument:ident: $kind:ty),*) => $target:ident, $apart:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.visitor(visitor, $apart)?;
            self.party.$target($($argument,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>, B: Bounds> Deserializer<'de> for Bounded<D, B> {
    type Error = D::Error;

    leaves! {
        deserialize_bool
        deserialize_i8
        deserialize_i16
        deserialize_i32
        deserialize_i64
        deserialize_i128
        deserialize_u8
        deserialize_u16
        deserialize_u32
        deserialize_u64
        deserialize_u128
        deserialize_f32
        deserialize_f64
        deserialize_char
        deserialize_unit
        deserialize_identifier
        deserialize_ignored_any
    }

    branches! {
        deserialize_str() => deserialize_str, true
        deserialize_bytes() => deserialize_bytes, true
        // The point of the layer: borrowed, so that the length is checked against the input.
        deserialize_string() => deserialize_str, true
        deserialize_byte_buf() => deserialize_bytes, true
        // Refused by formats that do not describe themselves.
        deserialize_any() => deserialize_any, true
        deserialize_option() => deserialize_option, false
        deserialize_seq() => deserialize_seq, true
        deserialize_map() => deserialize_map, true
        deserialize_unit_struct(name: &'static str) => deserialize_unit_struct, false
        deserialize_newtype_struct(name: &'static str) => deserialize_newtype_struct, false
        deserialize_tuple(length: usize) => deserialize_tuple, false
        deserialize_tuple_struct(name: &'static str, length: usize) => deserialize_tuple_struct, false
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) => deserialize_struct, false
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) => deserialize_enum, false
    }

    fn is_human_readable(&self) -> bool {
        self.party.is_human_readable()
    }
}

/// Methods of visitors for values without parts.
macro_rules! plain {
    ($($method:ident($kind:ty))*) => {$(
        fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.party.$method(value)
        }
    )*};
}

/// Methods of visitors for text and bytes.
macro_rules! texts {
    ($($method:ident($kind:ty))*) => {$(
        fn $method<E: Error>(self, text: $kind) -> Result<V::Value, E> {
            self.bounds.takes_text(text.len())?;
            self.party.$method(text)
        }
    )*};
}

impl<'de, V: Visitor<'de>, B: Bounds> Visitor<'de> for Bounded<V, B> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.party.expecting(formatter)
    }

    plain! {
        visit_bool(bool)
        visit_i8(i8)
        visit_i16(i16)
        visit_i32(i32)
        visit_i64(i64)
        visit_i128(i128)
        visit_u8(u8)
        visit_u16(u16)
        visit_u32(u32)
        visit_u64(u64)
        visit_u128(u128)
        visit_f32(f32)
        visit_f64(f64)
        visit_char(char)
    }

    texts! {
        visit_str(&str)
        visit_borrowed_str(&'de str)
        visit_string(String)
        visit_bytes(&[u8])
        visit_borrowed_bytes(&'de [u8])
        visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.party.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.party.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.pass(deserializer);
        self.party.visit_some(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        let deserializer = self.pass(deserializer);
        self.party.visit_newtype_struct(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.bounds.announced(elements.size_hint())?;
        let elements = self.pass(elements);
        self.party.visit_seq(elements)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.bounds.announced(entries.size_hint())?;
        let entries = self.pass(entries);
        self.party.visit_map(entries)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        let data = self.pass(data);
        self.party.visit_enum(data)
    }
}

impl<P, B: Bounds> Bounded<P, B> {
    /// An element of `bytes` has come, and `beside` for it: the first one, with what their allocation takes beside them.
    fn element<E: Error>(&mut self, bytes: usize, beside: usize) -> Result<(), E> {
        if !self.apart {
            return Ok(());
        }
        // What is not counted for the value itself is the allocation's, once.
        let list = if std::mem::take(&mut self.room) > 0 { LIST } else { 0 };
        self.bounds.takes(bytes.saturating_add(beside + list))
    }
}

impl<'de, A: SeqAccess<'de>, B: Bounds> SeqAccess<'de> for Bounded<A, B> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let seed = self.field(seed);
        let element = self.party.next_element_seed(seed)?;
        if element.is_some() {
            self.element(size_of::<T::Value>(), 0)?;
        }
        Ok(element)
    }

    fn size_hint(&self) -> Option<usize> {
        self.party.size_hint()
    }
}

impl<'de, A: MapAccess<'de>, B: Bounds> MapAccess<'de> for Bounded<A, B> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let seed = self.field(seed);
        let key = self.party.next_key_seed(seed)?;
        if key.is_some() {
            self.element(size_of::<K::Value>(), ENTRY)?;
        }
        Ok(key)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.field(seed);
        let value = self.party.next_value_seed(seed)?;
        self.element(size_of::<T::Value>(), 0)?;
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.party.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>, B: Bounds> EnumAccess<'de> for Bounded<A, B> {
    type Error = A::Error;
    type Variant = Bounded<A::Variant, B>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let tag = self.field(seed);
        let (bounds, room) = (self.bounds, self.room);
        let (tag, variant) = self.party.variant_seed(tag)?;
        Ok((tag, Bounded { party: variant, bounds, room, apart: false }))
    }
}

impl<'de, A: VariantAccess<'de>, B: Bounds> VariantAccess<'de> for Bounded<A, B> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.party.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        let seed = self.field(seed);
        self.party.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, false)?;
        self.party.tuple_variant(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, false)?;
        self.party.struct_variant(fields, visitor)
    }
}
