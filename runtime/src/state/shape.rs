//! The shape of a type: what its encoded values consist of, without the type.
//!
//! A shape is a graph of nodes, not a tree: a type that contains itself leads back to an earlier node. Kept flat it can be read
//! from a damaged disk without deep recursion, and a node's number is all that a part has to say of another.

use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::fmt;

/// The number of a node in its [`Shape`].
pub type NodeId = u32;

/// A value that has no parts.
///
/// The order of the variants is part of the stored format: new ones go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named as the Rust types are")]
pub enum Leaf {
    /// Nothing, in no bytes.
    Unit,
    Bool,
    I8,
    I16,
    I32,
    I64,
    I128,
    U8,
    U16,
    U32,
    U64,
    U128,
    F32,
    F64,
    Char,
    /// Text in UTF-8.
    Text,
    /// Bytes of any meaning.
    Bytes,
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Leaf::Unit => "()",
            Leaf::Bool => "bool",
            Leaf::I8 => "i8",
            Leaf::I16 => "i16",
            Leaf::I32 => "i32",
            Leaf::I64 => "i64",
            Leaf::I128 => "i128",
            Leaf::U8 => "u8",
            Leaf::U16 => "u16",
            Leaf::U32 => "u32",
            Leaf::U64 => "u64",
            Leaf::U128 => "u128",
            Leaf::F32 => "f32",
            Leaf::F64 => "f64",
            Leaf::Char => "char",
            Leaf::Text => "text",
            Leaf::Bytes => "bytes",
        })
    }
}

/// A field of a structure, or a variant of an enumeration with its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name. `None` where serde's `alias` attributes hide which of several names belongs to it.
    pub name: Option<String>,
    /// What it holds. A variant without content holds a [`Leaf::Unit`], one with a single value that value.
    pub shape: NodeId,
}

/// One node of a shape.
///
/// The order of the variants is part of the stored format: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShapeNode {
    /// A value without parts.
    Leaf(Leaf),
    /// A value or none.
    Option(NodeId),
    /// Any number of elements.
    Sequence(NodeId),
    /// Any number of keys with a value each.
    Map(NodeId, NodeId),
    /// As many values as there are nodes: a tuple, a tuple struct, an array.
    Tuple(Vec<NodeId>),
    /// Fields, in their order.
    Struct(Vec<Part>),
    /// One of several variants, in their order.
    Enum(Vec<Part>),
}

/// What the encoded values of a type consist of. Names of types are not part of it, names of fields and variants are; a newtype is
/// what it wraps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    nodes: Vec<ShapeNode>,
}

/// Where a shape begins.
pub const ROOT: NodeId = 0;

/// How deep a shape is written out for people.
const DEPTH_SHOWN: usize = 8;
/// How many parts: those of a type that has itself as a part many times are as many as its depth is powers of that.
const PARTS_SHOWN: usize = 200;

impl Shape {
    pub(super) fn new(nodes: Vec<ShapeNode>) -> Shape {
        Shape { nodes }
    }

    /// The node with this number; `None` in a shape that was damaged.
    pub fn node(&self, id: NodeId) -> Option<&ShapeNode> {
        self.nodes.get(usize::try_from(id).ok()?)
    }

    /// The part of the shape that begins at `id`, for people.
    pub fn show(&self, id: NodeId) -> impl fmt::Display + '_ {
        From { shape: self, id }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(ROOT).fmt(f)
    }
}

struct From<'a> {
    shape: &'a Shape,
    id: NodeId,
}

impl fmt::Display for From<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown { shape: self.shape, id: self.id, depth: 0, parts: &Cell::new(PARTS_SHOWN) }.fmt(f)
    }
}

struct Shown<'a> {
    shape: &'a Shape,
    id: NodeId,
    depth: usize,
    /// How many more parts are shown.
    parts: &'a Cell<usize>,
}

impl Shown<'_> {
    fn at(&self, id: NodeId) -> Shown<'_> {
        Shown { shape: self.shape, id, depth: self.depth + 1, parts: self.parts }
    }

    fn parts(&self, f: &mut fmt::Formatter<'_>, parts: &[Part], variants: bool) -> fmt::Result {
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                f.write_str(if variants { " | " } else { ", " })?;
            }
            match &part.name {
                Some(name) => f.write_str(name)?,
                None => write!(f, "{position}")?,
            }
            match self.shape.node(part.shape) {
                Some(ShapeNode::Leaf(Leaf::Unit)) if variants => {}
                Some(ShapeNode::Tuple(_)) if variants => write!(f, "{}", self.at(part.shape))?,
                Some(ShapeNode::Struct(_)) if variants => write!(f, " {}", self.at(part.shape))?,
                _ if variants => write!(f, "({})", self.at(part.shape))?,
                _ => write!(f, ": {}", self.at(part.shape))?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(node) = self.shape.node(self.id) else { return f.write_str("?") };
        let Some(left) = self.parts.get().checked_sub(1) else { return f.write_str("...") };
        self.parts.set(left);
        if self.depth > DEPTH_SHOWN && !matches!(node, ShapeNode::Leaf(_)) {
            return f.write_str("...");
        }
        match node {
            ShapeNode::Leaf(leaf) => leaf.fmt(f),
            ShapeNode::Option(some) => write!(f, "{}?", self.at(*some)),
            ShapeNode::Sequence(element) => write!(f, "[{}]", self.at(*element)),
            ShapeNode::Map(key, value) => write!(f, "{{{} => {}}}", self.at(*key), self.at(*value)),
            ShapeNode::Tuple(values) => {
                f.write_str("(")?;
                for (position, value) in values.iter().enumerate() {
                    write!(f, "{}{}", if position > 0 { ", " } else { "" }, self.at(*value))?;
                }
                f.write_str(")")
            }
            ShapeNode::Struct(fields) => {
                f.write_str("{ ")?;
                self.parts(f, fields, false)?;
                f.write_str(" }")
            }
            ShapeNode::Enum(variants) => self.parts(f, variants, true),
        }
    }
}
