//! The result of a program of streams does not depend on how many workers compute it, nor on which is first: record for record.

use proptest::prelude::*;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;

type Pair = (u8, i64);

/// One operator of a random program. All of them take and give pairs, so that any order of them is a program. Lengths and slides
/// are in slides of the stream they are put on.
#[derive(Debug, Clone)]
enum Step {
    MapValues,
    Filter,
    UnionWithItself,
    Transform,
    Persist(StorageLevel),
    Repartition(usize),
    PartitionBy(usize),
    ReduceByKey(usize),
    GroupByKey(usize),
    Join(usize),
    FullOuterJoin(usize),
    Cogroup(usize),
    Window(u32, u32),
    ReduceByWindow(u32, u32),
    ReduceByKeyAndWindow(u32, u32, usize),
    GroupByKeyAndWindow(u32, u32, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let partitions = 1..5usize;
    let (length, slide) = (1..5u32, 1..3u32);
    prop_oneof![
        Just(Step::MapValues),
        Just(Step::Filter),
        Just(Step::UnionWithItself),
        Just(Step::Transform),
        prop::sample::select(&StorageLevel::ALL[..]).prop_map(Step::Persist),
        partitions.clone().prop_map(Step::Repartition),
        partitions.clone().prop_map(Step::PartitionBy),
        partitions.clone().prop_map(Step::ReduceByKey),
        partitions.clone().prop_map(Step::GroupByKey),
        partitions.clone().prop_map(Step::Join),
        partitions.clone().prop_map(Step::FullOuterJoin),
        partitions.clone().prop_map(Step::Cogroup),
        (length.clone(), slide.clone()).prop_map(|(length, slide)| Step::Window(length, slide)),
        (1..12u32, slide.clone()).prop_map(|(length, slide)| Step::ReduceByWindow(length, slide)),
        (1..12u32, slide.clone(), partitions.clone()).prop_map(|(l, s, n)| Step::ReduceByKeyAndWindow(l, s, n)),
        (length, slide, partitions).prop_map(|(l, s, n)| Step::GroupByKeyAndWindow(l, s, n)),
    ]
}

/// Neither commutative nor associative: it tells every other order and grouping of its arguments.
fn mix(a: i64, b: i64) -> i64 {
    a.wrapping_mul(31).wrapping_add(b)
}

fn folded(values: Vec<i64>) -> i64 {
    values.into_iter().fold(7, mix)
}

fn apply<'c>(step: &Step, pairs: DStream<'c, Pair>) -> DStream<'c, Pair> {
    let slide = pairs.slide_duration();
    match *step {
        Step::MapValues => pairs.map_values(|value| mix(value, 1)),
        Step::Filter => pairs.filter(|(_, value)| value % 3 != 0),
        Step::UnionWithItself => pairs.union(&pairs),
        Step::Transform => {
            pairs.transform(|pairs| pairs.zip_with_index().map(|pairs| pairs.map(|((k, v), n)| (k, mix(v, n as i64)))))
        }
        // A second level on one stream is a misuse.
        Step::Persist(level) => pairs.map(|pair| pair).persist(level),
        Step::Repartition(partitions) => pairs.repartition(partitions),
        Step::PartitionBy(partitions) => pairs.partition_by(partitions),
        Step::ReduceByKey(partitions) => pairs.reduce_by_key_with(mix, partitions),
        Step::GroupByKey(partitions) => pairs.group_by_key_with(partitions).map_values(folded),
        // Of each key one value on the other side: joins in a row must not multiply the records.
        Step::Join(partitions) => {
            let once = pairs.reduce_by_key_with(mix, partitions);
            pairs.join_with(&once, partitions).map_values(|(a, b)| mix(a, b))
        }
        Step::FullOuterJoin(partitions) => {
            let moved = pairs.map(|(key, value)| (key / 2, value)).reduce_by_key_with(mix, partitions);
            let rows = pairs.full_outer_join_with(&moved, partitions);
            rows.map_values(|(a, b)| mix(a.unwrap_or(1), b.unwrap_or(2)))
        }
        Step::Cogroup(partitions) => {
            let groups = pairs.cogroup_with(&pairs.filter(|(_, value)| value % 2 == 0), partitions);
            groups.map_values(|(all, even)| mix(folded(all), folded(even)))
        }
        Step::Window(length, every) => pairs.window(slide * length, slide * every),
        Step::ReduceByWindow(length, every) => {
            pairs.reduce_by_window(|(a, b), (c, d)| (a.max(c), mix(b, d)), slide * length, slide * every)
        }
        Step::ReduceByKeyAndWindow(length, every, partitions) => {
            pairs.reduce_by_key_and_window_with(mix, slide * length, slide * every, partitions)
        }
        Step::GroupByKeyAndWindow(length, every, partitions) => {
            pairs.group_by_key_and_window_with(slide * length, slide * every, partitions).map_values(folded)
        }
    }
}

fn run(batches: &[Option<Vec<Pair>>], steps: &[Step], cores: usize) -> Vec<Vec<Vec<Pair>>> {
    let program = TestRun::new().cores(cores).partitions(3).configure(|config| config.with_default_parallelism(3));
    program.run(batches.to_vec(), |pairs| steps.iter().fold(pairs, |pairs, step| apply(step, pairs)).glom()).unwrap()
}

/// D-1
#[test]
fn a_program_of_streams_gives_the_same_on_any_number_of_workers() {
    let batch = prop::collection::vec((0..9u8, -50..50i64), 0..9);
    let batches = prop::collection::vec(batch.prop_map(Some), 1..14);
    let settings = ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(settings, |(batches in batches, steps in prop::collection::vec(step(), 1..5))| {
        let [one, two, four] = [1, 2, 4].map(|cores| run(&batches, &steps, cores));
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(&one, &four);
    });
}
