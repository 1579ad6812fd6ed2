//! Spark's `MasterFailureTest` over real files: thirty of them, one a second, written under another name and renamed, also while
//! nothing runs; and a program over one checkpoint that ends again and again.

use crate::support::{Home, mode};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::config::CatchUp;
use waterwheel_runtime::durable::MemoryStorage;

const FILES: u64 = 30;

/// How a run of the program ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At once, with whatever is under way.
    AtOnce,
    /// When everything has been done.
    Graceful,
    /// Because an output fails.
    Fault,
}

/// One run: seconds until it ends, how it does, seconds until the next one.
type Run = (u64, End, u64);

fn runs() -> impl Strategy<Value = (CatchUp, Vec<Run>)> {
    let end = prop_oneof![3 => Just(End::AtOnce), 1 => Just(End::Graceful), 2 => Just(End::Fault)];
    let catch_up = prop_oneof![Just(CatchUp::Coalesce), Just(CatchUp::EachInterval), Just(CatchUp::Skip)];
    (catch_up, prop::collection::vec((2..=12_u64, end, 0..=10_u64), 2..6))
}

/// File i has i lines, and comes in second i.
struct World {
    home: Home,
    storage: MemoryStorage,
    fails: Arc<AtomicBool>,
    catch_up: CatchUp,
    now: u64,
}

impl World {
    /// A second passes.
    fn passes(&mut self) {
        self.now += 1;
        if self.now <= FILES {
            let lines = format!("{}\n", self.now).repeat(usize::try_from(self.now).unwrap());
            self.home.rename_in(&self.now.to_string(), lines);
        }
    }

    fn start<T: Data>(&self, program: impl Fn(&DStream<'_, u64>) -> Probe<T>) -> (TestProgram, Probe<T>) {
        let (storage, fails, catch_up) = (Arc::new(self.storage.clone()), self.fails.clone(), self.catch_up);
        let begin = Time::from_millis(i64::try_from(self.now * 1000).unwrap());
        let rare = move |mut config: Config| {
            config.checkpoint = config.checkpoint.with_interval(seconds(5)).with_catch_up(catch_up);
            config
        };
        let begun = TestRun::new().begin(begin).configure(rare).start(|ssc| {
            ssc.checkpoint_to(storage);
            let lines = ssc.text_file_stream_with(self.home.path(), mode(FileMode::Renamed)).named("files");
            let probe = program(&lines.flat_map(|line| line.parse::<u64>()));
            lines.foreach_rdd(move |_| match fails.load(Ordering::SeqCst) {
                true => Err("the disk is full".to_owned()),
                false => Ok(()),
            });
            probe
        });
        begun.unwrap()
    }
}

/// What all batches of all runs had, run by run.
fn told<T: Data>(
    (catch_up, runs): (CatchUp, Vec<Run>),
    program: impl Fn(&DStream<'_, u64>) -> Probe<T>,
) -> Vec<Vec<T>> {
    let fails = Arc::new(AtomicBool::new(false));
    let mut world = World { home: Home::new(), storage: MemoryStorage::default(), fails, catch_up, now: 0 };
    let mut all = Vec::new();
    for (lasts, end, pause) in runs {
        let (mut test, probe) = world.start(&program);
        for second in 1..=lasts {
            world.passes();
            world.fails.store(matches!(end, End::Fault) && second == lasts, Ordering::SeqCst);
            let went_on = test.advance(1).is_ok();
            assert_eq!(went_on, !world.fails.load(Ordering::SeqCst));
        }
        world.fails.store(false, Ordering::SeqCst);
        match end {
            End::AtOnce | End::Fault => drop(test),
            End::Graceful => test.stop().unwrap(),
        }
        all.extend(probe.datasets());
        (0..pause).for_each(|_| world.passes());
    }
    let (mut test, probe) = world.start(&program);
    while world.now < FILES + 2 {
        world.passes();
        test.advance(1).unwrap();
    }
    test.advance(1).unwrap();
    test.stop().unwrap();
    all.extend(probe.datasets());
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Multiple failures with map.
    #[test]
    fn nothing_is_missing_from_all_outputs_of_all_runs(runs in runs()) {
        let outputs = told(runs, |files| files.map(|file| file).probe());
        let seen: BTreeSet<u64> = outputs.into_iter().flatten().collect();
        prop_assert_eq!(seen, (1..=FILES).collect());
    }

    /// Multiple failures with updateStateByKey.
    #[test]
    fn every_output_of_a_running_count_is_a_sum_that_an_undisturbed_run_has(runs in runs()) {
        let outputs = told(runs, |files| {
            let update = |new: &[u64], count: Option<u64>| Some(count.unwrap_or(0) + new.iter().sum::<u64>());
            files.map(|_| ("a".to_owned(), 1_u64)).update_state_by_key(update).named("counts").probe()
        });
        let sums: BTreeSet<u64> = (1..=FILES).map(|file| (1..=file).sum()).collect();
        prop_assert!(outputs.iter().flatten().all(|(word, count)| word == "a" && sums.contains(count)), "{outputs:?}");
        prop_assert_eq!(outputs.last(), Some(&vec![("a".to_owned(), 465)]));
    }
}
