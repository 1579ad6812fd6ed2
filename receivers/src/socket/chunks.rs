//! What a connection stores: chunks of records, cut out of the bytes as they come.

use crate::decode::Decoder;
use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::ReceiverError;

/// Records that are stored together.
pub(crate) struct Chunk<T> {
    pub(crate) records: Vec<T>,
    /// The memory they take, where that is cheap to tell.
    pub(crate) bytes: Option<usize>,
}

/// Cuts the bytes of one connection into chunks.
pub(crate) trait Chunks: 'static {
    /// What is in them.
    type Record: Record;

    /// Takes the next bytes and appends the chunks that they complete; those before a fault as well.
    fn cut(&mut self, bytes: &[u8], out: &mut Vec<Chunk<Self::Record>>) -> Result<(), ReceiverError>;

    /// Appends what is complete without further bytes.
    fn finish(&mut self, out: &mut Vec<Chunk<Self::Record>>) -> Result<(), ReceiverError>;

    /// How many records had to be repaired so far.
    fn repaired(&self) -> u64 {
        0
    }
}

/// The records of a decoder: those of one read are a chunk.
pub(super) struct Decoded<D: Decoder> {
    pub(super) decoder: D,
    /// The bytes of memory that the records of a read of so many bytes take, where that is cheap to tell.
    pub(super) memory: fn(&[D::Item], usize) -> Option<usize>,
    /// Records of the last read.
    last: usize,
}

impl<D: Decoder> Decoded<D> {
    pub(super) fn new(decoder: D, memory: fn(&[D::Item], usize) -> Option<usize>) -> Decoded<D> {
        Decoded { decoder, memory, last: 0 }
    }

    fn chunk(&mut self, records: Vec<D::Item>, bytes: usize, out: &mut Vec<Chunk<D::Item>>) {
        self.last = records.len();
        let bytes = (self.memory)(&records, bytes);
        out.push(Chunk { records, bytes });
    }
}

impl<D> Chunks for Decoded<D>
where
    D: Decoder + 'static,
    D::Item: Record,
{
    type Record = D::Item;

    fn cut(&mut self, bytes: &[u8], out: &mut Vec<Chunk<D::Item>>) -> Result<(), ReceiverError> {
        // As many as last time are likely, and what is missing is found by growing.
        let mut records = Vec::with_capacity(self.last);
        let outcome = self.decoder.decode(bytes, &mut records);
        self.chunk(records, bytes.len(), out);
        Ok(outcome?)
    }

    fn finish(&mut self, out: &mut Vec<Chunk<D::Item>>) -> Result<(), ReceiverError> {
        let mut records = Vec::new();
        let outcome = self.decoder.finish(&mut records);
        self.chunk(records, 0, out);
        Ok(outcome?)
    }

    fn repaired(&self) -> u64 {
        self.decoder.repaired()
    }
}
