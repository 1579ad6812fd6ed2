//! What has been found out about a type so far.

use super::Stopped;
use crate::state::shape::{Leaf, Part, ROOT, Shape, ShapeNode};
use std::cell::Cell;
use std::collections::HashMap;

/// Nodes of one type. What has more is given up.
const MAX_NODES: usize = 4096;

/// Sample values that a type may refuse before it is given up.
pub(super) const MAX_ATTEMPTS: u32 = 24;

/// Values asked for, over all passes: the end of a type whose smallest value is enormous.
const MAX_VISITS: u32 = 1 << 18;

/// What tells two containers apart: a type that comes again is not explored again. The visitor's name holds the type's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) visitor: &'static str,
    pub(super) value: &'static str,
    pub(super) form: Form,
}

/// Which container was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    Option,
    Sequence,
    Map,
    Tuple(usize),
    Struct(&'static [&'static str]),
    Enum(&'static [&'static str]),
}

/// Children that have a number each: values of a tuple, fields, variants.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) form: Form,
    pub(super) nodes: Vec<usize>,
    /// How many of them there really are, once it is known that names were announced that are only other names of the same.
    pub(super) real: Option<usize>,
}

impl Parts {
    pub(super) fn real(&self) -> &[usize] {
        self.nodes.get(..self.real.unwrap_or(self.nodes.len())).unwrap_or(&self.nodes)
    }

    fn named(&self, names: &[&'static str], id_of: impl Fn(usize) -> u32) -> Vec<Part> {
        let ambiguous = self.real().len() != names.len();
        let name = |position: usize| names.get(position).filter(|_| !ambiguous).map(|name| (*name).to_owned());
        self.real().iter().enumerate().map(|(i, node)| Part { name: name(i), shape: id_of(*node) }).collect()
    }
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Unknown,
    Leaf(Leaf),
    Option(usize),
    Sequence(usize),
    Map(usize, usize),
    Parts(Parts),
    /// The same as another node: a type that was met before, perhaps one that contains itself.
    Same(usize),
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Which samples its values are made of: how often one of them was refused.
    pub(super) attempt: u32,
    /// How often it was chosen among the variants of its enumeration.
    pub(super) chosen: u32,
    complete: Cell<bool>,
    height: Cell<Option<u32>>,
}

/// The nodes of a type, the first of which is the type itself.
#[derive(Debug)]
pub(super) struct Arena {
    nodes: Vec<Node>,
    known: HashMap<Key, usize>,
    visits: Cell<u32>,
    /// This pass found something out.
    pub(super) progress: bool,
    /// The fault of this pass has been put down to a node.
    pub(super) blamed: bool,
    /// The type cannot be traced, whatever is tried.
    pub(super) hopeless: bool,
}

impl Arena {
    pub(super) fn new() -> Arena {
        let mut arena = Arena {
            nodes: Vec::new(),
            known: HashMap::new(),
            visits: Cell::new(0),
            progress: false,
            blamed: false,
            hopeless: false,
        };
        arena.add();
        arena
    }

    pub(super) fn node(&self, id: usize) -> &Node {
        &self.nodes[id]
    }

    pub(super) fn node_mut(&mut self, id: usize) -> &mut Node {
        &mut self.nodes[id]
    }

    fn add(&mut self) -> usize {
        let (complete, height) = (Cell::new(false), Cell::new(None));
        self.nodes.push(Node { kind: Kind::Unknown, attempt: 0, chosen: 0, complete, height });
        self.nodes.len() - 1
    }

    /// The type cannot be described: the pass ends, and there will be no other.
    pub(super) fn give_up(&mut self) -> Stopped {
        self.hopeless = true;
        self.stop()
    }

    /// The pass ends here without anybody's fault.
    pub(super) fn stop(&mut self) -> Stopped {
        self.blamed = true;
        Stopped
    }

    /// Something failed while `id` was made and nothing inside it has been blamed: its samples are refused. The next pass takes others.
    pub(super) fn blame(&mut self, id: usize) {
        if !std::mem::replace(&mut self.blamed, true) && self.nodes[id].attempt < MAX_ATTEMPTS {
            self.nodes[id].attempt += 1;
            self.progress = true;
        }
    }

    /// Counts a value that was asked for.
    pub(super) fn visit(&mut self) -> Result<(), Stopped> {
        self.visits.set(self.visits.get() + 1);
        if self.visits.get() > MAX_VISITS { Err(self.give_up()) } else { Ok(()) }
    }

    pub(super) fn record_leaf(&mut self, id: usize, leaf: Leaf) -> Result<(), Stopped> {
        match &self.nodes[id].kind {
            Kind::Unknown => {
                self.nodes[id].kind = Kind::Leaf(leaf);
                self.progress = true;
                Ok(())
            }
            Kind::Leaf(known) if *known == leaf => Ok(()),
            // A type that asks for another thing than the last time decides by what it has read: no one shape describes it.
            _ => Err(self.give_up()),
        }
    }

    /// Records that `id` is a container of this form, or the same as one that is known by the same `key`. Gives the node that
    /// holds its parts.
    pub(super) fn record(&mut self, id: usize, form: Form, key: Option<Key>) -> Result<usize, Stopped> {
        let id = match self.nodes[id].kind {
            Kind::Same(known) => known,
            _ => id,
        };
        match &self.nodes[id].kind {
            Kind::Unknown => {}
            kind if fits(kind, form) => return Ok(id),
            _ => return Err(self.give_up()),
        }
        self.progress = true;
        if let Some(known) = key.and_then(|key| self.known.get(&key).copied()) {
            self.nodes[id].kind = Kind::Same(known);
            return Ok(known);
        }
        let parts = match form {
            Form::Option | Form::Sequence | Form::Map => 2,
            Form::Tuple(length) => length,
            Form::Struct(names) | Form::Enum(names) => names.len(),
        };
        if parts > MAX_NODES || self.nodes.len() + parts > MAX_NODES {
            return Err(self.give_up());
        }
        self.nodes[id].kind = match form {
            Form::Option => Kind::Option(self.add()),
            Form::Sequence => Kind::Sequence(self.add()),
            Form::Map => Kind::Map(self.add(), self.add()),
            Form::Tuple(_) | Form::Struct(_) | Form::Enum(_) => {
                Kind::Parts(Parts { form, nodes: (0..parts).map(|_| self.add()).collect(), real: None })
            }
        };
        if let Some(key) = key {
            self.known.insert(key, id);
        }
        Ok(id)
    }

    /// Of the parts that `id` announced only the first `count` exist.
    pub(super) fn settle(&mut self, id: usize, count: usize) -> Result<(), Stopped> {
        let Kind::Parts(parts) = &mut self.nodes[id].kind else { return Ok(()) };
        match parts.real {
            None if count < parts.nodes.len() => {
                parts.real = Some(count);
                self.progress = true;
                Ok(())
            }
            None => Ok(()),
            Some(real) if real == count => Ok(()),
            Some(_) => Err(self.give_up()),
        }
    }

    /// Whether everything about `id` is known.
    pub(super) fn complete(&self, id: usize) -> bool {
        let node = &self.nodes[id];
        if node.complete.get() {
            return true;
        }
        let complete = match &node.kind {
            Kind::Unknown => false,
            Kind::Leaf(_) | Kind::Same(_) => true,
            Kind::Option(inner) | Kind::Sequence(inner) => self.complete(*inner),
            Kind::Map(key, value) => self.complete(*key) && self.complete(*value),
            Kind::Parts(parts) => parts.real().iter().all(|part| self.complete(*part)),
        };
        node.complete.set(complete);
        complete
    }

    /// How many steps the smallest value of `id` takes that can be made of what is known; `None` when there is none yet. A part has
    /// always fewer than its whole, so a value that is made by going down in this number has an end.
    pub(super) fn height(&self, id: usize) -> Option<u32> {
        self.height_within(id, &mut Vec::new())
    }

    /// `open` are the nodes that are being asked already.
    fn height_within(&self, id: usize, open: &mut Vec<usize>) -> Option<u32> {
        let node = &self.nodes[id];
        self.visits.set(self.visits.get() + 1);
        if node.height.get().is_some() || self.visits.get() > MAX_VISITS {
            return node.height.get();
        }
        let parts = match &node.kind {
            Kind::Unknown => None,
            Kind::Leaf(_) | Kind::Option(_) | Kind::Sequence(_) | Kind::Map(..) => Some(0),
            Kind::Parts(_) if open.contains(&id) => None,
            Kind::Parts(parts) => {
                open.push(id);
                let mut heights = parts.real().iter().map(|part| self.height_within(*part, open));
                let most = match parts.form {
                    Form::Enum(_) => heights.flatten().min(),
                    _ => heights.try_fold(0, |most, height| height.map(|height| most.max(height))),
                };
                open.pop();
                most
            }
            Kind::Same(other) => self.height_within(*other, open),
        };
        node.height.set(parts.map(|parts| parts + 1));
        node.height.get()
    }

    /// The shape, once the first node is complete.
    pub(super) fn into_shape(self) -> Shape {
        let mut order = Vec::new();
        let mut ids = HashMap::new();
        let mut leaves = HashMap::new();
        let mut open = vec![0];
        while let Some(id) = open.pop() {
            let position = u32::try_from(order.len()).unwrap_or(u32::MAX);
            match &self.nodes[id].kind {
                // Its node is on its way, or has been here.
                Kind::Same(_) | Kind::Unknown => continue,
                Kind::Leaf(leaf) => {
                    let shared = *leaves.entry(*leaf).or_insert(position);
                    ids.insert(id, shared);
                    if shared != position {
                        continue;
                    }
                }
                Kind::Option(inner) | Kind::Sequence(inner) => open.push(*inner),
                Kind::Map(key, value) => open.extend([*value, *key]),
                Kind::Parts(parts) => open.extend(parts.real().iter().rev()),
            }
            ids.insert(id, position);
            order.push(id);
        }
        let id_of = |id: usize| {
            let real = if let Kind::Same(other) = self.nodes[id].kind { other } else { id };
            ids.get(&real).copied().unwrap_or(ROOT)
        };
        let node = |id: &usize| match &self.nodes[*id].kind {
            Kind::Unknown | Kind::Same(_) => ShapeNode::Leaf(Leaf::Unit),
            Kind::Leaf(leaf) => ShapeNode::Leaf(*leaf),
            Kind::Option(inner) => ShapeNode::Option(id_of(*inner)),
            Kind::Sequence(inner) => ShapeNode::Sequence(id_of(*inner)),
            Kind::Map(key, value) => ShapeNode::Map(id_of(*key), id_of(*value)),
            Kind::Parts(parts) => match parts.form {
                Form::Struct(names) => ShapeNode::Struct(parts.named(names, id_of)),
                Form::Enum(names) => ShapeNode::Enum(parts.named(names, id_of)),
                _ => ShapeNode::Tuple(parts.real().iter().map(|part| id_of(*part)).collect()),
            },
        };
        Shape::new(order.iter().map(node).collect())
    }
}

fn fits(kind: &Kind, form: Form) -> bool {
    match kind {
        Kind::Option(_) => form == Form::Option,
        Kind::Sequence(_) => form == Form::Sequence,
        Kind::Map(..) => form == Form::Map,
        Kind::Parts(parts) => parts.form == form,
        Kind::Unknown | Kind::Leaf(_) | Kind::Same(_) => false,
    }
}
