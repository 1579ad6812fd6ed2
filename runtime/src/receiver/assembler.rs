//! Assembles records into blocks. Pure: the supervisor says when, this says what.

use std::mem;

/// A block that has been cut and is on its way to the block manager.
#[derive(Debug, PartialEq, Eq)]
pub struct AssembledBlock<T> {
    /// The records in the order they were stored, in the chunks they came in.
    pub chunks: Vec<Vec<T>>,
    /// Number of records.
    pub records: usize,
    /// Bytes in memory, as they were weighed.
    pub bytes: usize,
}

impl<T> AssembledBlock<T> {
    /// A block without records.
    pub fn empty() -> AssembledBlock<T> {
        AssembledBlock { chunks: Vec::new(), records: 0, bytes: 0 }
    }
}

/// The block that is being filled.
#[derive(Debug)]
pub struct Assembler<T> {
    max_bytes: usize,
    max_records: usize,
    open: AssembledBlock<T>,
}

/// No block smaller than this is cut for its number of records.
const SMALL_BLOCK: usize = 64 * 1024;

/// Single records are gathered into chunks of this many.
pub const CHUNK_RECORDS: usize = 1024;

impl<T> Assembler<T> {
    /// An assembler whose blocks are cut once they reach `max_bytes`.
    pub fn new(max_bytes: usize) -> Assembler<T> {
        Assembler { max_bytes: max_bytes.max(1), max_records: usize::MAX, open: AssembledBlock::empty() }
    }

    /// Has blocks cut once they hold their part of what a batch may hold, unless they are very small; `None` is no such limit.
    ///
    /// Blocks become partitions: records that all come at once are to be computed by all cores, too.
    pub fn set_max_records(&mut self, of_a_batch: Option<f64>, blocks: u32) {
        // The cast saturates.
        self.max_records = of_a_batch.map_or(usize::MAX, |records| (records / f64::from(blocks.max(1))) as usize);
    }

    /// Adds one record of about `bytes` bytes; a block comes back when that filled it.
    pub fn push(&mut self, record: T, bytes: usize) -> Option<AssembledBlock<T>> {
        match self.open.chunks.last_mut() {
            Some(chunk) if chunk.len() < chunk.capacity() => chunk.push(record),
            _ => {
                // The first chunk of a block starts small, so that a trickle of records does not hold a large buffer.
                let capacity = if self.open.chunks.is_empty() { 16 } else { CHUNK_RECORDS };
                let mut chunk = Vec::with_capacity(capacity);
                chunk.push(record);
                self.open.chunks.push(chunk);
            }
        }
        self.open.records += 1;
        self.open.bytes += bytes;
        self.cut_if_full()
    }

    /// Adds a chunk of records, which stay together in one block; a block comes back when that filled it.
    pub fn push_many(&mut self, records: Vec<T>, bytes: usize) -> Option<AssembledBlock<T>> {
        if records.is_empty() {
            return None;
        }
        self.open.records += records.len();
        self.open.bytes += bytes;
        self.open.chunks.push(records);
        self.cut_if_full()
    }

    /// Closes the open block and hands it out; `None` when nothing was stored since the last cut.
    pub fn cut(&mut self) -> Option<AssembledBlock<T>> {
        (self.open.records > 0).then(|| mem::replace(&mut self.open, AssembledBlock::empty()))
    }

    /// The block that is being filled.
    pub fn open(&self) -> &AssembledBlock<T> {
        &self.open
    }

    /// Records in the open block.
    pub fn open_records(&self) -> usize {
        self.open.records
    }

    fn cut_if_full(&mut self) -> Option<AssembledBlock<T>> {
        let many = self.open.records >= self.max_records && self.open.bytes >= SMALL_BLOCK;
        if many || self.open.bytes >= self.max_bytes { self.cut() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(block: Option<AssembledBlock<u32>>) -> Vec<u32> {
        block.map(|block| block.chunks.concat()).unwrap_or_default()
    }

    /// The data of Spark's BlockGeneratorSuite: order is kept within and across blocks.
    #[test]
    fn blocks_hold_the_records_in_the_order_they_were_stored() {
        let mut assembler = Assembler::new(1 << 20);
        for range in [1..=10, 11..=20, 21..=30] {
            for record in range.clone() {
                assert_eq!(assembler.push(record, 4), None);
            }
            assert_eq!(records(assembler.cut()), range.collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_stored_is_no_block() {
        let mut assembler = Assembler::<u32>::new(1);
        assert_eq!(assembler.push_many(Vec::new(), 0), None);
        assert_eq!(assembler.cut(), None);
    }

    /// I-2
    #[test]
    fn a_block_is_cut_by_the_record_that_fills_it_and_a_chunk_stays_whole() {
        let mut assembler = Assembler::new(100);
        assert_eq!(assembler.push(1, 99), None);
        assert_eq!(records(assembler.push_many(vec![2, 3, 4], 300)), [1, 2, 3, 4]);
        assert_eq!(assembler.open_records(), 0);
    }

    #[test]
    fn what_a_batch_may_hold_is_cut_into_as_many_blocks_unless_they_are_small() {
        let mut assembler = Assembler::new(usize::MAX);
        assembler.set_max_records(Some(10.0), 5);
        assert_eq!(assembler.push_many(vec![1, 2], SMALL_BLOCK - 1), None);
        assert_eq!(records(assembler.push(3, 1)), [1, 2, 3]);
        assert_eq!(assembler.push(4, SMALL_BLOCK), None);
        assert_eq!(records(assembler.push(5, 1)), [4, 5]);
        assembler.set_max_records(None, 5);
        assert_eq!(assembler.push_many(vec![6; 100], 2 * SMALL_BLOCK), None);
    }

    #[test]
    fn single_records_share_chunks() {
        let mut assembler = Assembler::new(usize::MAX);
        for record in 0..(16 + CHUNK_RECORDS as u32) {
            assembler.push(record, 1);
        }
        let block = assembler.cut().unwrap();
        assert_eq!(block.chunks.iter().map(Vec::len).collect::<Vec<_>>(), [16, CHUNK_RECORDS]);
        assert_eq!((block.records, block.bytes), (16 + CHUNK_RECORDS, 16 + CHUNK_RECORDS));
    }
}
