//! `Dataset<K, V>`: reference data by key, which may change between batches.

use crate::rdd::{KeyTable, Matches};
use crate::record::Data;
use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use waterwheel_runtime::scope::JobScope;

/// Reference data by key, held in memory, for joins without a shuffle: [`DStream::broadcast_join`](crate::DStream::broadcast_join)
/// and [`Rdd::broadcast_join`](crate::rdd::Rdd::broadcast_join). A cheap handle: clones are the same data.
///
/// Any thread may change it at any time. A change makes a new version as a whole, which the next batch sees; a batch that has been
/// begun goes on with the version that it has, in all its joins. A key may have several values, which keep their order.
///
/// The data is not part of a checkpoint: a program that is started again loads it again.
///
/// ```
/// use waterwheel_operators::prelude::*;
/// use waterwheel_operators::testkit::run;
///
/// let rates = Dataset::new([("EUR".to_owned(), 1.0), ("USD".to_owned(), 0.5)]);
/// let orders = [vec![("USD".to_owned(), 10.0), ("XXX".to_owned(), 3.0)]];
/// let euros = run(orders, |orders| orders.broadcast_join(&rates).map(|(_, (amount, rate))| amount * rate))?;
/// assert_eq!(euros, [[5.0]]);
/// # Ok::<(), Error>(())
/// ```
pub struct Dataset<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    /// Held while a version is made of the one before.
    changing: Mutex<()>,
    /// Held for a moment.
    current: Mutex<Current<K, V>>,
}

struct Current<K, V> {
    snapshot: Snapshot<K, V>,
    /// The version of every batch that has begun and is not forgotten.
    pinned: Vec<(Weak<JobScope>, Snapshot<K, V>)>,
}

/// One version of a [`Dataset`]. It never changes.
pub struct Snapshot<K, V> {
    version: u64,
    table: Arc<KeyTable<K, Matches<V>>>,
}

impl<K, V> Clone for Dataset<K, V> {
    fn clone(&self) -> Self {
        Dataset { shared: self.shared.clone() }
    }
}

impl<K, V> Clone for Snapshot<K, V> {
    fn clone(&self) -> Self {
        Snapshot { version: self.version, table: self.table.clone() }
    }
}

impl<K: Data + Eq + Hash, V: Data> fmt::Debug for Dataset<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.snapshot(), f)
    }
}

impl<K: Data + Eq + Hash, V: Data> fmt::Debug for Snapshot<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dataset of {} keys, version {}", self.keys(), self.version)
    }
}

impl<K: Data + Eq + Hash, V: Data> Snapshot<K, V> {
    /// Which version this is, from 1.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Number of keys.
    pub fn keys(&self) -> usize {
        self.table.len()
    }

    /// The values of `key`, in the order in which they were given.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// let owners = Dataset::new([("boat", "ada"), ("car", "bob"), ("boat", "cy")]).snapshot();
    /// assert_eq!(owners.get(&"boat").collect::<Vec<_>>(), [&"ada", &"cy"]);
    /// assert_eq!(owners.get(&"plane").count(), 0);
    /// ```
    pub fn get(&self, key: &K) -> impl Iterator<Item = &V> {
        self.table.get(key).into_iter().flat_map(|(_, values)| values.iter())
    }

    pub(crate) fn table(&self) -> &KeyTable<K, Matches<V>> {
        &self.table
    }
}

impl<K: Data + Eq + Hash, V: Data> Dataset<K, V> {
    /// Version 1.
    pub fn new(pairs: impl IntoIterator<Item = (K, V)>) -> Dataset<K, V> {
        let snapshot = Snapshot { version: 1, table: Arc::new(table(pairs)) };
        let current = Mutex::new(Current { snapshot, pinned: Vec::new() });
        Dataset { shared: Arc::new(Shared { changing: Mutex::default(), current }) }
    }

    /// Puts `pairs` in the place of everything. Returns the number of the new version.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// let rates = Dataset::new([("EUR", 1.0), ("USD", 0.5)]);
    /// assert_eq!(rates.replace([("USD", 0.6)]), 2);
    /// assert_eq!(rates.snapshot().keys(), 1);
    /// ```
    pub fn replace(&self, pairs: impl IntoIterator<Item = (K, V)>) -> u64 {
        // Before the lock is taken: the iterator is the user's, and may change this very data.
        let table = table(pairs);
        self.change(|_| table)
    }

    /// Puts the values of `pairs` in the place of those that their keys had; other keys keep theirs. Returns the number of the new
    /// version. The whole table is copied.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// let rates = Dataset::new([("EUR", 1.0), ("USD", 0.5)]);
    /// rates.update([("USD", 0.6), ("GBP", 1.2)]);
    /// let now = rates.snapshot();
    /// assert_eq!(["EUR", "USD", "GBP"].map(|name| now.get(&name).sum::<f64>()), [1.0, 0.6, 1.2]);
    /// ```
    pub fn update(&self, pairs: impl IntoIterator<Item = (K, V)>) -> u64 {
        let changes = table(pairs).into_entries();
        self.change(|before| {
            let mut table = before.clone();
            for (key, values) in changes {
                table.update(key, |key| key, Matches::default, |held| *held = values);
            }
            table
        })
    }

    /// Drops `keys` with all their values. Returns the number of the new version. The whole table is copied.
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// let rates = Dataset::new([("EUR", 1.0), ("USD", 0.5)]);
    /// rates.remove(["USD", "XXX"]);
    /// assert_eq!(rates.snapshot().keys(), 1);
    /// ```
    pub fn remove(&self, keys: impl IntoIterator<Item = K>) -> u64 {
        let keys: HashSet<K> = keys.into_iter().collect();
        self.change(|before| {
            let mut table = KeyTable::with_capacity(before.len());
            for (key, values) in before.entries().iter().filter(|(key, _)| !keys.contains(key)) {
                table.update(key, K::clone, Matches::default, |held| *held = values.clone());
            }
            table
        })
    }

    /// The number of the newest version, from 1: what the next batch will see.
    pub fn version(&self) -> u64 {
        self.lock().snapshot.version
    }

    /// The newest version.
    pub fn snapshot(&self) -> Snapshot<K, V> {
        self.lock().snapshot.clone()
    }

    /// The version of the batch that `scope` is of: the newest one when it is asked for the first time. The newest one for a scope
    /// of no batch.
    pub(crate) fn snapshot_of(&self, scope: &Arc<JobScope>) -> Snapshot<K, V> {
        let mut forgotten = Vec::new(); // dropped after the lock is
        let mut current = self.lock();
        let Current { snapshot, pinned } = &mut *current;
        if scope.batch().is_none() {
            return snapshot.clone();
        }
        forgotten.extend(pinned.extract_if(.., |(batch, _)| batch.strong_count() == 0));
        let held = pinned.iter().find(|(batch, _)| std::ptr::eq(batch.as_ptr(), Arc::as_ptr(scope)));
        if let Some((_, held)) = held {
            return held.clone();
        }
        pinned.push((Arc::downgrade(scope), snapshot.clone()));
        snapshot.clone()
    }

    fn change(&self, make: impl FnOnce(&KeyTable<K, Matches<V>>) -> KeyTable<K, Matches<V>>) -> u64 {
        let changing = self.shared.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let after = Snapshot { version: before.version + 1, table: Arc::new(make(&before.table)) };
        self.lock().snapshot = after;
        drop(changing);
        before.version + 1
    }

    /// Nothing of the user's runs under this lock.
    fn lock(&self) -> MutexGuard<'_, Current<K, V>> {
        self.shared.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table<K: Data + Eq + Hash, V: Data>(pairs: impl IntoIterator<Item = (K, V)>) -> KeyTable<K, Matches<V>> {
    let mut table = KeyTable::with_capacity(0);
    for (key, value) in pairs {
        table.update(key, |key| key, Matches::default, |values: &mut Matches<V>| values.add(value));
    }
    table
}
