//! What becomes of records for which there is no room.

/// What becomes of records that come faster than batches are computed: when the stream's rate is used up, or the memory that its
/// unprocessed records may take.
///
/// `store_reliably` never drops records, whatever this says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overload {
    /// Storing waits, and so does the receiver's source, if it can.
    #[default]
    Block,
    /// They are received all the same. Those that the next batch cannot take lie in files, at most `receiver.max_spill` bytes of
    /// them, and go into later batches in the order in which they came. When that is full, storing waits.
    Spill,
    /// They are dropped and counted: the newest, whole stores at a time.
    Shed,
}
