//! What a connection stores: chunks of records, cut out of the bytes as they come.

use crate::decode::Decoder;
use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::ReceiverError;

/// Records that are stored together.
pub(crate) struct Chunk<T> {
    pub(crate) records: Vec<T>,
    /// The memory they take, where that is known better than by weighing them.
    pub(crate) bytes: Option<usize>,
}

/// Cuts the bytes of one connection into chunks.
pub(crate) trait Chunks: 'static {
    /// What is in them.
    type Record: Record;

    /// Takes of the next bytes, all of them or as many as make as much as should be stored before more is made, and appends the chunks
    /// that they complete; those before a fault as well.
    fn cut(&mut self, bytes: &mut &[u8], out: &mut Vec<Chunk<Self::Record>>) -> Result<(), ReceiverError>;

    /// Appends what is complete without further bytes.
    fn finish(&mut self, out: &mut Vec<Chunk<Self::Record>>) -> Result<(), ReceiverError>;

    /// How many records had to be repaired so far.
    fn repaired(&self) -> u64 {
        0
    }
}

/// The records of a decoder: those of one read are a chunk.
pub(super) struct Decoded<D: Decoder> {
    decoder: D,
    /// Records of the last read.
    last: usize,
}

impl<D: Decoder> Decoded<D> {
    pub(super) fn new(decoder: D) -> Decoded<D> {
        Decoded { decoder, last: 0 }
    }

    fn chunk(&mut self, mut records: Vec<D::Item>, out: &mut Vec<Chunk<D::Item>>) {
        let expected = std::mem::replace(&mut self.last, records.len());
        if expected / 2 > records.len() {
            // Far fewer than last time: they need not hold the room for so many.
            records.shrink_to_fit();
        }
        out.push(Chunk { records, bytes: None });
    }
}

impl<D> Chunks for Decoded<D>
where
    D: Decoder + 'static,
    D::Item: Record,
{
    type Record = D::Item;

    fn cut(&mut self, bytes: &mut &[u8], out: &mut Vec<Chunk<D::Item>>) -> Result<(), ReceiverError> {
        // As many as last time are likely, and what is missing is found by growing.
        let mut records = Vec::with_capacity(self.last);
        let outcome = self.decoder.decode(std::mem::take(bytes), &mut records);
        self.chunk(records, out);
        Ok(outcome?)
    }

    fn finish(&mut self, out: &mut Vec<Chunk<D::Item>>) -> Result<(), ReceiverError> {
        let mut records = Vec::new();
        let outcome = self.decoder.finish(&mut records);
        self.chunk(records, out);
        Ok(outcome?)
    }

    fn repaired(&self) -> u64 {
        self.decoder.repaired()
    }
}
