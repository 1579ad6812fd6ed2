//! A panic in each kind of function that a user brings: it ends the program with an error that names the operator, the user's
//! line and the batch; nothing hangs, nothing is held, and the engine works on.

use crate::support::{DEADLINE, INTERVAL, config, held, manual_engine};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use waterwheel::prelude::*;
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Panics, whatever is asked of it.
fn boom<A, B>(_: A) -> B {
    panic!("boom")
}

/// [`boom`] for functions of two arguments.
fn boom2<A, B, C>(_: A, _: B) -> C {
    panic!("boom")
}

/// A record whose own functions panic: those of one kind.
#[derive(Clone, Debug)]
struct Bad(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hash,
    Eq,
    Encode,
    Decode,
    Show,
}

impl Bad {
    fn at(&self, kind: Kind) {
        assert!(self.0 != kind, "boom");
    }
}

impl Hash for Bad {
    fn hash<H: Hasher>(&self, _: &mut H) {
        self.at(Kind::Hash);
    }
}

impl PartialEq for Bad {
    fn eq(&self, other: &Bad) -> bool {
        self.at(Kind::Eq);
        self.0 == other.0
    }
}

impl Eq for Bad {}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.at(Kind::Encode);
        serializer.serialize_u8(0)
    }
}

impl<'de> Deserialize<'de> for Bad {
    /// Only the kind [`Decode`](Kind::Decode) is ever encoded, and read back.
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Bad, D::Error> {
        panic!("boom")
    }
}

impl Show for Bad {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.at(Kind::Show);
        f.write_str("bad")
    }
}

/// A place to print to that cannot be written.
struct BadWriter;

impl Write for BadWriter {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("boom")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source that cannot be asked.
struct BadSource;

impl InputStream<u32> for BadSource {
    fn compute(&mut self, _: &BatchInputs) -> Result<Option<Rdd<u32>>, JobError> {
        panic!("boom")
    }
}

/// A stream whose first batch holds `records` in two partitions.
fn queued<T: Data>(ssc: &StreamingContext, records: impl IntoIterator<Item = T>) -> DStream<'_, T> {
    ssc.queue_stream(vec![ssc.engine().parallelize(records, 2)], true)
}

fn numbers(ssc: &StreamingContext) -> DStream<'_, u32> {
    queued(ssc, 1..=4)
}

/// Pairs of which each key is in one partition only: all merging is done on the map side.
fn dense(ssc: &StreamingContext) -> DStream<'_, (u32, u32)> {
    queued(ssc, [(1, 1), (1, 2), (2, 3), (2, 4)])
}

/// Pairs of which each key is once in each partition: all merging is done on the reduce side.
fn spread(ssc: &StreamingContext) -> DStream<'_, (u32, u32)> {
    queued(ssc, [(1, 1), (2, 2), (1, 3), (2, 4)])
}

fn bad(ssc: &StreamingContext, kind: Kind) -> DStream<'_, (Bad, u32)> {
    queued(ssc, [(Bad(kind), 1), (Bad(kind), 2)])
}

/// Places keys where nobody can.
fn nowhere() -> Partitioner<u32> {
    Partitioner::custom(2, |key: &u32| boom(key))
}

/// Has a stream computed.
fn compute<T: Data>(stream: DStream<'_, T>) {
    stream.foreach_rdd(|dataset| dataset.count().map(drop));
}

/// A program that fails in its first batch, and what it has to be told as.
struct Case {
    /// The operator whose function panics; its name stands on the line that has to be told.
    operator: &'static str,
    /// Where the case begins in this file.
    line: u32,
    build: fn(&mut StreamingContext),
}

macro_rules! case {
    ($operator:literal, $build:expr) => {
        Case { operator: $operator, line: line!(), build: $build }
    };
}

const CASES: &[Case] = &[
    case!("map", |ssc| compute(numbers(ssc).map(boom::<u32, u32>))),
    case!("filter", |ssc| compute(numbers(ssc).filter(|n| boom(n)))),
    case!("flat_map", |ssc| compute(numbers(ssc).flat_map(boom::<u32, Vec<u32>>))),
    case!("flat_map", |ssc| compute(numbers(ssc).flat_map(|n| (0..n).map(boom::<u32, u32>)))),
    case!("flat_map_into", |ssc| compute(numbers(ssc).flat_map_into(|n, out: &mut Vec<u32>| out.push(boom(n))))),
    case!("map_partitions", |ssc| compute(numbers(ssc).map_partitions(boom::<Vec<u32>, Vec<u32>>))),
    case!("map_partitions_with_index", |ssc| {
        compute(numbers(ssc).map_partitions_with_index(boom2::<usize, Vec<u32>, Vec<u32>>));
    }),
    case!("map_values", |ssc| compute(dense(ssc).map_values(boom::<u32, u32>))),
    case!("flat_map_values", |ssc| compute(dense(ssc).flat_map_values(boom::<u32, Vec<u32>>))),
    case!("reduce", |ssc| compute(numbers(ssc).reduce(boom2))),
    case!("reduce_by_key", |ssc| compute(dense(ssc).reduce_by_key(boom2))),
    case!("reduce_by_key", |ssc| compute(spread(ssc).reduce_by_key(boom2))),
    case!("reduce_by_key", |ssc| compute(spread(ssc).reduce_by_key(boom2).repartition(3).map(|pair| pair))),
    case!("combine_by_key", |ssc| compute(dense(ssc).combine_by_key(boom::<u32, u32>, boom2, boom2, 2))),
    case!("combine_by_key", |ssc| compute(dense(ssc).combine_by_key(|n| n, boom2, boom2, 2))),
    case!("combine_by_key", |ssc| compute(spread(ssc).combine_by_key(|n| n, |a, _| a, boom2, 2))),
    case!("reduce_by_key", |ssc| compute(dense(ssc).reduce_by_key_with(|a, b| a + b, nowhere()))),
    case!("partition_by", |ssc| compute(dense(ssc).partition_by(nowhere()))),
    case!("reduce_by_key", |ssc| compute(bad(ssc, Kind::Hash).reduce_by_key(|a, b| a + b))),
    case!("reduce_by_key", |ssc| compute(bad(ssc, Kind::Eq).reduce_by_key(|a, b| a + b))),
    case!("reduce_by_key", |ssc| compute(bad(ssc, Kind::Encode).reduce_by_key_with(|a, b| a + b, 2))),
    case!("group_by_key", |ssc| compute(bad(ssc, Kind::Hash).group_by_key())),
    case!("count_by_value", |ssc| compute(bad(ssc, Kind::Hash).map(|(key, _)| key).count_by_value())),
    case!("transform", |ssc| compute(numbers(ssc).transform(boom::<Rdd<u32>, Rdd<u32>>))),
    case!("map", |ssc| compute(numbers(ssc).transform(|dataset| dataset.map(boom::<u32, u32>)))),
    case!("sort_by", |ssc| compute(numbers(ssc).transform(|dataset| dataset.sort_by(|n| boom::<_, u32>(n), true, 2)))),
    case!("foreach_rdd", |ssc| numbers(ssc).foreach_rdd(boom::<Rdd<u32>, ()>)),
    case!("foreach", |ssc| numbers(ssc).foreach_rdd(|dataset| dataset.foreach(boom::<u32, ()>))),
    case!("foreach_partition", |ssc| {
        numbers(ssc).foreach_rdd(|dataset| dataset.foreach_partition(boom::<Vec<u32>, ()>));
    }),
    case!("map", |ssc| {
        let dataset = ssc.engine().parallelize(1..=4, 2).map(boom::<i32, i32>);
        compute(ssc.queue_stream(vec![dataset], true));
    }),
    case!("input_stream", |ssc| compute(ssc.input_stream(BadSource))),
    case!("print", |ssc| bad(ssc, Kind::Show).print()),
    case!("print", |ssc| {
        ssc.print_to(BadWriter);
        numbers(ssc).print();
    }),
    case!("save_as_text_files", |ssc| {
        let place = std::env::temp_dir().join(format!("waterwheel-panics-{}", std::process::id()));
        bad(ssc, Kind::Show).save_as_text_files(place.join("bad"), "");
    }),
];

/// The text of this file.
const SOURCE: &str = include_str!("panics.rs");

/// The line of this file that `error` names for `operator`.
fn told_line(error: &str, operator: &str) -> Option<u32> {
    let (_, rest) = error.split_once(&format!("{operator} at {}:", file!()))?;
    rest.split(':').next()?.parse().ok()
}

#[test]
fn panic_of_each_kind_ends_the_program_and_names_operator_line_and_batch() {
    for cores in [1, 2] {
        let (engine, clock) = manual_engine(cores);
        for (number, Case { operator, line, build }) in CASES.iter().enumerate() {
            let zero = clock.now();
            let mut ssc = StreamingContext::on(&engine, config(), INTERVAL).unwrap();
            build(&mut ssc);
            let running = ssc.start().unwrap();
            clock.advance(INTERVAL);
            let ended = running.await_termination_or_timeout(DEADLINE);
            let error = ended.expect_err("the panic ends the program").to_string();

            let about = format!("case {number} on {cores} cores ({operator}, line {line}): {error}");
            let told = told_line(&error, operator).unwrap_or_else(|| panic!("no line of the operator in {about}"));
            let next = CASES.get(number + 1).map_or(u32::MAX, |case| case.line);
            assert!((*line..next).contains(&told), "the line of another case in {about}");
            let code = SOURCE.lines().nth(told as usize - 1).unwrap();
            assert!(code.contains(&format!(".{operator}")), "{code:?} is not the operator's line in {about}");
            assert!(error.contains("boom"), "no message in {about}");
            assert!(error.contains(&format!("batch {}", zero + INTERVAL)), "no batch in {about}");

            assert_eq!((running.state(), running.batches_completed()), (ContextState::Stopped, 0), "{about}");
            assert_eq!(running.stop(Stop::Graceful).unwrap_err().to_string(), error, "the fault is told again");
            assert_eq!(engine.parallelize(1..=100, 3).map(|n| n * 2).reduce(|a, b| a + b).unwrap(), Some(10_100));
            assert_eq!(held(&engine), (0, 0), "something is held after {about}");
        }
    }
}

#[test]
fn panic_of_each_kind_costs_one_batch_when_the_policy_is_to_skip() {
    let (engine, clock) = manual_engine(2);
    for Case { operator, line, build } in CASES {
        let config = config().with_failure_policy(FailurePolicy::Skip);
        let mut ssc = StreamingContext::on(&engine, config, INTERVAL).unwrap();
        build(&mut ssc);
        let running = ssc.start().unwrap();
        clock.advance(2 * INTERVAL);
        assert!(running.wait_for_batches(2, DEADLINE), "{operator}, line {line}: {running:?}");
        running.stop(Stop::Graceful).unwrap();
        assert_eq!(held(&engine), (0, 0), "{operator}, line {line}");
    }
}

/// Stores one record.
struct One(Kind);

impl Receiver for One {
    type Record = Bad;

    async fn run(&mut self, handle: ReceiverHandle<Bad>) -> Result<(), ReceiverError> {
        handle.store(Bad(self.0)).await?;
        handle.stopped().await;
        Ok(())
    }
}

/// The encoding of records that are kept runs in the block store and not in an operator; the type is what can be told.
#[test]
fn panic_in_the_encoding_of_received_records_ends_the_program_and_names_their_type() {
    let engine = Engine::local(2).unwrap();
    for kind in [Kind::Encode, Kind::Decode] {
        for level in [StorageLevel::MemoryOnlySer, StorageLevel::DiskOnly] {
            let ssc = StreamingContext::on(&engine, config(), milliseconds(20)).unwrap();
            compute(ssc.receiver_stream("one", level, move || One(kind)).map(|record| record));
            let running = ssc.start().unwrap();
            let error = running.await_termination_or_timeout(DEADLINE).unwrap_err().to_string();
            for told in ["input-0-0", "panics::Bad", "boom"] {
                assert!(error.contains(told), "{told} is not told in {error}");
            }
            assert_eq!(engine.parallelize(1..=100, 3).cache().count().unwrap(), 100, "the block store works on");
            assert_eq!(held(&engine), (0, 0), "{kind:?} at {level}");
        }
    }
}
