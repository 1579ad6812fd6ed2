//! Work on many parts at once, outside of any task.

use super::operator::StateError;
use super::rows::damaged;
use crate::codec::CodecError;
use crate::error::panic_message;
use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Applies `f` to all items, on as many threads as there are cores, and returns the results in the order of the items.
pub(super) fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    f: impl Fn(T) -> Result<R, StateError> + Sync,
) -> Result<Vec<R>, StateError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let items: Vec<Mutex<Option<T>>> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let results: Vec<Mutex<Option<Result<R, StateError>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((item, result)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).zip(results.get(index))
        } {
            let Some(item) = item.lock().unwrap_or_else(PoisonError::into_inner).take() else { continue };
            // Decoding and placing keys is code of the user's types.
            let outcome = catch_unwind(AssertUnwindSafe(|| f(item))).unwrap_or_else(|payload| {
                let (type_name, message) = (type_name::<T>(), panic_message(&*payload));
                Err(StateError::Codec(CodecError::Panicked { type_name, message }))
            });
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Without the thread it takes longer, that is all.
            let _ = std::thread::Builder::new().name("load state".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    let results = results.into_iter().map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner));
    results.map(|result| result.unwrap_or_else(|| Err(damaged("a part of it was not read")))).collect()
}
