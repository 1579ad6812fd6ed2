//! Directories that real programs made, whole and damaged.

#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "these tests damage files")]

use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use waterwheel::ReplayableStream;
use waterwheel::prelude::*;
use waterwheel::rdd::Parallelize;
use waterwheel::runtime::batch::MemoryChange;
use waterwheel::runtime::block::Ledger;
use waterwheel::runtime::config::ByteSize;
use waterwheel::runtime::durable::directory::CheckpointDirectory;
use waterwheel::runtime::durable::{Change, Durability, Look, RocksOptions, RocksStorage, Storage, Table, keys};
use waterwheel::runtime::error::JobError;
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};
use waterwheel::runtime::state::look::{StoredRow, layout};
use waterwheel::testkit::{TestProgram, TestRun};
use waterwheel_cli::dump::{Question, State, state};
use waterwheel_cli::inspect::inspect;
use waterwheel_cli::verify::verify;

/// A hundred numbers a batch.
struct Numbers {
    next: u64,
    /// Up to where that is remembered.
    told: u64,
}

impl ReplayableStream<u64> for Numbers {
    type Range = (u64, u64);

    fn start(&mut self, _: Time, last: Option<(u64, u64)>) -> Result<(), JobError> {
        self.next = last.map_or(0, |(_, end)| end);
        self.told = self.next;
        Ok(())
    }

    fn next(&mut self, _: Time) -> Result<(u64, u64), JobError> {
        self.next += 100;
        Ok((self.next - 100, self.next))
    }

    fn changes(&mut self) -> Vec<MemoryChange> {
        // A start decides nothing.
        match std::mem::replace(&mut self.told, self.next) == self.next {
            true => Vec::new(),
            false => vec![MemoryChange::Put { key: b"last".to_vec(), value: self.next.to_be_bytes().to_vec() }],
        }
    }

    fn read(&mut self, range: &(u64, u64), inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        Ok(Some(inputs.scope.parallelize(range.0..range.1, 2)))
    }
}

/// Stores one block of five letters.
struct Letters {
    stored: Arc<AtomicBool>,
}

impl Receiver for Letters {
    type Record = String;

    async fn run(&mut self, handle: ReceiverHandle<String>) -> Result<(), ReceiverError> {
        let letters = ["a", "b", "c", "d", "e"].map(str::to_owned);
        handle.store_reliably_at(letters.to_vec(), &7_u8).await?;
        self.stored.store(true, Ordering::SeqCst);
        handle.stopped().await;
        Ok(())
    }
}

/// The totals of forty words, of which each batch has all, and letters that wait for a batch.
fn start(directory: &Path) -> TestProgram {
    let stored = Arc::new(AtomicBool::new(false));
    // A block is complete as soon as it has a record: nobody waits for the clock.
    let (program, _probe) = TestRun::new()
        .configure(|config| config.with_block_max_bytes(ByteSize(1)))
        .start(|ssc| {
            ssc.checkpoint(directory);
            let stored = stored.clone();
            let letters =
                ssc.receiver_stream("letters", StorageLevel::MemoryOnly, move || Letters { stored: stored.clone() });
            letters.named("letters").count().print();
            let numbers = ssc.replayable_stream(Numbers { next: 0, told: 0 }).named("numbers");
            let words = numbers.map(|number| (format!("word {}", number % 40), number));
            let totals = words.update_state_by_key(|numbers: &[u64], total: Option<(u64, u64)>| {
                let (count, sum) = total.unwrap_or_default();
                Some((count + numbers.len() as u64, sum + numbers.iter().sum::<u64>()))
            });
            totals.named("totals").probe()
        })
        .unwrap();
    program.wait_until("the letters are stored", || stored.load(Ordering::SeqCst)).unwrap();
    program
}

/// A directory with the state after three batches of two runs, and with letters of no batch.
fn made() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut program = start(directory.path());
    program.advance(2).unwrap();
    drop(program);
    // A start writes what is in the log to tables.
    let mut program = start(directory.path());
    program.advance(1).unwrap();
    drop(program);
    drop(start(directory.path()));
    directory
}

/// What the words have after the numbers up to `end`.
fn totals(end: u64) -> BTreeMap<String, (u64, u64)> {
    let mut totals = BTreeMap::<String, (u64, u64)>::new();
    for number in 0..end {
        let (count, sum) = totals.entry(format!("word {}", number % 40)).or_default();
        (*count, *sum) = (*count + 1, *sum + number);
    }
    totals
}

fn shown(state: &State) -> BTreeMap<String, (u64, u64)> {
    let entries = state.entries.iter();
    let decoded = entries.map(|entry| {
        let (key, value) = (entry.key.clone(), entry.value.clone());
        (serde_json::from_value(key).unwrap(), serde_json::from_value(value).unwrap())
    });
    decoded.collect()
}

fn ask(operator: &str) -> Question {
    Question { operator: operator.to_owned(), ..Question::default() }
}

/// The files of a directory: names, sizes, and when they were changed.
fn files(directory: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut files = BTreeMap::new();
    for directory in [directory.to_owned(), directory.join("db")] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let about = fs::metadata(&path).unwrap();
            files.insert(path, (about.len(), about.modified().unwrap()));
        }
    }
    files
}

fn with_extension(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let has = |path: &&PathBuf| path.extension().is_some_and(|found| found == extension);
    files(directory).iter().filter(|(_, (length, _))| *length > 0).map(|(path, _)| path).filter(has).cloned().collect()
}

fn ledger(directory: &Path) -> Ledger {
    Look::open(directory).unwrap().ledger().unwrap().ledger
}

/// Changes rows as no application would.
fn change(directory: &Path, changes: &[Change]) {
    let application = Look::open(directory).unwrap().application().to_owned();
    let opened = CheckpointDirectory::open(directory, &application, Time::ZERO).unwrap();
    let storage = RocksStorage::open(opened, RocksOptions::default()).unwrap();
    storage.write(changes, Durability::Synced).unwrap();
}

#[test]
fn a_row_of_a_sources_memory_that_is_none_is_found() {
    let directory = made();
    let row = Change::Put { table: Table::Memory, key: vec![0, 0, 0, 9, b'x'], value: vec![1] };
    change(directory.path(), &[row]);
    let verified = verify(directory.path()).unwrap();
    let wrong: Vec<_> = verified.wrong.iter().map(|wrong| wrong.table.as_str()).collect();
    assert_eq!(wrong, ["memory"]);
    assert!(inspect(directory.path()).is_err());
}

#[test]
fn what_a_program_left_is_shown_and_no_file_is_touched() {
    let directory = made();
    let before = files(directory.path());
    let found = inspect(directory.path()).unwrap();
    let totals_of = found.operators.iter().find(|operator| operator.name == "totals").unwrap();
    let stored = totals_of.state.as_ref().unwrap();
    assert_eq!((totals_of.kind.as_str(), stored.keys), ("update_state_by_key", 40));
    assert_eq!(stored.key_type, "alloc::string::String");
    assert_eq!(stored.value_shape.as_deref(), Some("(u64, u64)"));
    assert!(stored.bytes > 40 * 8, "{stored:?}");
    let waiting: Vec<_> = found.unallocated.iter().map(|of| (of.stream.as_str(), of.records)).collect();
    assert_eq!(waiting.len(), 1, "{found}");
    assert_eq!((waiting[0].0, waiting[0].1 % 5), ("letters", 0));
    assert_eq!(
        (found.positions.len(), &*found.positions[0].stream, &*found.positions[0].position),
        (1, "letters", "07")
    );
    assert!(found.to_string().contains("  letters  position 0x07\n"), "{found}");
    assert_eq!(found.sources.len(), 1);
    assert_eq!((found.sources[0].source.as_str(), found.sources[0].remembers), ("numbers", 1));
    let text = found.to_string();
    assert!(text.contains("last committed") && text.contains("totals"), "{text}");

    let verified = verify(directory.path()).unwrap();
    assert_eq!((verified.wrong.as_slice(), verified.keys), (&[][..], 40));
    assert_eq!(verified.blocks, ledger(directory.path()).all_blocks().count() as u64);
    assert!(verified.blocks > 0);

    let all = state(directory.path(), &ask("totals")).unwrap();
    let batches = shown(&all).values().map(|(count, _)| count).sum::<u64>() / 100;
    assert!(batches >= 3, "{batches}");
    assert_eq!((shown(&all), all.keys), (totals(batches * 100), 40));
    let one = state(directory.path(), &Question { key: Some("word 7".to_owned()), ..ask("totals") }).unwrap();
    assert_eq!(one.entries.len(), 1);
    assert_eq!(one.entries[0].value, json!(totals(batches * 100)["word 7"]));
    let few = state(directory.path(), &Question { limit: Some(3), ..ask("totals") }).unwrap();
    assert_eq!(few.entries, all.entries[..3]);
    assert_eq!(files(directory.path()), before);
}

#[test]
fn a_running_program_is_looked_into_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = start(directory.path());
    for round in 1..=5_u64 {
        program.advance(2).unwrap();
        let verified = verify(directory.path()).unwrap();
        assert_eq!(verified.wrong, []);
        let state = state(directory.path(), &ask("totals")).unwrap();
        // The commit of the last batch may be under way.
        let records = shown(&state).values().map(|(count, _)| count).sum::<u64>();
        assert!([round * 200, round * 200 - 100].contains(&records), "{records} in round {round}");
        assert_eq!(shown(&state), totals(records));
        assert!(inspect(directory.path()).unwrap().last_opened_by.contains(&std::process::id().to_string()));
    }
    program.stop().unwrap();
    assert_eq!(shown(&state(directory.path(), &ask("totals")).unwrap()), totals(1_000));
}

#[test]
fn flipped_bits_and_missing_files_are_found() {
    let directory = made();
    let (tables, logs) = (with_extension(directory.path(), "sst"), with_extension(directory.path(), "log"));
    assert!(!tables.is_empty() && !logs.is_empty(), "{:?}", files(directory.path()));
    for (path, is_log) in tables.iter().map(|path| (path, false)).chain(logs.iter().map(|path| (path, true))) {
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        let at = if is_log { whole.len() / 2 } else { 10 };
        bytes[at] ^= 1;
        fs::write(path, &bytes).unwrap();
        let verified = verify(directory.path()).unwrap();
        assert!(!verified.wrong.is_empty(), "{} with a bit flipped at {at}", path.display());
        fs::remove_file(path).unwrap();
        let verified = verify(directory.path()).unwrap();
        assert!(!verified.wrong.is_empty(), "{} missing", path.display());
        assert!(verified.wrong.iter().all(|wrong| wrong.means.contains("restore")), "{verified}");
        fs::write(path, &whole).unwrap();
    }
    assert_eq!(verify(directory.path()).unwrap().wrong, []);
}

#[test]
fn rows_that_do_not_fit_together_are_found() {
    let directory = made();
    let table = Table::state("totals");
    let (mut base, mut damaged) = (None, None);
    {
        let look = Look::open(directory.path()).unwrap();
        let layout = layout(look.storage(), &table).unwrap().unwrap();
        let each = &mut |key: &[u8], value: &[u8]| {
            match layout.row(key) {
                Some(StoredRow::Base { .. }) if base.is_none() => base = Some((key.to_vec(), value.to_vec())),
                Some(StoredRow::Base { .. }) => damaged = Some((key.to_vec(), value[..value.len() - 1].to_vec())),
                _ => {}
            }
            Ok(())
        };
        look.storage().scan(&table, &[], each).unwrap();
    }
    let ((base, whole), (key, value)) = (base.unwrap(), damaged.unwrap());
    change(directory.path(), &[Change::Delete { table: table.clone(), key: base.clone() }]);
    let verified = verify(directory.path()).unwrap();
    assert!(verified.wrong.iter().any(|wrong| wrong.what.contains("bases and has")), "{verified}");
    assert!(verified.wrong.iter().all(|wrong| wrong.table == "state/totals"), "{verified}");
    let error = state(directory.path(), &ask("totals")).unwrap_err().to_string();
    assert!(error.contains("is damaged") && error.contains("waterwheel verify"), "{error}");

    change(directory.path(), &[Change::Put { table: table.clone(), key: base, value: whole }]);
    assert_eq!(verify(directory.path()).unwrap().wrong, []);
    change(directory.path(), &[Change::Put { table, key, value }]);
    let verified = verify(directory.path()).unwrap();
    assert!(verified.wrong.iter().any(|wrong| wrong.place.contains("base of segment")), "{verified}");
}

#[test]
fn records_of_blocks_that_are_gone_are_found_with_what_is_lost() {
    let directory = made();
    let block = ledger(directory.path()).unallocated_blocks().next().unwrap().id;
    let key = keys::block_data(block);
    change(directory.path(), &[Change::Put { table: Table::Blocks, key: key.clone(), value: vec![1, 2, 3] }]);
    let verified = verify(directory.path()).unwrap();
    assert_eq!(verified.wrong.len(), 1, "{verified}");
    assert!(verified.to_string().contains("not what was written"), "{verified}");
    change(directory.path(), &[Change::Delete { table: Table::Blocks, key }]);
    let verified = verify(directory.path()).unwrap();
    assert!(verified.wrong[0].place.contains("\"letters\""), "{verified}");
    assert!(verified.wrong[0].means.contains("5 records of no batch yet are lost"), "{verified}");
}

#[test]
fn events_of_the_ledger_that_are_gone_are_found() {
    let directory = made();
    let mut events = Vec::new();
    let look = Look::open(directory.path()).unwrap();
    let each = &mut |key: &[u8], _: &[u8]| {
        events.push(key.to_vec());
        Ok(())
    };
    look.storage().scan(&Table::Ledger, keys::EVENTS, each).unwrap();
    change(directory.path(), &[Change::Delete { table: Table::Ledger, key: events[events.len() / 2].clone() }]);
    let verified = verify(directory.path()).unwrap();
    assert!(
        verified.wrong.iter().any(|wrong| wrong.table == "ledger" && wrong.what.contains("lacks a row")),
        "{verified}"
    );
}

#[test]
fn what_cannot_be_answered_says_why() {
    let directory = made();
    let error = state(directory.path(), &ask("total")).unwrap_err().to_string();
    assert_eq!(error, "there is no operator \"total\"; did you mean \"totals\"?");
    let error = state(directory.path(), &ask("numbers")).unwrap_err().to_string();
    assert!(error.ends_with("has no state"), "{error}");

    let format = fs::read_to_string(directory.path().join("FORMAT")).unwrap();
    fs::write(directory.path().join("FORMAT"), format.replace("format = 1", "format = 9")).unwrap();
    assert!(verify(directory.path()).unwrap_err().to_string().contains("has format 9"));
    let other = tempfile::tempdir().unwrap();
    let error = inspect(other.path()).unwrap_err().to_string();
    assert!(error.contains("is not a checkpoint directory"), "{error}");
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    assert!(inspect(&other.path().join("missing")).unwrap_err().to_string().contains("cannot list"));
}

#[test]
fn the_command_ends_as_scripts_expect() {
    let directory = made();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waterwheel"));
        let output = command.arg(arguments[0]).arg(directory.path()).args(&arguments[1..]).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, _) = run(&["inspect", "--json"]);
    let inspected: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &inspected["format"], &inspected["sources"][0]["source"]),
        (Some(0), &json!(1), &json!("numbers"))
    );
    let (code, out, _) = run(&["state", "totals", "word 7"]);
    assert_eq!((code, out.lines().count(), out.starts_with("word 7\t[")), (Some(0), 1, true), "{out}");
    assert_eq!(run(&["state", "totals", "word 99"]).0, Some(1));
    let (code, _, error) = run(&["state", "totale"]);
    assert_eq!((code, error.contains("did you mean \"totals\"?")), (Some(2), true), "{error}");
    let (code, out, _) = run(&["verify"]);
    assert_eq!((code, out.ends_with("nothing is wrong\n")), (Some(0), true), "{out}");
    fs::remove_file(&with_extension(directory.path(), "sst")[0]).unwrap();
    assert_eq!(run(&["verify"]).0, Some(1));
}
