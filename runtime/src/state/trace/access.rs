//! The parts of invented containers.

use super::arena::{Form, Kind};
use super::{Stopped, Tracer};
use crate::state::shape::Leaf;
use serde::de::{DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};

/// The elements of a sequence, all alike.
pub(super) struct Elements<'a> {
    pub(super) this: Tracer<'a>,
    pub(super) element: usize,
    pub(super) left: u32,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Stopped;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stopped> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.this.inside(self.element).make(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

/// The entries of a map, all alike.
pub(super) struct Entries<'a> {
    pub(super) this: Tracer<'a>,
    pub(super) key: usize,
    pub(super) value: usize,
    pub(super) left: u32,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Stopped;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stopped> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        self.this.inside(self.key).make(seed).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stopped> {
        self.this.inside(self.value).make(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        usize::try_from(self.left).ok()
    }
}

/// The values of a tuple or the fields of a structure, one after the other.
pub(super) struct PartsInOrder<'a, 'c> {
    this: Tracer<'a>,
    nodes: Vec<usize>,
    /// How many were asked for.
    asked: &'c mut usize,
}

impl<'a, 'c> PartsInOrder<'a, 'c> {
    pub(super) fn new(this: Tracer<'a>, asked: &'c mut usize) -> PartsInOrder<'a, 'c> {
        let nodes = match &this.arena.borrow().node(this.node).kind {
            Kind::Parts(parts) => parts.nodes.clone(),
            _ => Vec::new(),
        };
        PartsInOrder { this, nodes, asked }
    }
}

impl<'de> SeqAccess<'de> for PartsInOrder<'_, '_> {
    type Error = Stopped;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stopped> {
        let Some(node) = self.nodes.get(*self.asked) else { return Ok(None) };
        *self.asked += 1;
        self.this.inside(*node).make(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.nodes.len().saturating_sub(*self.asked))
    }
}

/// One variant of an enumeration: the one about which least is known, or one that is known to end.
pub(super) struct VariantOf<'a> {
    this: Tracer<'a>,
    position: usize,
    content: usize,
}

impl<'a> VariantOf<'a> {
    pub(super) fn choose(this: Tracer<'a>) -> Result<VariantOf<'a>, Stopped> {
        let mut arena = this.arena.borrow_mut();
        let variants = match &arena.node(this.node).kind {
            Kind::Parts(parts) => parts.real().to_vec(),
            _ => Vec::new(),
        };
        let known = variants.iter().copied().enumerate();
        let chosen = if this.minimal {
            let height = arena.height(this.node);
            let ends = |content| arena.height(content).is_some_and(|part| height.is_some_and(|whole| part < whole));
            let ending: Vec<_> = known.filter(|(_, content)| ends(*content)).collect();
            let turn = usize::try_from(this.attempt).unwrap_or(0) % ending.len().max(1);
            ending.get(turn).copied()
        } else {
            // Each in turn, so that one which cannot be made yet does not keep the others from being seen.
            let unknown = known.filter(|(_, content)| !arena.complete(*content));
            unknown.min_by_key(|(position, content)| (arena.node(*content).chosen, *position))
        };
        let Some((position, content)) = chosen else { return Err(arena.stop()) };
        arena.node_mut(content).chosen += 1;
        drop(arena);
        Ok(VariantOf { this, position, content })
    }

    fn content(&self) -> Tracer<'a> {
        self.this.inside(self.content)
    }
}

impl<'de, 'a> EnumAccess<'de> for VariantOf<'a> {
    type Error = Stopped;
    type Variant = VariantOf<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, VariantOf<'a>), Stopped> {
        let number = u32::try_from(self.position).unwrap_or(u32::MAX);
        match seed.deserialize(IntoDeserializer::<Stopped>::into_deserializer(number)) {
            Ok(tag) => Ok((tag, self)),
            // Names were announced that are only aliases: there are no more variants than the numbers that are taken.
            Err(_) => {
                let mut arena = self.this.arena.borrow_mut();
                if self.position == 0 {
                    return Err(arena.give_up());
                }
                arena.settle(self.this.node, self.position)?;
                Err(arena.stop())
            }
        }
    }
}

impl<'de> VariantAccess<'de> for VariantOf<'_> {
    type Error = Stopped;

    fn unit_variant(self) -> Result<(), Stopped> {
        self.content().leaf(Leaf::Unit, |_| Ok(()))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stopped> {
        self.content().make(seed)
    }

    // The visitors of two variants of one type have the same name, so nothing is known by theirs.
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Stopped> {
        self.content().enter(Form::Tuple(length), None)?.parts(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Stopped> {
        self.content().enter(Form::Struct(fields), None)?.parts(visitor)
    }
}
