//! The values that one key has on the other side of a join.

/// The values of one key. Most keys have one: that needs no list.
#[derive(Clone)]
pub(crate) struct Matches<W> {
    first: Option<W>,
    more: Vec<W>,
}

impl<W> Default for Matches<W> {
    fn default() -> Matches<W> {
        Matches { first: None, more: Vec::new() }
    }
}

impl<W> Matches<W> {
    pub(crate) fn add(&mut self, value: W) {
        match self.first {
            None => self.first = Some(value),
            Some(_) => self.more.push(value),
        }
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.more.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &W> {
        self.first.iter().chain(&self.more)
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = W> {
        self.first.into_iter().chain(self.more)
    }
}
