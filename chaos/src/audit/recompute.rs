//! What follows from the records of each batch: the reference that knows neither state nor crashes.

use super::{Batches, Findings, Outputs};
use crate::subject::Delivery;
use crate::subject::pipeline::WINDOW;
use crate::subject::skipped::fails;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::str::FromStr;

/// What a key has come to, and all that tells a lost record from a doubled one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Total {
    /// The key.
    pub key: u32,
    /// Different records.
    pub distinct: u64,
    /// Records as they came: those that were resent count again.
    pub arrivals: u64,
    /// The sum of the numbers of the different records.
    pub sum: u64,
}

impl Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.key, self.distinct, self.arrivals, self.sum)
    }
}

/// How many records a key had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// The key.
    pub key: u32,
    /// Its records.
    pub records: u64,
}

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.records)
    }
}

/// The `N` numbers of a line.
fn numbers<const N: usize>(line: &str) -> Result<[u64; N], String> {
    let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>();
    numbers.ok().and_then(|numbers| numbers.try_into().ok()).ok_or_else(|| format!("{line:?} is not {N} numbers"))
}

fn key(number: u64) -> Result<u32, String> {
    number.try_into().map_err(|_| format!("{number} is not a key"))
}

impl FromStr for Total {
    type Err = String;

    fn from_str(line: &str) -> Result<Total, String> {
        let [first, distinct, arrivals, sum] = numbers(line)?;
        Ok(Total { key: key(first)?, distinct, arrivals, sum })
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(line: &str) -> Result<Count, String> {
        let [first, records] = numbers(line)?;
        Ok(Count { key: key(first)?, records })
    }
}

/// What each key has come to after each batch.
pub fn totals(records: &Batches<Delivery>) -> Batches<Total> {
    let mut seen: BTreeSet<(u8, u64)> = BTreeSet::new();
    let mut totals: BTreeMap<u32, Total> = BTreeMap::new();
    let after = |(batch, records): (&u64, &Vec<Delivery>)| {
        for record in records {
            let key = record.key();
            let total = totals.entry(key).or_insert(Total { key, distinct: 0, arrivals: 0, sum: 0 });
            total.arrivals += 1;
            if seen.insert(record.identity()) {
                total.distinct += 1;
                total.sum += record.number;
            }
        }
        (*batch, totals.values().copied().collect())
    };
    records.iter().map(after).collect()
}

/// How many records each key had in the last [`WINDOW`] before each batch, the batch included; keys without are left out.
pub fn windows(records: &Batches<Delivery>) -> Batches<Count> {
    let window = |batch: &u64| {
        // Times are in milliseconds.
        let first = (batch + 1).saturating_sub(WINDOW.as_millis() as u64);
        (*batch, counts(records.range(first..=*batch).flat_map(|(_, records)| records)))
    };
    records.keys().map(window).collect()
}

fn counts<'a>(records: impl Iterator<Item = &'a Delivery>) -> Vec<Count> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for record in records {
        *counts.entry(record.key()).or_default() += 1;
    }
    counts.into_iter().map(|(key, records)| Count { key, records }).collect()
}

/// What the other outputs have to hold.
pub(super) struct Expected<'a> {
    records: &'a Batches<Delivery>,
}

impl<'a> Expected<'a> {
    pub(super) fn of(records: &'a Batches<Delivery>) -> Expected<'a> {
        Expected { records }
    }

    pub(super) fn compare(&self, outputs: &Outputs, findings: &mut Findings) {
        compare("the totals", &totals(self.records), &outputs.totals, findings);
        compare("the windows", &windows(self.records), &outputs.windows, findings);
        compare("the rows in SQLite", self.records, &outputs.rows, findings);
        if let Some(skipped) = &outputs.skipped {
            let whole = self.records.iter().filter(|(batch, _)| !fails(**batch));
            let expected = whole.map(|(batch, records)| (*batch, records.clone())).collect();
            compare("the rows of the output that is skipped", &expected, skipped, findings);
        }
        self.sessions(outputs, findings);
    }

    /// Every record of a key is in a session that is over, or in the one under way.
    fn sessions(&self, outputs: &Outputs, findings: &mut Findings) {
        let mut over: BTreeMap<u32, u64> = BTreeMap::new();
        let mut found = Batches::new();
        for batch in self.records.keys() {
            for count in outputs.sessions_over.get(batch).into_iter().flatten() {
                *over.entry(count.key).or_default() += count.records;
            }
            let mut all = over.clone();
            for count in outputs.sessions.get(batch).into_iter().flatten() {
                *all.entry(count.key).or_default() += count.records;
            }
            found.insert(*batch, all.into_iter().map(|(key, records)| Count { key, records }).collect());
        }
        let expected: Batches<Count> = totals(self.records)
            .into_iter()
            .map(|(batch, totals)| {
                (batch, totals.iter().map(|total| Count { key: total.key, records: total.arrivals }).collect())
            })
            .collect();
        compare("the sessions, over and under way,", &expected, &found, findings);
    }
}

/// Finds what is in one and not in the other, batch by batch.
fn compare<T: Ord + Display>(what: &str, expected: &Batches<T>, found: &Batches<T>, findings: &mut Findings) {
    let batches: BTreeSet<&u64> = expected.keys().chain(found.keys()).collect();
    for batch in batches {
        let (mut expected, mut found) = (sorted(expected.get(batch)), sorted(found.get(batch)));
        let both = |one: &mut Vec<&T>, other: &[&T]| one.retain(|record| other.binary_search(record).is_err());
        if expected != found {
            let all = found.clone();
            both(&mut found, &expected);
            both(&mut expected, &all);
            let list = |records: &[&T]| records.iter().map(|record| format!("{record}")).collect::<Vec<_>>().join(", ");
            let (expected, found) = (list(&expected), list(&found));
            findings
                .wrong(format!("{what} of batch {batch}: [{found}] in place of [{expected}] (of those that differ)"));
        }
    }
}

fn sorted<T: Ord>(records: Option<&Vec<T>>) -> Vec<&T> {
    let mut records: Vec<&T> = records.into_iter().flatten().collect();
    records.sort();
    records
}
