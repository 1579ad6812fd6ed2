//! Closes what is idle for too long although nobody asks for it any more.

use super::Shared;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use waterwheel_runtime::scope::EngineCore;

/// Has idle resources looked after, on the engine's clock, for as long as there are some. Does nothing when they are already.
pub(super) fn watch<R: Send + 'static>(shared: &Arc<Shared<R>>, core: &Arc<EngineCore>) {
    if shared.watched.swap(true, Ordering::SeqCst) {
        return;
    }
    let mut watch = Watch { shared: Arc::downgrade(shared), on: true };
    let clock = core.clock.clone();
    // On an engine that has ended this is dropped, and the watch is off.
    core.control.spawn(async move {
        while let Some(left) = watch.look() {
            clock.sleep(left).await;
        }
    });
}

/// Does not keep the pool: one that is dropped closes all it has.
struct Watch<R: Send + 'static> {
    shared: Weak<Shared<R>>,
    on: bool,
}

impl<R: Send + 'static> Watch<R> {
    /// Closes what has expired; how long to wait until the next look. `None`: there is nothing to be looked after.
    fn look(&mut self) -> Option<Duration> {
        let shared = self.shared.upgrade()?;
        if let Some(left) = shared.close_expired() {
            return Some(left);
        }
        self.on = false;
        shared.watched.store(false, Ordering::SeqCst);
        // What was put back between the look and the line above was told that it is looked after.
        if shared.pool.status().available == 0 || shared.watched.swap(true, Ordering::SeqCst) {
            return None;
        }
        self.on = true;
        Some(Duration::ZERO)
    }
}

impl<R: Send + 'static> Drop for Watch<R> {
    fn drop(&mut self) {
        if let (true, Some(shared)) = (self.on, self.shared.upgrade()) {
            shared.watched.store(false, Ordering::SeqCst);
        }
    }
}
