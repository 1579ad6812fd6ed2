//! `broadcast_join`: the pairs of a batch looked up in a `Dataset`, without a shuffle.

use crate::dstream::DStream;
use crate::record::Data;
use crate::shared::Dataset;
use std::hash::Hash;
use waterwheel_runtime::site::Site;

impl<'c, K: Data + Eq + Hash, V: Data> DStream<'c, (K, V)> {
    /// Every value with every value that `dataset` has for its key, without a shuffle.
    ///
    /// A batch sees one version of `dataset`, in all its joins with it: the newest when the batch is begun. Order is as in
    /// [`Rdd::broadcast_join`](crate::rdd::Rdd::broadcast_join).
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let names = Dataset::new([(1, "ada"), (2, "bob")]);
    /// let named = run([vec![(1, "tea"), (3, "salt")], vec![(2, "rice")]], |orders| orders.broadcast_join(&names))?;
    /// assert_eq!(named, [[(1, ("tea", "ada"))], [(2, ("rice", "bob"))]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn broadcast_join<W: Data>(&self, dataset: &Dataset<K, W>) -> DStream<'c, (K, (V, W))> {
        let (site, data) = (Site::here("broadcast_join"), dataset.clone());
        self.try_apply(site, move |batch, records| {
            Ok(records.broadcast_join_at(site, data.snapshot_of(&batch.inputs.scope)))
        })
    }

    /// [`broadcast_join`](DStream::broadcast_join) that also has the values whose key `dataset` lacks, with `None` in place of its
    /// value.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let names = Dataset::new([(1, "ada")]);
    /// let named = run([vec![(1, "tea"), (3, "salt")]], |orders| orders.left_outer_broadcast_join(&names))?;
    /// assert_eq!(named, [[(1, ("tea", Some("ada"))), (3, ("salt", None))]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn left_outer_broadcast_join<W: Data>(&self, dataset: &Dataset<K, W>) -> DStream<'c, (K, (V, Option<W>))> {
        let (site, data) = (Site::here("left_outer_broadcast_join"), dataset.clone());
        self.try_apply(site, move |batch, records| {
            Ok(records.left_outer_broadcast_join_at(site, data.snapshot_of(&batch.inputs.scope)))
        })
    }
}
