//! The method, and the stream that it makes.

use super::kernel::{Mapper, Timed};
use super::spec::StateSpec;
use crate::dstream::DStream;
use crate::graph::Batch;
use crate::rdd::{Input, push_all, take};
use crate::record::{Key, Record};
use crate::state::dataset::{by_products, versions};
use crate::state::step::{Apply, Gather, Steps};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::{Lineage, TaskContext};
use waterwheel_runtime::state::{Changing, Emitted, KeepByProducts};

impl<'c, K: Key, V: Record> DStream<'c, (K, V)> {
    /// Calls the function of `spec` for every record, with the state of its key, which is kept from batch to batch; the stream of
    /// what it returns.
    ///
    /// Records of a key are applied in order of (partition, position). Keys without data are neither called for nor looked at,
    /// unless they [time out](StateSpec::timeout). The stream has a dataset in every batch, also where this one has none. It and
    /// the [snapshots](MapWithState::state_snapshots) can be read as often as wanted: the function is not called again.
    ///
    /// A task that fails leaves the states as they were before the batch. Needs a checkpoint, where the states are kept.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let ranks = run([vec!["ada", "bob"], vec!["ada"]], |names| {
    ///     let spec = StateSpec::function(|name: &String, _: Option<()>, visits: &mut State<u32>| {
    ///         let count = visits.get_option().map_or(1, |count| count + 1);
    ///         visits.update(count);
    ///         format!("{name}: {count}")
    ///     });
    ///     names.map(|name| (name.to_owned(), ())).map_with_state(spec.num_partitions(1)).stream()
    /// })?;
    /// assert_eq!(ranks, [vec!["ada: 1", "bob: 1"], vec!["ada: 2"]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn map_with_state<S: Record, R: Record>(&self, spec: StateSpec<K, V, S, R>) -> MapWithState<'c, K, S, R> {
        let (site, context, parent) = (Site::here("map_with_state"), self.context(), self.node_id());
        let partitioner = spec.partitioner.clone();
        let steps = Steps::new(context, site, self.slide_duration(), partitioner, KeepByProducts::WithVersions);
        let partitioner = steps.partitioner().clone();
        let mapper = Arc::new(Mapper::new(site, &spec, partitioner.partitions()));
        let mut initial = spec.initial.map(|states| states.partition_by_at(site, partitioner.clone()));
        let theirs = steps.clone();
        let compute = move |batch: &mut Batch<'_>| {
            let data = batch.dataset(parent)?.map(|data| data.partition_by_at(site, partitioner.clone()));
            let (store, mapper) = (theirs.store().clone(), mapper.clone());
            // Not needed any more once every partition has a version that stays: it may hold as much as the states.
            initial.take_if(|_| (0..store.partitions()).all(|partition| !store.may_begin_anew(partition)));
            let initial = initial.clone();
            let mut inputs: Vec<Arc<dyn Lineage>> = Vec::new();
            inputs.extend(data.iter().map(|data| data.node().clone() as Arc<dyn Lineage>));
            inputs.extend(initial.iter().map(|initial| initial.node().clone() as Arc<dyn Lineage>));
            let gather: Gather<K, Timed<S>, Emitted<R>> = Box::new(move |partition, task| {
                let first = match initial.as_ref().filter(|_| store.may_begin_anew(partition)) {
                    Some(initial) => Input::new(&**initial.node(), partition).to_vec(task)?,
                    None => Vec::new(),
                };
                let records = match &data {
                    Some(data) => Input::new(&**data.node(), partition).to_shared(task)?,
                    None => Arc::default(),
                };
                let mapper = mapper.clone();
                let apply = move |states: &mut Changing<'_, K, Timed<S>, Emitted<R>>, task: &TaskContext| {
                    mapper.version(partition, states, first, &records, task)
                };
                Ok(Box::new(apply) as Apply<K, Timed<S>, Emitted<R>>)
            });
            let step = theirs.step(batch, inputs, gather);
            Ok(Some(by_products(step, None, &batch.inputs.scope, |Emitted(records), out| push_all(records, out))))
        };
        let stream = context.add_node(site, self.slide_duration(), vec![parent.now()], Box::new(compute));
        steps.keep_up(context, stream.node_id());
        MapWithState { stream, steps }
    }
}

/// The stream that [`map_with_state`](DStream::map_with_state) makes: a stream of the records that the function returned, with
/// the [snapshots](MapWithState::state_snapshots) of all states beside it.
pub struct MapWithState<'c, K: Key, S: Record, R: Record> {
    stream: DStream<'c, R>,
    steps: Arc<Steps<K, Timed<S>, Emitted<R>>>,
}

impl<K: Key, S: Record, R: Record> Clone for MapWithState<'_, K, S, R> {
    fn clone(&self) -> Self {
        MapWithState { stream: self.stream, steps: self.steps.clone() }
    }
}

impl<K: Key, S: Record, R: Record> fmt::Debug for MapWithState<'_, K, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapWithState over {:?}", self.stream)
    }
}

impl<'c, K: Key, S: Record, R: Record> Deref for MapWithState<'c, K, S, R> {
    type Target = DStream<'c, R>;

    fn deref(&self) -> &DStream<'c, R> {
        &self.stream
    }
}

impl<'c, K: Key, S: Record, R: Record> MapWithState<'c, K, S, R> {
    /// The stream of the records that the function returned, where a [`DStream`] is asked for.
    pub fn stream(&self) -> DStream<'c, R> {
        self.stream
    }

    /// As [`DStream::named`]: the name under which the states are kept.
    #[track_caller]
    pub fn named(&self, name: &str) -> MapWithState<'c, K, S, R> {
        self.stream.named(name);
        self.clone()
    }

    /// The stream of all keys with their states, in every batch, as they are after it; ordered by the keys' hashes. States are
    /// copied as they are read: `take` and `print` copy a few.
    ///
    /// ```
    /// # use waterwheel_operators::{prelude::*, testkit::run};
    /// let sums = run([vec![(1, 5)], vec![], vec![(1, 2)]], |pairs| {
    ///     let spec = StateSpec::function(|_: &i32, n: Option<i32>, sum: &mut State<i32>| {
    ///         sum.update(sum.get_option().unwrap_or(&0) + n.unwrap_or(0));
    ///     });
    ///     pairs.map_with_state(spec).state_snapshots()
    /// })?;
    /// assert_eq!(sums, [[(1, 5)], [(1, 5)], [(1, 7)]]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn state_snapshots(&self) -> DStream<'c, (K, S)> {
        let (site, steps, mapped) = (Site::here("state_snapshots"), self.steps.clone(), self.stream.node_id());
        let compute = move |batch: &mut Batch<'_>| {
            if steps.is_gone(batch.time()) {
                return Ok(None);
            }
            // Makes the step, if nobody has asked for it yet.
            let Some(_mapped) = batch.dataset(mapped)? else { return Ok(None) };
            let Some(step) = steps.at(batch.time()) else { return Ok(None) };
            let states = versions(step, steps.partitioner().id(), &batch.inputs.scope);
            Ok(Some(states.narrow(true, |input, task, out| {
                input.each(task, |chunk| out.push(&mut take(chunk).map(|(key, known)| (key, known.state)).collect()))
            })))
        };
        let uses = vec![mapped.now()];
        self.stream.context().add_node(site, self.stream.slide_duration(), uses, Box::new(compute))
    }
}
