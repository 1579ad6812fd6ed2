//! The input streams of a program, and what is known of their receivers.

use super::Omitted;
use super::kept::shortened;
use std::collections::BTreeMap;
use waterwheel_runtime::event::{BatchInfo, Event};
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::receiver::ReceiverSnapshot;
use waterwheel_runtime::time::Time;

/// More input streams than any program has. Streams beyond are not shown.
const MOST: usize = 10_000;

/// An input stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct StreamRow {
    /// Its name.
    pub(crate) name: String,
    /// The operator and the user's line, when they are known.
    pub(crate) site: Option<String>,
    /// Its receiver; `None` when no receiver feeds it, as far as it is known.
    pub(crate) receiver: Option<ReceiverRow>,
    /// Its records in completed batches.
    pub(crate) records: u64,
    /// Records per second that its receiver may store, when it has a limit.
    pub(crate) rate_limit: Option<f64>,
    /// Records that the last batch left behind, since it could not take more.
    pub(crate) spilled: u64,
    /// Records that were dropped.
    pub(crate) shed: u64,
}

impl StreamRow {
    /// The row with what its receiver is by now.
    pub(crate) fn with_receiver(&self, there: &ReceiverSnapshot) -> StreamRow {
        let told =
            self.receiver.clone().unwrap_or_else(|| ReceiverRow { name: there.name.clone(), ..ReceiverRow::default() });
        let last = there.last_error.as_ref().map(|error| (error.time, shortened(&error.message).0));
        let receiver = ReceiverRow {
            active: there.is_active(),
            starts: told.starts.max(there.starts),
            errors: told.errors.max(u64::from(last.is_some())),
            last_error: told.last_error.or(last),
            untold_errors: there.untold_errors,
            ..told
        };
        StreamRow { receiver: Some(receiver), ..self.clone() }
    }
}

/// A receiver, by the latest that was heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ReceiverRow {
    pub(crate) name: String,
    pub(crate) active: bool,
    /// How often it was started.
    pub(crate) starts: u64,
    /// How often it reported an error, or ended with one.
    pub(crate) errors: u64,
    pub(crate) last_error: Option<(Time, String)>,
    /// Errors that it reported faster than they could be told.
    pub(crate) untold_errors: u64,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Streams {
    rows: BTreeMap<StreamId, StreamRow>,
    omitted: Omitted,
}

impl Streams {
    pub(crate) fn new(rows: impl IntoIterator<Item = (StreamId, StreamRow)>) -> Streams {
        Streams { rows: rows.into_iter().collect(), omitted: Omitted::default() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (StreamId, &StreamRow)> {
        self.rows.iter().map(|(stream, row)| (*stream, row))
    }

    pub(crate) fn get(&self, stream: StreamId) -> Option<&StreamRow> {
        self.rows.get(&stream)
    }

    /// What was told of streams and is not kept.
    pub(super) fn omitted(&self) -> Omitted {
        self.omitted
    }

    /// Takes in what is told of a receiver; anything else is passed over.
    pub(super) fn told(&mut self, event: &Event, now: Time) {
        match event {
            Event::ReceiverStarted { stream, name } => {
                if let Some(receiver) = self.receiver(*stream, name) {
                    receiver.starts += 1;
                    receiver.active = true;
                }
            }
            Event::ReceiverError { stream, name, message } => {
                let (text, whole) = shortened(message);
                self.omitted.failures += u64::from(!whole);
                if let Some(receiver) = self.receiver(*stream, name) {
                    receiver.errors += 1;
                    receiver.last_error = Some((now, text));
                }
            }
            Event::ReceiverStopped { stream, name, error } => {
                if let Some(receiver) = self.receiver(*stream, name) {
                    receiver.active = false;
                    let error = error.as_ref().map(|error| shortened(error).0);
                    let known = |error: &String| receiver.last_error.as_ref().is_some_and(|(_, last)| last == error);
                    // The error that it ends with was told just before, as an error.
                    if let Some(error) = error.filter(|error| !known(error)) {
                        receiver.last_error = Some((now, error));
                    }
                }
            }
            _ => {}
        }
    }

    /// A batch is complete.
    pub(super) fn completed(&mut self, info: &BatchInfo) {
        for (stream, row) in &mut self.rows {
            row.records += info.records.get(stream).copied().unwrap_or(0);
            row.rate_limit = info.rates.get(stream).copied();
            if let Some(flow) = info.flow.get(stream) {
                (row.spilled, row.shed) = (flow.spilled, flow.shed);
            }
        }
    }

    fn receiver(&mut self, stream: StreamId, name: &str) -> Option<&mut ReceiverRow> {
        if !self.rows.contains_key(&stream) && self.rows.len() >= MOST {
            self.omitted.rows += 1;
            return None;
        }
        let row =
            self.rows.entry(stream).or_insert_with(|| StreamRow { name: name.to_owned(), ..StreamRow::default() });
        Some(row.receiver.get_or_insert_with(|| ReceiverRow { name: name.to_owned(), ..ReceiverRow::default() }))
    }
}
