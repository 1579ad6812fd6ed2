//! A program that is cut off and started again, again and again: whatever comes when, every batch holds the records and the state
//! that a program without an end would have had.
//!
//! The reference is computed from what each batch read. That these are all records, each once and in order, is checked beside it.

use crate::support::{DEADLINE, INTERVAL, config, held, manual_engine};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel::ReplayableStream;
use waterwheel::prelude::*;
use waterwheel::rdd::Parallelize;
use waterwheel::runtime::config::CatchUp;
use waterwheel::runtime::durable::{FaultyStorage, MemoryStorage, Storage, WriteOutcome};
use waterwheel::runtime::error::JobError;

/// The length of the window.
const WINDOW: u32 = 3;
/// How long a session waits for its next number.
const IDLE: u32 = 2;
/// How often a start is tried whose own writes go wrong: more often than a script is long.
const STARTS: usize = 300;

/// A key and a number.
type Pair = (u8, i64);
/// By key: how many numbers, and their sum.
type Totals = BTreeMap<u8, (u64, i64)>;
/// By key, how many numbers its session has.
type Sessions = BTreeMap<u8, u64>;
/// By key, their sum.
type Sums = BTreeMap<u8, i64>;

/// How a run of the program is set up.
#[derive(Debug, Clone, Copy)]
struct Settings {
    partitions: usize,
    catch_up: CatchUp,
    /// Batches that become durable together.
    together: u32,
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Records come.
    Push(Vec<Pair>),
    /// So many batches pass.
    Turn(u32),
    /// What becomes of the next writes to the storage.
    Write(Vec<WriteOutcome>),
    /// The program ends, at once or gracefully; so many batches pass; it is started with other settings.
    Restart { how: Stop, missed: u32, next: Settings },
}

fn step() -> impl Strategy<Value = Step> {
    let pairs = prop::collection::vec((0..5_u8, -20..20_i64), 0..12);
    let outcome = prop_oneof![
        4 => Just(WriteOutcome::Done),
        1 => Just(WriteOutcome::Failed),
        1 => Just(WriteOutcome::DoneButReportedFailed),
        1 => Just(WriteOutcome::NotDoneAndTimedOut),
    ];
    let how = prop_oneof![3 => Just(Stop::Immediate), 1 => Just(Stop::Graceful)];
    let catch_up = prop_oneof![Just(CatchUp::Coalesce), Just(CatchUp::EachInterval), Just(CatchUp::Skip)];
    let settings = (1..5_usize, catch_up, 1..4_u32);
    let settings = settings.prop_map(|(partitions, catch_up, together)| Settings { partitions, catch_up, together });
    let restart = (how, 0..4_u32, settings);
    prop_oneof![
        4 => pairs.prop_map(Step::Push),
        4 => (1..4_u32).prop_map(Step::Turn),
        1 => prop::collection::vec(outcome, 1..10).prop_map(Step::Write),
        3 => restart.prop_map(|(how, missed, next)| Step::Restart { how, missed, next }),
    ]
}

/// The records of a growing log.
struct Log {
    records: Arc<Mutex<Vec<Pair>>>,
    next: usize,
}

impl ReplayableStream<Pair> for Log {
    type Range = (usize, usize);

    fn start(&mut self, _: Time, last: Option<(usize, usize)>) -> Result<(), JobError> {
        self.next = last.map_or(0, |(_, end)| end);
        Ok(())
    }

    fn next(&mut self, _: Time) -> Result<(usize, usize), JobError> {
        let end = self.records.lock().unwrap().len();
        Ok((std::mem::replace(&mut self.next, end), end))
    }

    fn read(&mut self, range: &(usize, usize), inputs: &BatchInputs) -> Result<Option<Rdd<Pair>>, JobError> {
        let records = self.records.lock().unwrap()[range.0..range.1].to_vec();
        Ok(Some(inputs.scope.parallelize(records, 2)))
    }
}

/// Counts the numbers of a key until it has had none for a while, and then tells how many there were.
fn follow(_: Time, key: &u8, number: Option<i64>, session: &mut State<u64>) -> Option<(u8, u64)> {
    let numbers = session.get_option().copied().unwrap_or(0);
    if number.is_some() {
        session.update(numbers + 1);
    }
    session.is_timing_out().then_some((*key, numbers))
}

/// What the outputs were given, by batch. A batch that is run again has to be given the same.
#[derive(Default)]
struct Seen {
    records: BTreeMap<Time, Vec<Pair>>,
    totals: BTreeMap<Time, Totals>,
    sums: BTreeMap<Time, Sums>,
    inverse: BTreeMap<Time, Sums>,
    sessions: BTreeMap<Time, Sessions>,
    over: BTreeMap<Time, Sessions>,
    wrong: Vec<String>,
}

fn note<T: PartialEq + std::fmt::Debug>(
    what: &str,
    seen: &mut BTreeMap<Time, T>,
    wrong: &mut Vec<String>,
    batch: Time,
    new: T,
) {
    if let Some(old) = seen.get(&batch).filter(|old| **old != new) {
        wrong.push(format!("{what} of batch {batch}, run again, are {new:?} in place of {old:?}"));
    }
    seen.insert(batch, new);
}

/// Everything that outlives a run of the program.
struct World {
    engine: Engine,
    clock: ManualClock,
    storage: FaultyStorage,
    log: Arc<Mutex<Vec<Pair>>>,
    seen: Arc<Mutex<Seen>>,
    done: Sender<Time>,
    inbox: Receiver<Time>,
}

impl World {
    fn new(storage: Arc<dyn Storage>) -> World {
        let (engine, clock) = manual_engine(2);
        let (done, inbox) = channel();
        let (log, seen) = (Arc::default(), Arc::default());
        World { engine, clock, storage: FaultyStorage::new(storage), log, seen, done, inbox }
    }

    /// Starts the program. Its first writes may go wrong, so it is tried until the script is at its end.
    fn start(&self, settings: Settings) -> RunningContext {
        let mut last = None;
        for _ in 0..STARTS {
            match self.program(settings).start() {
                Ok(running) => return running,
                Err(error) => last = Some(error),
            }
        }
        panic!("it does not start: {last:?}");
    }

    fn program(&self, settings: Settings) -> StreamingContext {
        let mut config = config().with_default_parallelism(settings.partitions);
        let checkpoint = config.checkpoint.with_catch_up(settings.catch_up);
        config.checkpoint = checkpoint.with_interval(settings.together * INTERVAL);
        let ssc = StreamingContext::on(&self.engine, config, INTERVAL).unwrap();
        ssc.checkpoint_to(Arc::new(self.storage.clone()));
        let records = ssc.replayable_stream(Log { records: self.log.clone(), next: 0 });

        let seen = self.seen.clone();
        records.foreach_rdd_with_time(move |rdd, batch| {
            rdd.collect().map(|all| {
                let Seen { records, wrong, .. } = &mut *seen.lock().unwrap();
                note("the records", records, wrong, batch, all);
            })
        });
        let seen = self.seen.clone();
        let windows = records.reduce_by_key_and_window(|a, b| a + b, WINDOW * INTERVAL, INTERVAL);
        windows.foreach_rdd_with_time(move |rdd, batch| {
            rdd.collect().map(|all| {
                let Seen { sums, wrong, .. } = &mut *seen.lock().unwrap();
                note("the sums", sums, wrong, batch, all.into_iter().collect());
            })
        });
        let seen = self.seen.clone();
        let windows = records.reduce_by_key_and_window_inverse(|a, b| a + b, |a, b| a - b, WINDOW * INTERVAL, INTERVAL);
        windows.named("windows").foreach_rdd_with_time(move |rdd, batch| {
            rdd.collect().map(|all| {
                let Seen { inverse, wrong, .. } = &mut *seen.lock().unwrap();
                note("the sums with an inverse", inverse, wrong, batch, all.into_iter().collect());
            })
        });
        let seen = self.seen.clone();
        let sessions = records.map_with_state(StateSpec::function_with_time(follow).timeout(IDLE * INTERVAL));
        sessions.foreach_rdd_with_time(move |rdd, batch| {
            rdd.collect().map(|all| {
                let Seen { over, wrong, .. } = &mut *seen.lock().unwrap();
                note("the sessions that are over", over, wrong, batch, all.into_iter().collect());
            })
        });
        let seen = self.seen.clone();
        sessions.state_snapshots().foreach_rdd_with_time(move |rdd, batch| {
            rdd.collect().map(|all| {
                let Seen { sessions, wrong, .. } = &mut *seen.lock().unwrap();
                note("the sessions", sessions, wrong, batch, all.into_iter().collect());
            })
        });
        let totals = records.update_state_by_key(|new: &[i64], total: Option<(u64, i64)>| {
            let (count, sum) = total.unwrap_or_default();
            Some((count + new.len() as u64, sum + new.iter().sum::<i64>()))
        });
        let (seen, done) = (self.seen.clone(), self.done.clone());
        totals.named("totals").foreach_rdd_with_time(move |rdd, batch| {
            rdd.collect().map(|all| {
                let Seen { totals, wrong, .. } = &mut *seen.lock().unwrap();
                note("the totals", totals, wrong, batch, all.into_iter().collect());
                let _ = done.send(batch);
            })
        });
        ssc
    }

    /// Lets batches pass, and waits until the outputs of the last one have run or the program has ended: of a fault.
    fn turn(&self, running: &RunningContext, batches: u32) -> bool {
        self.clock.advance(batches * INTERVAL);
        let last = self.clock.now();
        let mut waited = Duration::ZERO;
        let look = Duration::from_millis(20);
        while running.state() == ContextState::Active {
            match self.inbox.recv_timeout(look) {
                Ok(batch) if batch >= last => return true,
                Ok(_) => {}
                Err(_) => waited += look,
            }
            assert!(waited < DEADLINE, "batch {last} does not come: {running:?}");
        }
        false
    }

    /// Takes the steps, comes to a clean end, and compares.
    fn run(self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        let mut settings = Settings { partitions: 2, catch_up: CatchUp::Coalesce, together: 1 };
        let mut running = Some(self.start(settings));
        for step in steps {
            let now = running.take().unwrap_or_else(|| self.start(settings));
            match step {
                Step::Push(pairs) => self.log.lock().unwrap().extend(pairs),
                Step::Write(outcomes) => self.storage.script(outcomes),
                Step::Turn(batches) => {
                    if !self.turn(&now, batches) {
                        continue;
                    }
                }
                Step::Restart { how, missed, next } => {
                    // Stopped gracefully it may meet the fault that was scripted for its last writes.
                    let _ = now.stop(how);
                    self.clock.advance(missed * INTERVAL);
                    settings = next;
                    continue;
                }
            }
            running = Some(now);
        }
        // To the end without faults, and a batch with whatever came last.
        drop(running);
        self.storage.script(std::iter::empty());
        let mut ended = false;
        for _ in 0..STARTS {
            let running = self.start(settings);
            if self.turn(&running, 1) && running.stop(Stop::Graceful).is_ok() {
                ended = true;
                break;
            }
        }
        prop_assert!(ended, "faults that were scripted are over by now");
        prop_assert_eq!(held(&self.engine), (0, 0), "something is held");
        self.compare()
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let seen = self.seen.lock().unwrap();
        prop_assert!(seen.wrong.is_empty(), "{:?}", seen.wrong);
        let all: Vec<Pair> = seen.records.values().flatten().copied().collect();
        prop_assert_eq!(&all, &*self.log.lock().unwrap(), "lost, doubled or out of order");

        let (mut totals, mut sessions) = (Totals::new(), BTreeMap::<u8, (Time, u64)>::new());
        for (batch, records) in &seen.records {
            for (key, number) in records {
                let total = totals.entry(*key).or_default();
                *total = (total.0 + 1, total.1 + number);
                let session = sessions.entry(*key).or_insert((*batch, 0));
                *session = (*batch, session.1 + 1);
            }
            let is_over = |last: &Time| batch.since(*last) > IDLE * INTERVAL;
            let over = sessions.iter().filter(|(_, (last, _))| is_over(last));
            let over: Sessions = over.map(|(key, (_, numbers))| (*key, *numbers)).collect();
            sessions.retain(|_, (last, _)| !is_over(last));
            prop_assert_eq!(seen.over.get(batch), Some(&over), "sessions that are over in batch {}", batch);
            let under_way: Sessions = sessions.iter().map(|(key, (_, numbers))| (*key, *numbers)).collect();
            prop_assert_eq!(seen.sessions.get(batch), Some(&under_way), "sessions in batch {}", batch);
            prop_assert_eq!(seen.totals.get(batch), Some(&totals), "totals of batch {}", batch);

            let first = *batch - (WINDOW - 1) * INTERVAL;
            let mut sums = Sums::new();
            for (key, number) in seen.records.range(first..=*batch).flat_map(|(_, records)| records) {
                *sums.entry(*key).or_default() += number;
            }
            prop_assert_eq!(seen.sums.get(batch), Some(&sums), "sums of the window of batch {}", batch);
            // There a key stays, with 0, when its last number has left the window.
            let mut inverse: Sums = totals.keys().map(|key| (*key, 0)).collect();
            inverse.extend(sums);
            prop_assert_eq!(seen.inverse.get(batch), Some(&inverse), "sums with an inverse of batch {}", batch);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// In process: the storage is in memory and may fail at any write.
    #[test]
    fn restarts_change_no_record_and_no_state(steps in prop::collection::vec(step(), 1..25)) {
        World::new(Arc::new(MemoryStorage::default())).run(steps)?;
    }
}
