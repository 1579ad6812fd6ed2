//! A layer between a type's `Deserialize` and the decoder that keeps length fields from reserving memory.
//!
//! The decoder underneath reserves an owned string or byte buffer at its announced length *before* it looks whether
//! the input has that many bytes. This layer asks for the borrowed form instead, which is cut from the input; the
//! type's own visitor then copies it. It also refuses sequences and maps that announce more elements than the limit.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Any of the parties of a deserialisation (deserialiser, visitor, access, seed), passing the limit on to the parties
/// it creates.
pub(super) struct Bounded<P> {
    party: P,
    limit: usize,
}

impl<P> Bounded<P> {
    pub(super) fn new(party: P, limit: usize) -> Self {
        Self { party, limit }
    }

    fn check_length<E: Error>(&self, length: Option<usize>) -> Result<(), E> {
        match length {
            Some(length) if length > self.limit => Err(E::invalid_length(length, &AtMost(self.limit))),
            _ => Ok(()),
        }
    }
}

/// What a sequence that was refused should have been.
struct AtMost(usize);

impl Expected for AtMost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at most {} elements", self.0)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.party.deserialize(Bounded::new(deserializer, self.limit))
    }
}

/// Methods that lead to no further value, so their visitor needs no layer.
macro_rules! leaves {
    ($($method:ident => $target:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.party.$target(visitor)
        }
    )*};
}

/// Methods that lead to further values, with the arguments they take beside the visitor.
macro_rules! branches {
    ($($method:ident($($argument:ident: $kind:ty),*))*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $kind,)* visitor: V) -> Result<V::Value, D::Error> {
            self.party.$method($($argument,)* Bounded::new(visitor, self.limit))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<D> {
    type Error = D::Error;

    leaves! {
        deserialize_bool => deserialize_bool
        deserialize_i8 => deserialize_i8
        deserialize_i16 => deserialize_i16
        deserialize_i32 => deserialize_i32
        deserialize_i64 => deserialize_i64
        deserialize_i128 => deserialize_i128
        deserialize_u8 => deserialize_u8
        deserialize_u16 => deserialize_u16
        deserialize_u32 => deserialize_u32
        deserialize_u64 => deserialize_u64
        deserialize_u128 => deserialize_u128
        deserialize_f32 => deserialize_f32
        deserialize_f64 => deserialize_f64
        deserialize_char => deserialize_char
        deserialize_unit => deserialize_unit
        deserialize_str => deserialize_str
        deserialize_bytes => deserialize_bytes
        deserialize_identifier => deserialize_identifier
        // Refused by the format, which does not describe itself.
        deserialize_any => deserialize_any
        deserialize_ignored_any => deserialize_ignored_any
        // The point of the layer: borrowed, so that the length is checked against the input.
        deserialize_string => deserialize_str
        deserialize_byte_buf => deserialize_bytes
    }

    branches! {
        deserialize_option()
        deserialize_seq()
        deserialize_map()
        deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str)
        deserialize_tuple(length: usize)
        deserialize_tuple_struct(name: &'static str, length: usize)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
    }

    fn is_human_readable(&self) -> bool {
        self.party.is_human_readable()
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Bounded<V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.party.expecting(formatter)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.party.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.party.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.party.visit_some(Bounded::new(deserializer, self.limit))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.party.visit_newtype_struct(Bounded::new(deserializer, self.limit))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.check_length(elements.size_hint())?;
        self.party.visit_seq(Bounded::new(elements, self.limit))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.check_length(entries.size_hint())?;
        self.party.visit_map(Bounded::new(entries, self.limit))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.party.visit_enum(Bounded::new(data, self.limit))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.party.next_element_seed(Bounded::new(seed, self.limit))
    }

    fn size_hint(&self) -> Option<usize> {
        self.party.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.party.next_key_seed(Bounded::new(seed, self.limit))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.party.next_value_seed(Bounded::new(seed, self.limit))
    }

    fn size_hint(&self) -> Option<usize> {
        self.party.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<A> {
    type Error = A::Error;
    type Variant = Bounded<A::Variant>;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self::Variant), A::Error> {
        let (tag, variant) = self.party.variant_seed(Bounded::new(seed, self.limit))?;
        Ok((tag, Bounded::new(variant, self.limit)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.party.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.party.newtype_variant_seed(Bounded::new(seed, self.limit))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.party.tuple_variant(length, Bounded::new(visitor, self.limit))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.party.struct_variant(fields, Bounded::new(visitor, self.limit))
    }
}
