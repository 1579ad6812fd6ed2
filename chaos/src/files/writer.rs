//! Writes numbered lines into files until it is told to end: each number once.

use super::subject::Home;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two turns.
const PACE: Duration = Duration::from_millis(4);
/// Files that grow at a time.
const GROWING: usize = 4;
/// A file that grows is rotated in one of so many turns.
const ROTATED: u32 = 60;

/// Writes from its own thread until it is dropped.
#[derive(Debug)]
pub struct Writer {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<Written>>>,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The lines are the numbers below.
    pub lines: u64,
    /// In so many files.
    pub files: u64,
}

impl Writer {
    /// Writes into the directories of `home`, as `seed` has it.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(home: &Home, seed: u64) -> io::Result<Writer> {
        let ends = Arc::new(AtomicBool::new(false));
        let (theirs, home) = (ends.clone(), home.clone());
        let thread = thread::Builder::new().name("writer".to_owned()).spawn(move || {
            let mut desk = Desk::new(home, seed);
            while !theirs.load(Ordering::Relaxed) {
                desk.turn()?;
                thread::park_timeout(PACE);
            }
            desk.finish()
        })?;
        Ok(Writer { ends, thread: Some(thread) })
    }

    /// Has it complete what it has begun: what it wrote.
    ///
    /// # Errors
    /// Those of the files.
    pub fn finish(mut self) -> io::Result<Written> {
        self.ends.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(written)) => written,
            _ => Err(io::Error::other("the writer panicked")),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

struct Desk {
    home: Home,
    random: StdRng,
    written: Written,
    /// The files that grow, with the rest of the line that each of them is in the middle of.
    growing: Vec<Option<(PathBuf, File, String)>>,
}

impl Desk {
    fn new(home: Home, seed: u64) -> Desk {
        let written = Written { lines: 0, files: 0 };
        let growing = (0..GROWING).map(|_| None).collect();
        Desk { home, random: StdRng::seed_from_u64(seed), written, growing }
    }

    fn line(&mut self) -> String {
        self.written.lines += 1;
        format!("{}\n", self.written.lines - 1)
    }

    fn turn(&mut self) -> io::Result<()> {
        let lines: String = (0..self.random.random_range(1..8)).map(|_| self.line()).collect();
        self.written.files += 1;
        let (unfinished, name) = (self.home.dropped().join(".unfinished"), self.written.files.to_string());
        File::create(&unfinished)?.write_all(lines.as_bytes())?;
        rename(&unfinished, &self.home.dropped().join(name))?;
        let number = self.random.random_range(0..GROWING);
        self.grow(number)
    }

    /// Goes on with the line that was begun, and begins another; now and then the file is rotated, in the middle of a line.
    fn grow(&mut self, number: usize) -> io::Result<()> {
        let path = self.home.growing().join(format!("{number}.log"));
        let held = self.growing.get_mut(number).and_then(Option::take);
        let (path, mut file, mut rest) = match held {
            Some(held) => held,
            None => {
                self.written.files += 1;
                (path.clone(), File::options().create_new(true).append(true).open(path)?, String::new())
            }
        };
        for _ in 0..self.random.random_range(1..12) {
            let line = self.line();
            rest.push_str(&line);
        }
        let cut = self.random.random_range(0..=rest.len());
        file.write_all(rest.drain(..cut).as_str().as_bytes())?;
        if self.random.random_ratio(1, ROTATED) {
            let rotated = path.with_extension(format!("log.{}", self.written.files));
            rename(&path, &rotated)?;
            // Its writer completes the line before it opens the new file.
            file.write_all(rest.as_bytes())?;
            return Ok(());
        }
        if let Some(place) = self.growing.get_mut(number) {
            *place = Some((path, file, rest));
        }
        Ok(())
    }

    fn finish(self) -> io::Result<Written> {
        for (_, mut file, rest) in self.growing.into_iter().flatten() {
            file.write_all(rest.as_bytes())?;
        }
        Ok(self.written)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "these are the files of whoever writes for the program, not of the program"
)]
fn rename(from: &std::path::Path, to: &std::path::Path) -> io::Result<()> {
    fs::rename(from, to)
}
