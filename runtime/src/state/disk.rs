//! What the storage holds of a partition, and what a new version adds to it: its delta, and new bases of some segments.

use super::partition::Before;
use super::rows::{Listing, Place, Row};
use super::segments::{SEGMENTS, Segments, in_order, segment_of};
use super::{StateChange, StateKey, StateValue};
use crate::codec::{CodecError, encode};
use crate::time::Time;
use std::collections::VecDeque;

/// What every version may write of bases beyond the size of its delta, so that small states have no deltas for long and a
/// state that rests comes to rest on disk, too.
const ALLOWANCE: i64 = 4096;

/// The rows of a partition, as of its newest version.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) place: Place,
    /// By segment: the oldest delta that changed it and is not in its base.
    pub(super) unbased: Vec<Option<Time>>,
    /// By segment: whether it has a base.
    pub(super) based: Vec<bool>,
    /// The batches that have a delta.
    pub(super) deltas: VecDeque<Time>,
    /// Nothing at all is stored under `place`: the next version writes all that the partition holds.
    pub(super) nothing_stored: bool,
    /// The segment whose turn it is to get a new base.
    turn: usize,
    /// Bytes of bases that may be written. A base that was larger leaves a debt.
    credit: i64,
}

impl Disk {
    /// Nothing is stored.
    pub(super) fn new(place: Place) -> Disk {
        Disk {
            place,
            unbased: vec![None; SEGMENTS],
            based: vec![false; SEGMENTS],
            deltas: VecDeque::new(),
            nothing_stored: true,
            turn: 0,
            credit: 0,
        }
    }

    /// Rows that make the version of `batch`, which `segments` hold and which differs from the one before by `undo`, the
    /// stored one.
    pub(super) fn store<K: StateKey, S: StateValue>(
        &mut self,
        segments: &Segments<K, S>,
        undo: &[Before<K, S>],
        batch: Time,
    ) -> Result<Vec<StateChange>, CodecError> {
        let all = self.nothing_stored;
        let rows = match all {
            true => self.store_all(segments, batch)?,
            false => self.store_delta(segments, undo, batch)?,
        };
        match all || !rows.is_empty() {
            true => self.with_listing(rows, segments.len()),
            false => Ok(rows),
        }
    }

    fn store_all<K: StateKey, S: StateValue>(
        &mut self,
        segments: &Segments<K, S>,
        batch: Time,
    ) -> Result<Vec<StateChange>, CodecError> {
        *self = Disk { nothing_stored: false, ..Disk::new(self.place) };
        let mut rows = Vec::new();
        for segment in 0..SEGMENTS {
            self.store_base(segments, segment, batch, &mut rows)?;
        }
        Ok(rows)
    }

    fn store_delta<K: StateKey, S: StateValue>(
        &mut self,
        segments: &Segments<K, S>,
        undo: &[Before<K, S>],
        batch: Time,
    ) -> Result<Vec<StateChange>, CodecError> {
        let mut rows = Vec::new();
        let delta: Vec<(&K, Option<&S>)> = undo
            .iter()
            .map(|before| (before, segments.get(before.hash, &before.key).map(|entry| &entry.state)))
            .filter(|(before, state)| before.state.is_some() || state.is_some())
            .map(|(before, state)| (&before.key, state))
            .collect();
        let mut delta_row = None;
        if !delta.is_empty() {
            let value = encode(&delta)?;
            self.credit = self.credit.saturating_add(i64::try_from(value.len()).unwrap_or(i64::MAX));
            delta_row = Some(value);
            self.deltas.push_back(batch);
            for segment in undo.iter().map(|before| segment_of(before.hash)) {
                if let Some(unbased) = self.unbased.get_mut(segment) {
                    unbased.get_or_insert(batch);
                }
            }
        }
        if self.deltas.is_empty() {
            return Ok(rows);
        }
        self.credit = self.credit.saturating_add(ALLOWANCE);
        self.renew_bases(segments, batch, &mut rows)?;
        let oldest = self.unbased.iter().flatten().min().copied();
        while let Some(delta) = self.deltas.front().copied().filter(|delta| oldest.is_none_or(|oldest| *delta < oldest))
        {
            self.deltas.pop_front();
            match delta == batch {
                true => delta_row = None,
                false => rows.push(self.place.delete(Row::Delta(delta))),
            }
        }
        rows.extend(delta_row.map(|value| self.place.put(Row::Delta(batch), value)));
        Ok(rows)
    }

    /// New bases for segments that have changed, in turn, until what may be written is.
    fn renew_bases<K: StateKey, S: StateValue>(
        &mut self,
        segments: &Segments<K, S>,
        batch: Time,
        rows: &mut Vec<StateChange>,
    ) -> Result<(), CodecError> {
        for _ in 0..SEGMENTS {
            if self.credit <= 0 {
                return Ok(());
            }
            let segment = self.turn;
            self.turn = (self.turn + 1) % SEGMENTS;
            if self.unbased.get(segment).copied().flatten().is_some() {
                let bytes = self.store_base(segments, segment, batch, rows)?;
                self.credit = self.credit.saturating_sub(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        }
        // Every segment has had its turn. What was not needed is not saved for later.
        self.credit = self.credit.min(0);
        Ok(())
    }

    /// The base of one segment. One without keys has none: replaying what deltas there are gives the same.
    fn store_base<K: StateKey, S: StateValue>(
        &mut self,
        segments: &Segments<K, S>,
        segment: usize,
        batch: Time,
        rows: &mut Vec<StateChange>,
    ) -> Result<usize, CodecError> {
        let mut entries: Vec<_> = segments.segment(segment).map(|e| (e.hash, &e.key, &e.state)).collect();
        entries.sort_unstable_by(|a, b| in_order((a.0, a.1), (b.0, b.1)));
        // A segment's number fits into a byte.
        let row = Row::Base(segment as u8);
        let (Some(based), Some(unbased)) = (self.based.get_mut(segment), self.unbased.get_mut(segment)) else {
            return Ok(0);
        };
        *unbased = None;
        let before = std::mem::replace(based, !entries.is_empty());
        if entries.is_empty() {
            rows.extend(before.then(|| self.place.delete(row)));
            return Ok(0);
        }
        let entries: Vec<(&K, &S)> = entries.into_iter().map(|(_, key, state)| (key, state)).collect();
        let value = encode(&(batch, entries))?;
        let bytes = value.len();
        rows.push(self.place.put(row, value));
        Ok(bytes)
    }

    fn with_listing(&self, mut rows: Vec<StateChange>, keys: usize) -> Result<Vec<StateChange>, CodecError> {
        let bases = (0..=u8::MAX).zip(&self.based).filter(|(_, based)| **based).map(|(segment, _)| segment).collect();
        let listing = Listing { bases, deltas: Listing::of_deltas(self.deltas.iter()), keys: keys as u64 };
        rows.push(self.place.put(Row::Listing, encode(&listing)?));
        Ok(rows)
    }
}
