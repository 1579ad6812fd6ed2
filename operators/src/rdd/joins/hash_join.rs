//! What all joins are made of: a table of the other side, through which this side streams.

use super::matches::Matches;
use super::meeting::Gather;
use crate::rdd::key_table::KeyTable;
use crate::rdd::sink::push_iter;
use crate::rdd::{CHUNK, Flow, Partitioner, Rdd, Sink, take};
use crate::record::{Data, Key, Record};
use std::borrow::Borrow;
use std::hash::Hash;
use std::iter::repeat_n;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

/// Which rows a join has.
pub(super) trait Kind<V, W>: 'static {
    /// What a row holds next to its key.
    type Row: Data;

    /// Whether records of this side without a match make a row.
    const ALL_OF_THIS: bool;

    /// Whether values of the other side without a match do.
    const ALL_OF_THAT: bool;

    /// The row of two values, or of one that has no match; `None` when there is no such row.
    fn row(this: Option<V>, that: Option<W>) -> Option<Self::Row>;
}

impl<K: Key, V: Record> Rdd<(K, V)> {
    /// The rows of this dataset's records in their order, each with its matches in theirs; then the rows of the keys that only
    /// `other` has, if the kind has such, in the order of their first appearance.
    pub(super) fn hash_join<J: Kind<V, W>, W: Record>(
        &self,
        site: Site,
        other: &Rdd<(K, W)>,
        partitioner: Option<Partitioner<K>>,
    ) -> Rdd<(K, J::Row)> {
        let partitioner = partitioner.unwrap_or_else(|| self.meeting_place(other));
        self.meet(site, other, partitioner, move |this, that, task, out| {
            let mut table = KeyTable::with_capacity(0);
            that.push_into(task, &mut Gather { site, task, table: &mut table, add: Matches::add })?;
            let mut probe = Probe::<J, _, _, _>::new(site, task, &table, out);
            this.push_into(task, &mut probe)?;
            let met = probe.met;
            if !J::ALL_OF_THAT {
                return Ok(());
            }
            let unmet = table.into_entries().into_iter().zip(met).filter_map(|(entry, met)| (!met).then_some(entry));
            let records = unmet.flat_map(|(key, matches)| repeat_n(key, matches.len()).zip(matches.into_iter()));
            let rows = records.filter_map(|(key, that)| Some((key, J::row(None, Some(that))?)));
            push_iter(site, task, rows, out)
        })
    }
}

/// Takes this side's records and hands the rows on.
pub(super) struct Probe<'a, J: Kind<V, W>, K, V, W> {
    site: Site,
    task: &'a TaskContext,
    table: &'a KeyTable<K, Matches<W>>,
    /// Which keys of the table this side has; empty when nobody wants to know.
    met: Vec<bool>,
    rows: Vec<(K, J::Row)>,
    out: &'a mut dyn Sink<(K, J::Row)>,
}

impl<'a, J: Kind<V, W>, K: Data + Eq + Hash, V: Data, W: Data> Probe<'a, J, K, V, W> {
    pub(super) fn new(
        site: Site,
        task: &'a TaskContext,
        table: &'a KeyTable<K, Matches<W>>,
        out: &'a mut dyn Sink<(K, J::Row)>,
    ) -> Self {
        let met = if J::ALL_OF_THAT { vec![false; table.len()] } else { Vec::new() };
        Probe { site, task, table, met, rows: Vec::new(), out }
    }

    /// The rows of `held` records; `own` is called for those that make one.
    fn probe<R: Borrow<(K, V)>>(
        &mut self,
        count: usize,
        held: impl Iterator<Item = R>,
        own: impl Fn(R) -> (K, V),
    ) -> Flow {
        let Probe { site, task, table, met, rows, out } = self;
        let (mut held, mut count) = (held, count);
        loop {
            // Handed on whenever a chunk is full. Whoever took the last one may have taken its memory as well.
            rows.reserve(CHUNK);
            let full = task.run(*site, std::mem::take(&mut count), || {
                held.by_ref().any(|record| {
                    match table.get(&record.borrow().0) {
                        Some((position, matches)) => {
                            if let Some(met) = met.get_mut(position) {
                                *met = true;
                            }
                            let held = repeat_n(own(record), matches.len()).zip(matches.iter());
                            rows.extend(held.filter_map(|((key, this), that)| {
                                Some((key, J::row(Some(this), Some(that.clone()))?))
                            }));
                        }
                        None if J::ALL_OF_THIS => {
                            let (key, this) = own(record);
                            rows.extend(J::row(Some(this), None).map(|row| (key, row)));
                        }
                        None => {}
                    }
                    rows.len() >= CHUNK
                })
            })?;
            if !rows.is_empty() {
                out.push(rows)?;
            }
            if !full {
                return Ok(());
            }
        }
    }
}

impl<J: Kind<V, W>, K: Data + Eq + Hash, V: Data, W: Data> Sink<(K, V)> for Probe<'_, J, K, V, W> {
    fn push(&mut self, chunk: &mut Vec<(K, V)>) -> Flow {
        self.probe(chunk.len(), take(chunk), |record| record)
    }

    fn push_shared(&mut self, chunk: &[(K, V)]) -> Flow {
        self.probe(chunk.len(), chunk.iter(), Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;
    use serde::{Deserialize, Serialize};
    use std::hash::{Hash, Hasher};

    /// A key of the user's that cannot always be hashed.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    struct Fragile(u32);

    impl Hash for Fragile {
        fn hash<H: Hasher>(&self, state: &mut H) {
            assert_ne!(self.0, 13, "unlucky");
            self.0.hash(state);
        }
    }

    /// F-1
    #[test]
    fn a_panic_of_the_users_key_names_the_join_on_whichever_side_it_is() {
        let engine = Engine::local(2).unwrap();
        let keys = |range: std::ops::Range<u32>| engine.parallelize(range.map(|n| (Fragile(n), n)), 3);
        for (this, that) in [(keys(0..10), keys(5..20)), (keys(5..20), keys(0..10))] {
            let line = line!() + 1;
            let joined = this.join_with(&that, 1).collect();
            let error = joined.unwrap_err().to_string();
            assert!(error.starts_with(&format!("join at {}:{line}:", file!())), "{error}");
            assert!(error.contains("panicked in partition 0") && error.contains("unlucky"), "{error}");
        }
    }

    #[test]
    fn rows_of_a_dataset_that_was_computed_in_place_and_of_one_that_lies_with_its_owner_are_the_same() {
        let engine = Engine::local(2).unwrap();
        let that = engine.parallelize((0..3000).map(|n| (n % 1000, n)), 2).partition_by(2);
        let this = engine.parallelize((500..1500).map(|n| (n, n)), 2).partition_by(2);
        let shared = this.full_outer_join(&that).collect().unwrap();
        let owned = this.map_values(|n| n).full_outer_join(&that.map_values(|n| n)).collect().unwrap();
        assert_eq!(shared.len(), 500 * 3 + 500 + 500 * 3);
        assert!(shared == owned);
    }
}
