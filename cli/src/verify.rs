//! `waterwheel verify`: is everything there that a restart would read, and does it fit together?

use crate::contents::{Partition, Shapes, Sink, read};
use crate::counted;
use crate::looking::looking;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use waterwheel_runtime::block::BlockInfo;
use waterwheel_runtime::durable::directory::DirectoryError;
use waterwheel_runtime::durable::keys::FIXED_TABLES;
use waterwheel_runtime::durable::{BLOCK_LOG_SETTING, LedgerLook, Look, Meta, Table};
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::time::Time;

/// The most that is listed as wrong: who sees so much restores a copy.
const MOST_WRONG: usize = 1_000;
const REFUSES: &str = "the application will not start from this directory; restore it from a copy";

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Which table it is in.
    pub table: String,
    /// Where in it.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What becomes of it at a restart.
    pub means: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}\n    {}", self.table, self.place, self.what, self.means)
    }
}

/// What was looked at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Rows that were read.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Blocks whose records were compared with their checksums.
    pub blocks: u64,
    /// Keys with state that were decoded.
    pub keys: u64,
    /// What could not be looked at, and why.
    pub unchecked: Vec<String>,
    /// What is wrong.
    pub wrong: Vec<Wrong>,
    /// How much more is wrong than what is listed.
    pub unlisted: u64,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "read: {} with {}; compared with their checksums: {}; decoded: {} of state",
            counted(self.rows, "row"),
            counted(self.bytes, "byte"),
            counted(self.blocks, "block"),
            counted(self.keys, "key")
        )?;
        self.unchecked.iter().try_for_each(|unchecked| writeln!(f, "not checked: {unchecked}"))?;
        match self.wrong.len() {
            0 => writeln!(f, "nothing is wrong"),
            count => {
                writeln!(f, "{count} wrong:")?;
                self.wrong.iter().try_for_each(|wrong| writeln!(f, "  {wrong}"))?;
                match self.unlisted {
                    0 => Ok(()),
                    unlisted => writeln!(f, "  and {unlisted} more"),
                }
            }
        }
    }
}

/// Reads everything in `directory`. Damage is in what is returned.
///
/// # Errors
/// When it is not a checkpoint directory, or one that this version does not know.
pub fn verify(directory: &Path) -> Result<Verified> {
    let verified = looking(
        directory,
        |look| Ok(Verification { look, out: Verified::default() }.run()),
        |outcome| outcome.as_ref().map_or(true, |verified| !verified.wrong.is_empty()),
    );
    match verified {
        Err(error) => match error.downcast_ref::<DirectoryError>() {
            Some(DirectoryError::Damaged { reason, .. }) => {
                let mut out = Verified::default();
                out.wrong("the directory", "as a whole", reason, REFUSES);
                Ok(out)
            }
            _ => Err(error),
        },
        verified => verified,
    }
}

impl Verified {
    fn wrong(&mut self, table: impl ToString, place: impl ToString, what: impl ToString, means: impl ToString) {
        if self.wrong.len() == MOST_WRONG {
            self.unlisted += 1;
            return;
        }
        let (table, place) = (table.to_string(), place.to_string());
        self.wrong.push(Wrong { table, place, what: what.to_string(), means: means.to_string() });
    }
}

struct Verification<'a> {
    look: &'a Look,
    out: Verified,
}

impl Verification<'_> {
    fn run(mut self) -> Verified {
        let meta = match self.look.meta() {
            Ok(meta) => meta,
            Err(error) => {
                self.out.wrong(Table::Meta, "application", error, REFUSES);
                None
            }
        };
        let operators = self.look.storage().state_tables().unwrap_or_default();
        for table in FIXED_TABLES.into_iter().chain(operators.iter().map(|operator| Table::state(operator))) {
            self.rows(&table);
        }
        let ledger = match self.look.ledger() {
            Ok(ledger) => Some(ledger),
            Err(error) => {
                self.out.wrong(Table::Ledger, "its events", error, REFUSES);
                None
            }
        };
        if let Err(error) = self.look.offsets() {
            self.out.wrong(Table::Offsets, "its keys", error, REFUSES);
        }
        if let Err(error) = self.look.positions() {
            self.out.wrong(Table::Ledger, "the keys of positions", error, REFUSES);
        }
        if meta.is_none() && (self.out.rows > 0 || !operators.is_empty()) && self.out.wrong.is_empty() {
            self.out.wrong(Table::Meta, "application", "it is missing, and there is data", REFUSES);
        }
        if let Some(ledger) = &ledger {
            self.blocks(ledger, meta.as_ref());
            for operator in &operators {
                self.state(operator, ledger.last_committed, meta.as_ref());
            }
        }
        self.out
    }

    /// Every row of a table: the storage compares what it reads with its checksums.
    fn rows(&mut self, table: &Table) {
        let (mut rows, mut bytes, mut last) = (0, 0, Vec::new());
        let scanned = self.look.storage().scan(table, &[], &mut |key, value| {
            (rows, bytes) = (rows + 1, bytes + key.len() as u64 + value.len() as u64);
            key.clone_into(&mut last);
            Ok(())
        });
        (self.out.rows, self.out.bytes) = (self.out.rows + rows, self.out.bytes + bytes);
        if let Err(error) = scanned {
            let place = match last.as_slice() {
                [] => "its first row".to_owned(),
                last => format!("behind the row {}", crate::hex(last)),
            };
            self.out.wrong(table, place, error, REFUSES);
        }
    }

    fn blocks(&mut self, ledger: &LedgerLook, meta: Option<&Meta>) {
        if meta.is_some_and(|meta| meta.settings.get(BLOCK_LOG_SETTING).is_some_and(|setting| setting == "false")) {
            self.out.unchecked.push(format!("the records of blocks: {BLOCK_LOG_SETTING} is false, they are not kept"));
            return;
        }
        let names: BTreeMap<StreamId, &str> = meta
            .map(|meta| meta.streams.iter().map(|(name, number)| (StreamId(*number), name.as_str())).collect())
            .unwrap_or_default();
        let ledger = &ledger.ledger;
        let allocated = ledger.batches().flat_map(|batch| batch.all_blocks().map(|block| (block, Some(batch.batch))));
        for (block, batch) in ledger.unallocated_blocks().map(|block| (block, None)).chain(allocated) {
            match self.look.check_block(block.id) {
                Ok(_) => self.out.blocks += 1,
                Err(error) => {
                    let stream = names.get(&block.id.stream).copied().unwrap_or("?");
                    let place = format!("block {} of stream {stream:?}", block.id.sequence);
                    let means = meaning(block, batch, batch.is_some_and(|batch| !ledger.is_pending(batch)));
                    self.out.wrong(Table::Blocks, place, error, means);
                }
            }
        }
        if let Err(error) = self.look.stored_blocks() {
            self.out.wrong(Table::Blocks, "its index", error, REFUSES);
        }
    }

    fn state(&mut self, operator: &str, committed: Option<Time>, meta: Option<&Meta>) {
        let record = meta.and_then(|meta| meta.operators.iter().find(|record| record.name == operator));
        let shapes = record.and_then(|record| record.state.as_ref()).and_then(Shapes::of);
        if shapes.is_none() {
            let reason = "the shape of its keys or values is not recorded, so they were read and not decoded";
            self.out.unchecked.push(format!("the state of {operator:?}: {reason}"));
        }
        let table = Table::state(operator);
        let mut sink = StateSink { table: table.clone(), out: &mut self.out };
        if let Err(error) = read(self.look.storage(), operator, shapes, committed, &mut sink) {
            self.out.wrong(table, "its rows", error, REFUSES);
        }
    }
}

fn meaning(block: &BlockInfo, batch: Option<Time>, done: bool) -> String {
    let records = block.records;
    match batch {
        Some(batch) if done => format!(
            "batch {batch} is done; a window that still reads its {records} records would miss them, and the application \
             starts only with checkpoint.accept_loss"
        ),
        Some(batch) => format!(
            "batch {batch} would run without these {records} records, and the application starts only with checkpoint.accept_loss"
        ),
        None => format!(
            "{records} records of no batch yet are lost, and the application starts only with checkpoint.accept_loss"
        ),
    }
}

struct StateSink<'a> {
    table: Table,
    out: &'a mut Verified,
}

impl Sink for StateSink<'_> {
    fn partition(&mut self, partition: Partition) {
        self.out.keys += partition.entries.len() as u64;
    }

    fn wrong(&mut self, place: String, what: String) {
        self.out.wrong(
            &self.table,
            place,
            what,
            "the operator's state cannot be loaded; restore the directory from a copy",
        );
    }
}
