//! Closes what is idle for too long although nobody asks for it any more, and what is idle when a program ends.

use super::Shared;
use futures::future::{Either, select};
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
    let (clock, mut end) = (core.clock.clone(), Box::pin(core.next_context_end()));
    // On an engine that has ended this is dropped, and the watch is off.
    core.control.spawn(async move {
        while let Some(left) = watch.look() {
            match select(clock.sleep(left), end).await {
                Either::Left(((), still)) => end = still,
                // Nothing waits for the clock, and no connection is open, of a program that has ended.
                Either::Right(_) => return watch.end(),
            }
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
        self.off(&shared);
        // What was put back between the look and the line above was told that it is looked after.
        if shared.pool.status().available == 0 || shared.watched.swap(true, Ordering::SeqCst) {
            return None;
        }
        self.on = true;
        Some(Duration::ZERO)
    }

    /// Closes all that is idle. What is put back from here on has a watch of its own.
    fn end(mut self) {
        if let Some(shared) = self.shared.upgrade() {
            self.off(&shared);
            shared.close_idle();
        }
    }

    fn off(&mut self, shared: &Shared<R>) {
        self.on = false;
        shared.watched.store(false, Ordering::SeqCst);
    }
}

impl<R: Send + 'static> Drop for Watch<R> {
    fn drop(&mut self) {
        if let (true, Some(shared)) = (self.on, self.shared.upgrade()) {
            self.off(&shared);
        }
    }
}
