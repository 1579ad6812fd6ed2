//! The dataset of a batch: tasks read exactly the parts of files that the batch was given.

use super::disk::System;
use super::finding;
use super::options::WhenLost;
use super::range::Piece;
use crate::decode::Decoder;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use thiserror::Error;
use waterwheel_operators::rdd::{CHUNK, Flow, RddNode, Sink, Stop};
use waterwheel_operators::record::Data;
use waterwheel_runtime::ids::RddId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Lineage, Requirement, TaskContext};

/// Bytes that are read and decoded at a time.
const BUFFER: usize = 64 << 10;

/// How files are read.
pub(super) struct Reading<F> {
    pub(super) site: Site,
    /// Makes the decoder of a file.
    pub(super) decoder: F,
    pub(super) when_lost: WhenLost,
}

/// A partition per group of parts of files.
pub(super) struct FileSet<F> {
    pub(super) id: RddId,
    pub(super) tasks: Vec<Vec<Piece>>,
    pub(super) reading: Arc<Reading<F>>,
}

/// Why a part of a file cannot be read.
#[derive(Debug, Error)]
enum Lost {
    #[error("it is not there any more, nor in its directory under another name")]
    Gone,
    #[error("it was cut short: the batch has bytes {from} to {to} of it, and it ends at {size}")]
    CutShort { from: u64, to: u64, size: u64 },
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("{cause} (in its bytes {from} to {to})")]
    Refused { from: u64, to: u64, cause: String },
}

/// Why reading ends early.
enum Ended {
    Lost(Lost),
    Stop(Stop),
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Ended {
        Ended::Stop(stop)
    }
}

impl<E: Into<Lost>> From<E> for Ended {
    fn from(lost: E) -> Ended {
        Ended::Lost(lost.into())
    }
}

impl<F: Send + Sync> Lineage for FileSet<F> {
    fn id(&self) -> RddId {
        self.id
    }

    fn partitions(&self) -> usize {
        self.tasks.len()
    }

    fn requirements(&self, _: usize) -> Vec<Requirement> {
        Vec::new()
    }
}

impl<T, D, F> RddNode<T> for FileSet<F>
where
    T: Data,
    D: Decoder<Item = T>,
    F: Fn(&Path) -> D + Send + Sync,
{
    fn compute(&self, partition: usize, task: &TaskContext, out: &mut dyn Sink<T>) -> Flow {
        self.tasks.get(partition).into_iter().flatten().try_for_each(|piece| self.reading.piece(piece, task, out))
    }
}

impl<D: Decoder<Item: Data>, F: Fn(&Path) -> D> Reading<F> {
    fn piece(&self, piece: &Piece, task: &TaskContext, out: &mut dyn Sink<D::Item>) -> Flow {
        let lost = match self.records(piece, task, out) {
            Ok(()) => return Ok(()),
            Err(Ended::Stop(stop)) => return Err(stop),
            Err(Ended::Lost(lost)) => lost,
        };
        let path = piece.path();
        match self.when_lost {
            WhenLost::Fail => Err(task.failed(self.site, format!("the file {path:?}: {lost}")).into()),
            WhenLost::Skip => {
                let batch = task.batch().map(|batch| format!(" of batch {batch}")).unwrap_or_default();
                log::error!("{}: the file {path:?}{batch}: {lost}; what is left of it is skipped", self.site);
                Ok(())
            }
        }
    }

    fn records(&self, piece: &Piece, task: &TaskContext, out: &mut dyn Sink<D::Item>) -> Result<(), Ended> {
        let Piece { id, from, to, .. } = *piece;
        let (path, mut file) = finding::open(&System, piece.path(), id)?.ok_or(Lost::Gone)?;
        let size = file.metadata()?.len();
        if size < to {
            return Err(Lost::CutShort { from, to, size }.into());
        }
        file.seek(SeekFrom::Start(from))?;
        let mut decoder = task.run(self.site, 0, || (self.decoder)(&path)).map_err(Stop::from)?;
        let refused = |error: crate::decode::DecodeError| Lost::Refused { from, to, cause: error.to_string() };
        let (mut buffer, mut records, mut left) = (vec![0; BUFFER], Vec::new(), to - from);
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(BUFFER);
            let read = file.read(buffer.get_mut(..wanted).unwrap_or_default())?;
            if read == 0 {
                return Err(Lost::CutShort { from, to, size: to - left }.into());
            }
            left -= read as u64;
            let bytes = buffer.get(..read).unwrap_or_default();
            let decoded = task.run(self.site, 0, || decoder.decode(bytes, &mut records)).map_err(Stop::from)?;
            push(&mut records, out)?;
            decoded.map_err(refused)?;
        }
        let finished = task.run(self.site, 0, || decoder.finish(&mut records)).map_err(Stop::from)?;
        push(&mut records, out)?;
        finished.map_err(refused)?;
        match decoder.repaired() {
            0 => {}
            repaired => log::warn!("{}: {repaired} records of {path:?} were not valid and were repaired", self.site),
        }
        Ok(())
    }
}

/// Hands records on in chunks.
fn push<T>(records: &mut Vec<T>, out: &mut dyn Sink<T>) -> Flow {
    if records.len() <= CHUNK {
        return if records.is_empty() { Ok(()) } else { out.push(records) };
    }
    let mut rest = std::mem::take(records).into_iter();
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        chunk.extend(rest.by_ref().take(CHUNK));
        if chunk.is_empty() {
            return Ok(());
        }
        out.push(&mut chunk)?;
    }
}
