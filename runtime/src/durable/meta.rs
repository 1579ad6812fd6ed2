//! What is written down about the application: so that a restart knows what it finds.

use super::{Change, Durability, Storage, StorageError, Table, keys};
use crate::state::{StateSchema, TypeSchema};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest record that is read: a program has far fewer operators.
const LIMIT_BYTES: usize = 64 << 20;

/// An operator of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRecord {
    /// Its name, unique within the program.
    pub name: String,
    /// What it is: `reduce_by_key`.
    pub kind: String,
    /// What its stored state is, when it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateSchema>,
}

/// What is known about the application that uses a storage. Written at every start, before anything else, as TOML: what is added
/// to it later can be told from what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Its name.
    pub application: String,
    /// Batches are at zero + n x interval.
    pub zero: Time,
    /// The batch interval.
    pub interval: Duration,
    /// The stored number of each stream: [`StreamTable::stored`](super::StreamTable::stored).
    pub streams: BTreeMap<String, u32>,
    /// Its operators.
    pub operators: Vec<OperatorRecord>,
    /// Stateful operators that the program no longer has. Their state is still there, and is gone on with if they come back before
    /// another batch is committed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAside>,
    /// What the stored records of each receiver's stream, and the stored ranges of each replayable source, consist of, by the
    /// stream's name. Of streams that are gone, too: what they left may still be there when they come back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, TypeSchema>,
    /// Its settings. They are never restored; differences are told.
    pub settings: BTreeMap<String, String>,
}

/// A stateful operator that was taken out of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// The last batch that it took part in.
    pub after: Time,
    /// The operator.
    pub operator: OperatorRecord,
}

impl Meta {
    /// The operators that wrote what is stored as of the batch `committed`: those of the last program, and those of earlier ones
    /// whose state nothing has been committed past.
    pub fn writers(&self, committed: Option<Time>) -> Vec<OperatorRecord> {
        let back = self.set_aside.iter().filter(|aside| Some(aside.after) == committed);
        self.operators.iter().chain(back.map(|aside| &aside.operator)).cloned().collect()
    }

    /// The stateful operators of earlier programs that one with the operators `current` lacks, when it begins after `committed`.
    pub fn aside(&self, current: &[OperatorRecord], committed: Option<Time>) -> Vec<SetAside> {
        let is_gone = |operator: &OperatorRecord| current.iter().all(|other| other.name != operator.name);
        let last = self.operators.iter().filter(|operator| operator.state.is_some());
        let last = committed
            .into_iter()
            .flat_map(|after| last.clone().map(move |operator| SetAside { after, operator: operator.clone() }));
        last.chain(self.set_aside.iter().cloned()).filter(|aside| is_gone(&aside.operator)).collect()
    }

    /// What `storage` says; `None` when it says nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(storage: &dyn Storage) -> Result<Option<Meta>, StorageError> {
        let unreadable =
            |reason: String| StorageError::Unreadable { what: "the application's record".to_owned(), reason };
        let Some(bytes) = storage.get(&Table::Meta, keys::APPLICATION)? else { return Ok(None) };
        if bytes.len() > LIMIT_BYTES {
            return Err(unreadable(format!("it has {} bytes", bytes.len())));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| unreadable(error.to_string()))?;
        toml::from_str(text).map(Some).map_err(|error| unreadable(error.to_string()))
    }

    /// Writes it down; durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let text = toml::to_string(self).map_err(|error| StorageError::NotWritten { reason: error.to_string() })?;
        let value = text.into_bytes();
        let change = Change::Put { table: Table::Meta, key: keys::APPLICATION.to_vec(), value };
        storage.write(&[change], Durability::Synced)
    }

    /// The settings that are not what they were, each with both values; an empty one where there was none.
    pub fn changed_settings<'a>(&'a self, now: &'a BTreeMap<String, String>) -> Vec<(&'a str, &'a str, &'a str)> {
        let mut keys: Vec<&str> = self.settings.keys().chain(now.keys()).map(String::as_str).collect();
        keys.sort_unstable();
        keys.dedup();
        let of = |settings: &'a BTreeMap<String, String>, key: &str| settings.get(key).map_or("", String::as_str);
        let values = keys.into_iter().map(|key| (key, of(&self.settings, key), of(now, key)));
        values.filter(|(_, before, after)| before != after).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::MemoryStorage;
    use crate::state::TypeSchema;

    fn meta() -> Meta {
        let (key, value) = (TypeSchema::of::<String>(), TypeSchema::of::<u64>());
        Meta {
            application: "clicks".to_owned(),
            zero: Time::from_millis(-1_000),
            interval: Duration::from_millis(1_500),
            streams: BTreeMap::from([("clicks".to_owned(), 3)]),
            operators: vec![
                OperatorRecord { name: "words".to_owned(), kind: "flat_map".to_owned(), state: None },
                OperatorRecord {
                    name: "counts".to_owned(),
                    kind: "update_state_by_key".to_owned(),
                    state: Some(StateSchema { kind: "update_state_by_key".to_owned(), key, value }),
                },
            ],
            set_aside: vec![],
            inputs: BTreeMap::from([("clicks".to_owned(), TypeSchema::of::<(String, u64)>())]),
            settings: BTreeMap::from([("cores".to_owned(), "2".to_owned()), ("remember".to_owned(), "1s".to_owned())]),
        }
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let storage = MemoryStorage::default();
        assert_eq!(Meta::load(&storage).unwrap(), None);
        meta().store(&storage).unwrap();
        assert_eq!(Meta::load(&storage).unwrap(), Some(meta()));
    }

    #[test]
    fn what_is_not_a_record_is_an_error() {
        let storage = MemoryStorage::default();
        let put = |value: &[u8]| {
            let change = Change::Put { table: Table::Meta, key: keys::APPLICATION.to_vec(), value: value.to_vec() };
            storage.write(&[change], Durability::Synced).unwrap();
        };
        for bytes in [&b""[..], b"\xFF", b"application = 7"] {
            put(bytes);
            assert!(matches!(Meta::load(&storage), Err(StorageError::Unreadable { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn settings_that_came_went_or_changed_are_told() {
        let (before, pair) = (meta(), |key: &str, value: &str| (key.to_owned(), value.to_owned()));
        let now = BTreeMap::from([pair("cores", "4"), pair("app_name", "x")]);
        let changed = [("app_name", "", "x"), ("cores", "2", "4"), ("remember", "1s", "")];
        assert_eq!(before.changed_settings(&now), changed);
        assert_eq!(before.changed_settings(&before.settings), []);
    }
}
