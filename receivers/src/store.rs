//! Storing what one read brought, at the rate that the stream allows.

use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::{ReceiverHandle, ReceiverStopped};

/// With a rate limit, as many records are stored at a time as the limit allows in this part of a second: a chunk comes in as a
/// whole, and a whole read of short records would be many seconds' worth in one batch.
const PIECES_PER_SECOND: f64 = 10.0;

/// Stores `records` in order, waiting as the stream's limits say. `bytes` is their size in memory, where the caller knows it.
///
/// # Errors
/// [`ReceiverStopped`] once the receiver has been asked to stop: what the rate limit still held back is dropped then. Waiting
/// for it would take longer than a stop may take.
pub(crate) async fn store_at_rate<T: Record>(
    handle: &ReceiverHandle<T>,
    records: Vec<T>,
    bytes: Option<usize>,
) -> Result<(), ReceiverStopped> {
    let Some(rate) = handle.rate_limit() else { return store(handle, records, bytes).await };
    // The cast saturates; a rate below one piece stores single records.
    let piece = ((rate / PIECES_PER_SECOND) as usize).max(1);
    let mean = bytes.map(|bytes| bytes.div_ceil(records.len().max(1)));
    let mut rest = records.into_iter();
    while rest.len() > 0 {
        if handle.is_stopped() {
            return Err(ReceiverStopped);
        }
        let records: Vec<T> = rest.by_ref().take(piece).collect();
        let bytes = mean.map(|mean| mean * records.len());
        store(handle, records, bytes).await?;
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
