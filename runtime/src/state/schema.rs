//! The types of stored state, and whether state of one type can be read as another.
//!
//! Encoded values do not say what they are, so the type that wrote them is recorded beside them and compared at restart.
//!
//! **Unchanged** is a type whose [`Shape`] is equal: the same numbers, texts, options, sequences and maps in the same places, the same
//! fields in the same order with the same names, the same variants in the same order with the same names. Names of types and modules
//! do not count, nor does whether a type that contains itself does so one step earlier or later. A name that is hidden by serde's
//! `alias` equals every name.
//!
//! Some types cannot be traced: those that refuse every invented value, and those that want more information than the encoding holds
//! (serde's `untagged`, `tag` and `flatten`; they cannot be stored either). They are compared by the name of the Rust type.
//! A type whose own `Deserialize` decides by the values that it reads what it reads next is described by one of the ways it may go.

use super::shape::{NodeId, Part, ROOT, Shape, ShapeNode};
use super::trace::trace;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::type_name;
use std::collections::HashSet;
use thiserror::Error;

/// The type of keys or values in stored state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeSchema {
    /// The name of the Rust type, for people.
    pub type_name: String,
    /// What its encoded values consist of; `None` when that could not be found out.
    pub shape: Option<Shape>,
}

impl TypeSchema {
    /// The schema of `T`. It is found out by having `T` deserialise invented values: ask once, not for every batch. Panics of
    /// `T`'s own `Deserialize` are caught.
    ///
    /// ```
    /// use waterwheel_runtime::state::TypeSchema;
    ///
    /// let schema = TypeSchema::of::<(String, Option<Vec<u32>>)>();
    /// assert_eq!(schema.shape.unwrap().to_string(), "(text, [u32]?)");
    /// ```
    pub fn of<T: DeserializeOwned>() -> TypeSchema {
        TypeSchema { type_name: type_name::<T>().to_owned(), shape: trace::<T>() }
    }
}

/// How the type that stored state differs from the one that is to read it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}{change}")]
pub struct TypeDifference {
    /// Where in the type, with a colon: `field stats.total: `. Empty when it is the whole type.
    pub place: String,
    /// What it was and what it is: `u32 became u64`.
    pub change: String,
}

/// Whether state that was stored as `stored` can be read as `current`.
///
/// ```
/// use waterwheel_runtime::state::{TypeSchema, compare};
///
/// let (stored, current) = (TypeSchema::of::<(String, u32)>(), TypeSchema::of::<(String, u64)>());
/// assert_eq!(compare(&stored, &stored), Ok(()));
/// assert_eq!(compare(&stored, &current).unwrap_err().to_string(), "value 1: u32 became u64");
/// ```
///
/// # Errors
/// The first difference, in the order of the fields.
pub fn compare(stored: &TypeSchema, current: &TypeSchema) -> Result<(), TypeDifference> {
    match (&stored.shape, &current.shape) {
        (Some(stored), Some(current)) => compare_shapes(stored, current),
        _ if stored.type_name == current.type_name => Ok(()),
        _ => {
            let change = format!(
                "type {} became {}, and what one of them consists of is not known",
                stored.type_name, current.type_name
            );
            Err(TypeDifference { place: String::new(), change })
        }
    }
}

/// Two nodes that must be alike, and how one gets there.
struct Pair {
    stored: NodeId,
    current: NodeId,
    place: Place,
}

/// A way into a type.
#[derive(Clone, Default)]
struct Place {
    /// What it leads to: `field`.
    what: &'static str,
    /// `stats.total`
    path: String,
}

impl Place {
    fn named(&self, what: &'static str, name: &str) -> Place {
        let dot = if self.path.is_empty() { "" } else { "." };
        Place { what, path: format!("{}{dot}{name}", self.path) }
    }

    fn each(&self, what: &'static str, mark: &str) -> Place {
        Place { what, path: format!("{}{mark}", self.path) }
    }

    fn differs(&self, change: String) -> TypeDifference {
        let place = if self.what.is_empty() { String::new() } else { format!("{} {}: ", self.what, self.path) };
        TypeDifference { place, change }
    }
}

/// Types may contain themselves and may come from a damaged disk, so this neither recurses nor looks at a pair twice.
fn compare_shapes(stored: &Shape, current: &Shape) -> Result<(), TypeDifference> {
    let mut open = vec![Pair { stored: ROOT, current: ROOT, place: Place::default() }];
    let mut seen = HashSet::new();
    while let Some(pair) = open.pop() {
        if !seen.insert((pair.stored, pair.current)) {
            continue;
        }
        let first_new = open.len();
        let became = || {
            let (was, is) = (stored.show(pair.stored), current.show(pair.current));
            pair.place.differs(format!("{was} became {is}"))
        };
        let (Some(was), Some(is)) = (stored.node(pair.stored), current.node(pair.current)) else {
            return Err(pair.place.differs("its stored description is damaged".to_owned()));
        };
        let mut push = |stored, current, place| open.push(Pair { stored, current, place });
        match (was, is) {
            (ShapeNode::Leaf(was), ShapeNode::Leaf(is)) if was == is => {}
            (ShapeNode::Option(was), ShapeNode::Option(is)) => push(*was, *is, pair.place.each("optional", "?")),
            (ShapeNode::Sequence(was), ShapeNode::Sequence(is)) => push(*was, *is, pair.place.each("element", "[]")),
            (ShapeNode::Map(old_key, old_value), ShapeNode::Map(key, value)) => {
                push(*old_key, *key, pair.place.each("key", "{key}"));
                push(*old_value, *value, pair.place.each("value", "{value}"));
            }
            (ShapeNode::Tuple(was), ShapeNode::Tuple(is)) if was.len() == is.len() => {
                for (position, (was, is)) in was.iter().zip(is).enumerate() {
                    push(*was, *is, pair.place.named("value", &position.to_string()));
                }
            }
            (ShapeNode::Struct(was), ShapeNode::Struct(is)) => {
                same_names("field", was, is).map_err(|change| pair.place.differs(change))?;
                for (position, (was, is)) in was.iter().zip(is).enumerate() {
                    push(was.shape, is.shape, pair.place.named("field", &name_of(is, position)));
                }
            }
            (ShapeNode::Enum(was), ShapeNode::Enum(is)) => {
                same_names("variant", was, is).map_err(|change| pair.place.differs(change))?;
                for (position, (was, is)) in was.iter().zip(is).enumerate() {
                    push(was.shape, is.shape, pair.place.named("variant", &name_of(is, position)));
                }
            }
            _ => return Err(became()),
        }
        if let Some(new) = open.get_mut(first_new..) {
            new.reverse();
        }
    }
    Ok(())
}

fn name_of(part: &Part, position: usize) -> String {
    part.name.clone().unwrap_or_else(|| position.to_string())
}

/// Names that are known on both sides must be equal, in their order.
fn same_names(what: &str, stored: &[Part], current: &[Part]) -> Result<(), String> {
    let equal = |(was, is): (&Part, &Part)| was.name.is_none() || is.name.is_none() || was.name == is.name;
    if stored.len() == current.len() && stored.iter().zip(current).all(equal) {
        return Ok(());
    }
    let missing_in = |from: &[Part], of: &[Part]| -> Vec<String> {
        let gone = |part: &&Part| part.name.is_some() && !from.iter().any(|other| other.name == part.name);
        of.iter().filter(gone).filter_map(|part| part.name.clone()).collect()
    };
    let (gone, new) = (missing_in(current, stored), missing_in(stored, current));
    Err(match (gone.as_slice(), new.as_slice()) {
        ([], []) if stored.len() == current.len() => format!("the {what}s are in another order"),
        ([], []) => format!("{} {what}s became {}", stored.len(), current.len()),
        ([old], [new]) if stored.len() == current.len() => format!("{what} {old} became {what} {new}"),
        (gone, []) => format!("{what} {} is gone", gone.join(", ")),
        ([], new) => format!("{what} {} is new", new.join(", ")),
        (gone, new) => format!("{what} {} is gone, {what} {} is new", gone.join(", "), new.join(", ")),
    })
}

#[cfg(test)]
mod tests;
