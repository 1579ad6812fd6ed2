//! Storing what one read brought, at the rate that the stream allows.

use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::{ReceiverHandle, ReceiverStopped};

/// Stores `records` in order, waiting as the stream's limits say. `bytes` is their size in memory, where the caller knows it.
///
/// A chunk comes in as a whole, and a whole read of short records may be many batches' worth: such a read comes in in pieces.
///
/// # Errors
/// [`ReceiverStopped`] when the stream is being stopped and the configured rate holds records back, or its batches have for too
/// long: the rest is dropped then. Waiting for it would take longer than a stop may take.
pub(crate) async fn store_at_rate<T: Record>(
    handle: &ReceiverHandle<T>,
    records: Vec<T>,
    bytes: Option<usize>,
) -> Result<(), ReceiverStopped> {
    if records.len() <= handle.max_chunk() {
        return store(handle, records, bytes).await;
    }
    let mut rest = records.into_iter();
    while rest.len() > 0 {
        let records: Vec<T> = rest.by_ref().take(handle.max_chunk()).collect();
        // Each piece is weighed by itself: a large record among small ones is not theirs to carry.
        store(handle, records, None).await?;
    }
    Ok(())
}

async fn store<T: Record>(
    handle: &ReceiverHandle<T>,
    records: Vec<T>,
    bytes: Option<usize>,
) -> Result<(), ReceiverStopped> {
    match bytes {
        Some(bytes) => handle.store_sized(records, bytes).await,
        None => handle.store_many(records).await,
    }
}
