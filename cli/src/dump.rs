//! `waterwheel state`: the state of one operator, or of one key.

use crate::contents::{Entry, Partition, Shapes, Sink, partition_of, read, show};
use crate::looking::looking;
use crate::value::plain_text;
use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::path::Path;
use waterwheel_runtime::durable::{Look, OperatorRecord};
use waterwheel_runtime::state::look::StoredRow;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The name of the operator.
    pub operator: String,
    /// Only this key: a text, or JSON.
    pub key: Option<String>,
    /// At most so many keys (or rows, where they cannot be decoded).
    pub limit: Option<usize>,
}

/// A key and its state; or a row in hexadecimal, where shapes are unknown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// The key, or which row it is.
    pub key: Value,
    /// The state, or the bytes of the row.
    pub value: Value,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct State {
    /// The operator.
    pub operator: String,
    /// The type of the keys.
    pub key_type: String,
    /// The type of the values.
    pub value_type: String,
    /// The last committed batch, in milliseconds: what is shown is the state after it.
    pub batch: Option<i64>,
    /// How many keys there are.
    pub keys: u64,
    /// Whether keys and values could be decoded.
    pub decoded: bool,
    /// What was asked for, by partition and the order in which streams give it.
    pub entries: Vec<Shown>,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Shown { key, value } in &self.entries {
            writeln!(f, "{}\t{value}", plain_text(key))?;
        }
        if !self.decoded {
            writeln!(
                f,
                "{} keys; what {} and {} consist of is not recorded, so these are rows in hexadecimal",
                self.keys, self.key_type, self.value_type
            )?;
        }
        Ok(())
    }
}

/// Answers from `directory`.
///
/// # Errors
/// When it cannot be read, or has no such operator.
pub fn state(directory: &Path, question: &Question) -> Result<State> {
    looking(directory, |look| answer(look, question), Result::is_err)
}

fn answer(look: &Look, question: &Question) -> Result<State> {
    let meta = look.meta()?.ok_or_else(|| anyhow!("the directory has no record of its application"))?;
    let record = find(&meta.operators, &question.operator)?;
    let Some(schema) = &record.state else { bail!("{:?} ({}) has no state", record.name, record.kind) };
    let shapes = Shapes::of(schema);
    if shapes.is_none() && question.key.is_some() {
        bail!(
            "the shape of the keys of {:?} ({}) is not recorded: they cannot be looked up",
            record.name,
            schema.key.type_name
        );
    }
    let committed = look.ledger()?.last_committed;
    let wanted = question.key.as_ref().map(|key| (key.clone(), serde_json::from_str::<Value>(key).ok()));
    let mut answer = Answer {
        wanted,
        limit: question.limit.unwrap_or(usize::MAX),
        raw: shapes.is_none(),
        keys: 0,
        entries: Vec::new(),
        wrong: None,
    };
    read(look.storage(), &record.name, shapes, committed, &mut answer)?;
    if let Some(wrong) = answer.wrong {
        bail!("the state of {:?} is damaged: {wrong}; `waterwheel verify` lists all that is wrong", record.name);
    }
    Ok(State {
        operator: record.name.clone(),
        key_type: schema.key.type_name.clone(),
        value_type: schema.value.type_name.clone(),
        batch: committed.map(|batch| batch.millis()),
        keys: answer.keys,
        decoded: shapes.is_some(),
        entries: answer.entries,
    })
}

/// The operator with this name, or an error that names those that have state.
fn find<'a>(operators: &'a [OperatorRecord], name: &str) -> Result<&'a OperatorRecord> {
    if let Some(record) = operators.iter().find(|record| record.name == name) {
        return Ok(record);
    }
    let stateful = || operators.iter().filter(|record| record.state.is_some()).map(|record| record.name.as_str());
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    match stateful().min_by_key(|other| distance(other)) {
        None => bail!("there is no operator {name:?}, and none with state"),
        Some(nearest) if distance(nearest) <= name.len().max(3) / 3 + 1 => {
            bail!("there is no operator {name:?}; did you mean {nearest:?}?")
        }
        Some(_) => {
            let names: Vec<_> = stateful().map(|name| format!("{name:?}")).collect();
            bail!("there is no operator {name:?}; these have state: {}", names.join(", "))
        }
    }
}

struct Answer {
    /// As it was written, and as JSON where it is some.
    wanted: Option<(String, Option<Value>)>,
    limit: usize,
    raw: bool,
    keys: u64,
    entries: Vec<Shown>,
    wrong: Option<String>,
}

impl Answer {
    fn wants(&self, key: &Value) -> bool {
        match &self.wanted {
            None => true,
            Some((text, json)) => key.as_str() == Some(text) || json.as_ref() == Some(key),
        }
    }
}

impl Sink for Answer {
    fn partition(&mut self, partition: Partition) {
        self.keys += partition.listing.map_or(0, |listing| listing.keys);
        for Entry { key, value } in partition.entries.into_values() {
            if self.entries.len() < self.limit && self.wants(&key) {
                self.entries.push(Shown { key, value });
            }
        }
    }

    fn wrong(&mut self, place: String, what: String) {
        self.wrong.get_or_insert(format!("{place}: {what}"));
    }

    fn row(&mut self, row: StoredRow, _: &[u8], value: &[u8]) {
        if self.raw && partition_of(row).is_some() && self.entries.len() < self.limit {
            self.entries.push(Shown { key: show(row).into(), value: crate::hex(value).into() });
        }
    }
}
