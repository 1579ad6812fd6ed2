//! Ten thousand files that are created, renamed in, and grow, with clocks that are wrong, and a program that ends again and
//! again: each line is in one batch.

use crate::support::{Home, mode};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::{Arc, Mutex};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestProgram, TestRun};
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::durable::{FaultyStorage, MemoryStorage, WriteOutcome};

/// Files that are read as a whole: half of them are written in place, in two steps, half are renamed in.
const DROPPED: usize = 6_000;
/// Files that grow.
const GROWING: usize = 4_000;
const ROUNDS: usize = 40;
/// How far modification times are off, in seconds.
const SKEW: u64 = 600;

/// The lines of every batch. A batch that is run again must have the lines that it had.
type Outputs = Arc<Mutex<BTreeMap<Time, Vec<String>>>>;

/// The program over what it keeps from run to run.
struct Program {
    home: Home,
    storage: FaultyStorage,
    outputs: Outputs,
    /// The output fails, after it has told its lines.
    fails: Arc<Mutex<bool>>,
    /// Seconds since 1970.
    now: i64,
}

impl Program {
    fn start(&self) -> TestProgram {
        let (outputs, fails) = (self.outputs.clone(), self.fails.clone());
        let storage = Arc::new(self.storage.clone());
        let begun = TestRun::new().begin(Time::from_millis(self.now * 1000)).start(|ssc| {
            ssc.checkpoint_to(storage);
            let dropped = ssc.text_file_stream(self.home.join("drop"));
            let growing = ssc.text_file_stream_with(self.home.join("logs"), mode(FileMode::Tail));
            dropped.union(&growing).foreach_rdd_with_time(move |dataset, batch| {
                let lines = dataset.collect().map_err(|error| error.to_string())?;
                let mut outputs = outputs.lock().unwrap();
                if let Some(before) = outputs.get(&batch) {
                    assert_eq!(*before, lines, "batch {batch} was run again");
                }
                outputs.insert(batch, lines);
                if *fails.lock().unwrap() { Err("the disk is full".to_owned()) } else { Ok(()) }
            });
        });
        begun.unwrap().0
    }

    fn advance(&mut self, test: &mut TestProgram) -> bool {
        self.now += 1;
        test.advance(1).is_ok()
    }

    /// Ends the run in one of many ways, and begins the next one some time later.
    fn restart(&mut self, mut test: TestProgram, chance: &mut SmallRng) -> TestProgram {
        match chance.random_range(0..4) {
            0 => test.stop().unwrap(),
            1 => drop(test),
            2 => {
                *self.fails.lock().unwrap() = true;
                assert!(!self.advance(&mut test), "its output fails");
                *self.fails.lock().unwrap() = false;
                drop(test);
            }
            _ => {
                let outcomes =
                    [WriteOutcome::Failed, WriteOutcome::DoneButReportedFailed, WriteOutcome::NotDoneAndTimedOut];
                let before = std::iter::repeat_n(WriteOutcome::Done, chance.random_range(0..6));
                self.storage.script(before.chain([outcomes[chance.random_range(0..3)]]));
                assert!((0..10).any(|_| !self.advance(&mut test)), "its storage fails");
                drop(test);
            }
        }
        self.now += chance.random_range(0..3);
        let mut test = self.start();
        // Behind the batch of what was missed, which looks at the files as soon as the program runs.
        assert!(self.advance(&mut test));
        test
    }
}

/// Files that are written bit by bit.
struct Writer {
    chance: SmallRng,
    /// How often each line was written: once.
    written: HashMap<String, u32>,
    /// Per growing file: its number, the lines it has, and the end of its last line, when that was not written.
    growing: Vec<(usize, u32, String)>,
    /// Files whose second half is to be written.
    halves: Vec<(String, String)>,
}

impl Writer {
    fn lines(&mut self, file: &str) -> String {
        let count = self.chance.random_range(1..5);
        let lines: Vec<String> = (0..count).map(|line| format!("{file} {line}")).collect();
        for line in &lines {
            *self.written.entry(line.clone()).or_default() += 1;
        }
        lines.join("\n") + if self.chance.random() { "\n" } else { "" }
    }

    /// A time that is wrong by up to ten minutes.
    fn skew(&mut self, home: &Home, name: &str, now: i64) {
        let seconds = now.unsigned_abs() + SKEW;
        let seconds = self.chance.random_range(seconds - SKEW..=seconds + SKEW);
        home.set_modified(name, seconds);
    }

    fn finish_halves(&mut self, home: &Home, now: i64) {
        for (name, half) in std::mem::take(&mut self.halves) {
            home.append(&name, half);
            self.skew(home, &name, now);
        }
    }

    /// Drops files into the directory, some of them by halves.
    fn drop_files(&mut self, home: &Home, numbers: std::ops::Range<usize>, now: i64) {
        for number in numbers {
            let content = self.lines(&format!("dropped-{number}"));
            let name = format!("drop/{number}");
            if number % 2 == 0 {
                home.write(format!("{name}.tmp"), content);
                self.skew(home, &format!("{name}.tmp"), now);
                home.rename(format!("{name}.tmp"), name);
            } else {
                let (first, second) = content.split_at(content.len() / 2);
                home.write(&name, first);
                self.skew(home, &name, now);
                self.halves.push((name, second.to_owned()));
            }
        }
    }

    /// Begins some files that grow, and has others grow; many of them in the middle of a line.
    fn grow(&mut self, home: &Home, numbers: std::ops::Range<usize>, now: i64) {
        self.growing.extend(numbers.map(|number| (number, 0, String::new())));
        let mut growing = std::mem::take(&mut self.growing);
        growing.shuffle(&mut self.chance);
        for (number, lines, rest) in growing.iter_mut().take(250) {
            let name = format!("logs/{number}");
            let line = format!("growing-{number} {lines}");
            *lines += 1;
            *self.written.entry(line.clone()).or_default() += 1;
            let cut = self.chance.random_range(0..=line.len());
            let content = format!("{rest}{}", &line[..cut]);
            *rest = format!("{}\n", &line[cut..]);
            File::options().create(true).append(true).open(home.join(&name)).unwrap();
            home.append(&name, content);
            self.skew(home, &name, now);
        }
        self.growing = growing;
    }

    fn finish(&mut self, home: &Home) {
        for (number, _, rest) in &self.growing {
            let name = home.join(format!("logs/{number}"));
            File::options().create(true).append(true).open(name).unwrap();
            home.append(format!("logs/{number}"), rest);
        }
    }
}

/// K-1
#[test]
fn each_line_of_ten_thousand_files_is_in_one_batch_whatever_clocks_say_and_however_often_the_program_ends() {
    let seed = 20_261_128;
    println!("seed {seed}");
    let mut chance = SmallRng::seed_from_u64(seed);
    let home = Home::new();
    home.directory("drop");
    home.directory("logs");
    home.write("drop/old", "passed over");
    let mut program = Program {
        home,
        storage: FaultyStorage::new(Arc::new(MemoryStorage::default())),
        outputs: Outputs::default(),
        fails: Arc::default(),
        now: 10_000,
    };
    let mut writer = Writer {
        chance: SmallRng::seed_from_u64(seed + 1),
        written: HashMap::new(),
        growing: Vec::new(),
        halves: Vec::new(),
    };
    let mut test = program.start();
    let mut restarts = 0;
    for round in 0..ROUNDS {
        let share = |all: usize| all * round / ROUNDS..all * (round + 1) / ROUNDS;
        writer.drop_files(&program.home, share(DROPPED), program.now);
        writer.grow(&program.home, share(GROWING), program.now);
        // A writer does not pause for longer than files have to rest: one batch may see the halves, or the program ends.
        match chance.random_range(0..3) {
            0 => {}
            1 => assert!(program.advance(&mut test)),
            _ => {
                drop(test);
                test = program.start();
                restarts += 1;
            }
        }
        writer.finish_halves(&program.home, program.now);
        writer.grow(&program.home, 0..0, program.now);
        for _ in 0..chance.random_range(0..3) {
            assert!(program.advance(&mut test));
        }
        if chance.random_bool(0.4) {
            test = program.restart(test, &mut chance);
            restarts += 1;
        }
    }
    writer.finish(&program.home);
    // A batch takes at most a thousand files of each directory.
    for _ in 0..12 {
        assert!(program.advance(&mut test));
    }
    test.stop().unwrap();

    let outputs = program.outputs.lock().unwrap();
    let mut read: HashMap<String, u32> = HashMap::new();
    for line in outputs.values().flatten() {
        *read.entry(line.clone()).or_default() += 1;
    }
    assert!(restarts > 10, "{restarts}");
    assert!(writer.growing.len() == GROWING && writer.written.values().all(|times| *times == 1));
    let lost: Vec<_> = writer.written.keys().filter(|line| !read.contains_key(*line)).take(10).collect();
    let doubled: Vec<_> =
        read.iter().filter(|(line, times)| writer.written.get(*line) != Some(*times)).take(10).collect();
    assert!(lost.is_empty() && doubled.is_empty(), "lost {lost:?}, wrong {doubled:?}");
}
