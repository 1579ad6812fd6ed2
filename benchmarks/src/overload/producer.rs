//! The receiver that has too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

use super::Load;

/// The most records of one `store_many`; fewer where the stream takes few.
const CHUNK: usize = 1000;

/// Hands over numbers at its rate, or as fast as they are taken.
pub(crate) struct Producer {
    pub(crate) load: Load,
    /// What it has handed over.
    pub(crate) handed_over: Arc<AtomicU64>,
}

impl Receiver for Producer {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        let started = Instant::now();
        let mut next = 0;
        while next < self.load.records && self.load.time.is_none_or(|time| started.elapsed() < time) {
            let end = (next + handle.max_chunk().min(CHUNK) as u64).min(self.load.records);
            if let Some(rate) = self.load.rate {
                let due = Duration::from_secs_f64(next as f64 / rate as f64);
                let early = due.saturating_sub(started.elapsed());
                if early > Duration::from_millis(1) {
                    handle.clock().sleep(early).await;
                }
            }
            if handle.is_stopped() {
                return Ok(());
            }
            handle.store_many((next..end).collect()).await?;
            next = end;
            self.handed_over.store(next, Ordering::Relaxed);
        }
        handle.stopped().await;
        Ok(())
    }
}
