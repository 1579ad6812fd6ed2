//! `foreach_partition` and `foreach_partition_with`: an effect for every partition of every batch.

use crate::dstream::DStream;
use crate::outcome::Outcome;
use crate::output::WriteId;
use crate::pool::ResourcePool;
use crate::record::Data;
use std::sync::Arc;
use waterwheel_runtime::site::Site;

impl<T: Data> DStream<'_, T> {
    /// Calls `f` with the records of every partition of every batch, inside the tasks. `f` returns nothing or a `Result`, whose
    /// error fails the task.
    ///
    /// A task that fails is tried again, so `f` may see a partition more than once. For writing to a database or a server see
    /// [`foreach_partition_with`](DStream::foreach_partition_with).
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// let (sender, lengths) = std::sync::mpsc::channel();
    /// run([vec!["to", "be", "or"], vec![]], |words| {
    ///     words.foreach_partition(move |part| sender.send(part.len()));
    ///     words
    /// })?;
    /// let mut lengths: Vec<_> = lengths.iter().collect();
    /// lengths.sort();
    /// assert_eq!(lengths, [0, 0, 1, 2]);
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn foreach_partition<O: Outcome>(&self, f: impl Fn(Vec<T>) -> O + Send + Sync + 'static) {
        let (site, f) = (Site::here("foreach_partition"), Arc::new(f));
        self.output_at(site, move |dataset, _| {
            let f = f.clone();
            Ok(dataset.foreach_partition_at(site, move |records| f(records))?)
        });
    }

    /// Calls `f` with a resource of `pool` and the records of every partition of every batch, inside the tasks: the way to
    /// write to a database or a server. What a resource is, and when it is closed, is told at [`ResourcePool`].
    ///
    /// `f` returns nothing or a `Result`. An error or a panic fails the task and closes the resource; the task is then tried
    /// again with another. So `f` may write a partition more than once, or a part of it: the third thing that it gets, a
    /// [`WriteId`], is the same each time and lets the other side tell. It is always there, and not in a method of its own,
    /// because every writer to the outside has to decide what a second write does. `_` decides that it does no harm.
    ///
    /// ```
    /// use std::{io::Write, net::{TcpListener, TcpStream}};
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    ///
    /// let server = TcpListener::bind("127.0.0.1:0")?;
    /// let address = server.local_addr()?;
    /// let pool = ResourcePool::new(move || TcpStream::connect(address));
    /// run([vec![("to", 1), ("be", 1)]], |counts| {
    ///     counts.foreach_partition_with(&pool, |connection, counts, id| {
    ///         counts.iter().try_for_each(|(word, count)| writeln!(connection, "{id} {word} {count}"))
    ///     });
    ///     counts
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn foreach_partition_with<R: Send + 'static, O: Outcome>(
        &self,
        pool: &ResourcePool<R>,
        f: impl Fn(&mut R, Vec<T>, WriteId) -> O + Send + Sync + 'static,
    ) {
        let (site, pool, f) = (Site::here("foreach_partition_with"), pool.clone(), Arc::new(f));
        self.output_at(site, move |dataset, batch| {
            let f = f.clone();
            let write = move |resource: &mut R, records, partition| f(resource, records, WriteId { batch, partition });
            Ok(dataset.foreach_partition_with_at(site, &pool, write)?)
        });
    }
}
