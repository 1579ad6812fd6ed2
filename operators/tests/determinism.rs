//! The result of a pipeline does not depend on how many workers compute it, nor on which is first: record for record.

use proptest::prelude::*;
use waterwheel_operators::prelude::*;

type Pair = (u8, i64);

/// One operator of a random pipeline. All of them take and give pairs, so that any order of them is a pipeline.
#[derive(Debug, Clone)]
enum Step {
    Map,
    FlatMap,
    Filter,
    MapValues,
    FlatMapValues,
    MapPartitions,
    ZipWithIndex,
    Zip,
    Sample(bool),
    UnionWithItself,
    Coalesce(usize),
    Persist(StorageLevel),
    Repartition(usize),
    PartitionBy(usize),
    Distinct(usize),
    ReduceByKey(usize),
    GroupByKey(usize),
    AggregateByKey(usize),
    SortBy(bool, usize),
    SortByKey(bool, usize),
    CogroupWithItself(usize),
    JoinWithItself(usize),
    FullOuterJoin(usize),
    SubtractByKey(usize),
    Intersection(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let partitions = 1..7usize;
    prop_oneof![
        Just(Step::Map),
        Just(Step::FlatMap),
        Just(Step::Filter),
        Just(Step::MapValues),
        Just(Step::FlatMapValues),
        Just(Step::MapPartitions),
        Just(Step::ZipWithIndex),
        Just(Step::Zip),
        any::<bool>().prop_map(Step::Sample),
        Just(Step::UnionWithItself),
        partitions.clone().prop_map(Step::Coalesce),
        prop::sample::select(&StorageLevel::ALL[..]).prop_map(Step::Persist),
        partitions.clone().prop_map(Step::Repartition),
        partitions.clone().prop_map(Step::PartitionBy),
        partitions.clone().prop_map(Step::Distinct),
        partitions.clone().prop_map(Step::ReduceByKey),
        partitions.clone().prop_map(Step::GroupByKey),
        partitions.clone().prop_map(Step::AggregateByKey),
        (any::<bool>(), partitions.clone()).prop_map(|(ascending, n)| Step::SortBy(ascending, n)),
        (any::<bool>(), partitions.clone()).prop_map(|(ascending, n)| Step::SortByKey(ascending, n)),
        partitions.clone().prop_map(Step::CogroupWithItself),
        partitions.clone().prop_map(Step::JoinWithItself),
        partitions.clone().prop_map(Step::FullOuterJoin),
        partitions.clone().prop_map(Step::SubtractByKey),
        partitions.prop_map(Step::Intersection),
    ]
}

/// Neither commutative nor associative: it tells every other order and grouping of its arguments.
fn mix(a: i64, b: i64) -> i64 {
    a.wrapping_mul(31).wrapping_add(b)
}

fn apply(step: &Step, pairs: Rdd<Pair>) -> Result<Rdd<Pair>, JobError> {
    Ok(match *step {
        Step::Map => pairs.map(|(key, value)| (key.wrapping_mul(7), value)),
        Step::FlatMap => pairs.flat_map(|(key, value)| (0..key % 4).map(move |n| (n, value))),
        Step::Filter => pairs.filter(|(_, value)| value % 3 != 0),
        Step::MapValues => pairs.map_values(|value| mix(value, 1)),
        Step::FlatMapValues => pairs.flat_map_values(|value| [value, mix(value, 2)]),
        Step::MapPartitions => pairs.map_partitions(|part| part.into_iter().rev()),
        Step::ZipWithIndex => pairs.zip_with_index()?.map(|((key, value), index)| (key, mix(value, index as i64))),
        Step::Zip => pairs.zip(&pairs.map(|(_, value)| value))?.map(|((key, a), b)| (key, mix(a, b))),
        Step::Sample(with_replacement) => pairs.sample(with_replacement, 0.8, 42)?,
        Step::UnionWithItself => pairs.union(&pairs),
        Step::Coalesce(partitions) => pairs.coalesce(partitions),
        Step::Persist(level) => pairs.persist(level),
        Step::Repartition(partitions) => pairs.repartition(partitions),
        Step::PartitionBy(partitions) => pairs.partition_by(partitions),
        Step::Distinct(partitions) => pairs.distinct_with(partitions),
        Step::ReduceByKey(partitions) => pairs.reduce_by_key_with(mix, partitions),
        Step::GroupByKey(partitions) => {
            pairs.group_by_key_with(partitions).map_values(|values| values.into_iter().fold(0, mix))
        }
        Step::AggregateByKey(partitions) => pairs.aggregate_by_key_with(7, mix, mix, partitions),
        Step::SortBy(ascending, partitions) => pairs.sort_by(|(_, value)| value % 5, ascending, partitions)?,
        Step::SortByKey(ascending, partitions) => pairs.sort_by_key(ascending, partitions)?,
        Step::CogroupWithItself(partitions) => {
            let groups = pairs.cogroup_with(&pairs.filter(|(_, value)| value % 2 == 0), partitions);
            groups.map_values(|(all, even)| even.into_iter().fold(all.into_iter().fold(0, mix), mix))
        }
        // Of each key one value on the other side: joins in a row must not multiply the records.
        Step::JoinWithItself(partitions) => {
            let once = pairs.reduce_by_key_with(mix, partitions);
            pairs.join_with(&once, partitions).map_values(|(a, b)| mix(a, b))
        }
        Step::FullOuterJoin(partitions) => {
            let moved = pairs.map(|(key, value)| (key / 2, value)).reduce_by_key_with(mix, partitions);
            let rows = pairs.full_outer_join_with(&moved, partitions);
            rows.map_values(|(a, b)| mix(a.unwrap_or(1), b.unwrap_or(2)))
        }
        Step::SubtractByKey(partitions) => {
            pairs.subtract_by_key_with(&pairs.filter(|(_, value)| value % 7 == 0), partitions)
        }
        Step::Intersection(partitions) => {
            pairs.intersection_with(&pairs.filter(|(_, value)| value % 2 == 0), partitions)
        }
    })
}

/// What a pipeline gives on one engine, asked twice: the second time shuffles and persisted partitions are there already.
fn run(engine: &Engine, partitions: &[Vec<Pair>], steps: &[Step]) -> Result<(Vec<Vec<Pair>>, Vec<Pair>), JobError> {
    let start = engine.from_partitions(partitions.to_vec());
    let end = steps.iter().try_fold(start, |pairs, step| apply(step, pairs))?;
    Ok((end.glom().collect()?, end.collect()?))
}

/// D-1
#[test]
fn any_number_of_workers_gives_the_same_records_in_the_same_order() {
    let engines = [1, 2, 4].map(|cores| Engine::local(cores).unwrap());
    let partitions = prop::collection::vec(prop::collection::vec((0..12u8, -50..50i64), 0..25), 0..6);
    let steps = prop::collection::vec(step(), 0..7);
    // Failures are not written to a file: the seed is printed, and the shrunken pipeline makes a test of its own.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(partitions in partitions, steps in steps)| {
        let [one, two, four] = engines.each_ref().map(|engine| run(engine, &partitions, &steps).unwrap());
        prop_assert_eq!(&one.0.concat(), &one.1);
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(&one, &four);
    });
    for engine in engines {
        let held = engine.snapshot().unwrap();
        assert_eq!((held.shuffles, held.blocks.blocks), (0, 0), "{engine:?}");
    }
}
