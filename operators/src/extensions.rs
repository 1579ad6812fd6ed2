//! What other crates keep with a context: one value of each type. It takes the place of globals.

use crate::context::StreamingContext;
use crate::running::RunningContext;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// See the module. A cheap handle: clones are the same map.
#[derive(Clone, Default)]
pub(crate) struct Extensions {
    values: Arc<Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>,
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extensions")
    }
}

impl Extensions {
    /// The value of type `E`, made by its default when it is asked for first.
    pub(crate) fn get<E: Any + Send + Sync + Default>(&self) -> Arc<E> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let known = values.get(&TypeId::of::<E>()).cloned().and_then(|value| value.downcast().ok());
        known.unwrap_or_else(|| {
            let made = Arc::new(E::default());
            values.insert(TypeId::of::<E>(), made.clone());
            made
        })
    }
}

impl StreamingContext {
    /// The value of type `E` that belongs to this context, made by its default when it is asked for first. For authors of sources:
    /// a directory of what they have built, for example.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use waterwheel_operators::prelude::*;
    ///
    /// #[derive(Default)]
    /// struct Built(AtomicU32);
    ///
    /// let ssc = StreamingContext::new(Config::local("Doc"), seconds(1))?;
    /// ssc.extension::<Built>().0.fetch_add(1, Ordering::Relaxed);
    /// assert_eq!(ssc.extension::<Built>().0.load(Ordering::Relaxed), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn extension<E: Any + Send + Sync + Default>(&self) -> Arc<E> {
        self.extensions.get()
    }
}

impl RunningContext {
    /// The value of type `E` that belongs to this context: the one that was there while it was built.
    pub fn extension<E: Any + Send + Sync + Default>(&self) -> Arc<E> {
        self.extensions.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_each_type_and_clones_share_it() {
        let extensions = Extensions::default();
        *extensions.get::<Mutex<u32>>().lock().unwrap() = 7;
        *extensions.get::<Mutex<String>>().lock().unwrap() = "seven".to_owned();
        let same = extensions.clone();
        assert_eq!(*same.get::<Mutex<u32>>().lock().unwrap(), 7);
        assert_eq!(*same.get::<Mutex<String>>().lock().unwrap(), "seven");
    }
}
