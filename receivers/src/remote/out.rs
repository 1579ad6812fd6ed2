//! Bytes that wait to be written.

use super::wire::Frame;

/// A buffer that is filled at one end and written from the other.
#[derive(Debug, Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    written: usize,
}

impl Out {
    /// Adds bytes as they are.
    pub(super) fn push_bytes(&mut self, bytes: &[u8]) {
        self.tidy();
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a frame.
    pub(super) fn push(&mut self, frame: &Frame) {
        frame.encode_into(self.buffer());
    }

    /// Where more can be appended.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.tidy();
        &mut self.bytes
    }

    /// What waits.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// So many bytes of it were written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    fn tidy(&mut self) {
        self.bytes.drain(..self.written.min(self.bytes.len()));
        self.written = 0;
    }
}
