//! Counts the words of the files that appear in a directory, every second.
//!
//! Without a directory it makes a temporary one, writes files into it while it runs, and ends after eight batches. With
//! `--directory` it reads that until Ctrl-C: run `file_word_count --directory in` in one terminal, and copy files into `in` in
//! another. A file is read when it has come to rest, so it is counted a batch or two after it was written; files that are there
//! already are passed over.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Parser;
use examples::cli::{self, Cli};
use examples::run::run;
use examples::words::Lines;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches after which the program ends when it writes its own files.
const BATCHES: u64 = 8;

/// Lines of each of its own files.
const LINES_PER_FILE: usize = 10;

#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    cli: Cli,

    /// The directory to read, or a pattern such as 'logs/*/'; if not given, a temporary one with files of this program
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Writes a file now and then, until it is dropped.
struct Writer {
    /// Never sent to: that it is dropped tells the thread to end.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Writer {
    fn start(directory: PathBuf, pause: Duration) -> Writer {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut lines = Lines::new(1);
            for number in 1.. {
                write(&directory, number, &mut lines)?;
                if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            Ok(())
        });
        Writer { stop: Some(stop), thread: Some(thread) }
    }

    /// Ends it.
    fn finish(mut self) -> io::Result<()> {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))
    }
}

/// Under a name that is left out first: nobody sees half a file.
#[expect(clippy::disallowed_methods, reason = "the files are somebody else's as far as the stream is concerned")]
fn write(directory: &Path, number: u32, lines: &mut Lines) -> io::Result<()> {
    let unfinished = directory.join(format!("{number}.tmp"));
    let mut file = File::create(&unfinished)?;
    lines.take(LINES_PER_FILE).try_for_each(|line| writeln!(file, "{line}"))?;
    fs::rename(&unfinished, directory.join(format!("{number}.txt")))
}

fn main() -> anyhow::Result<()> {
    let arguments: Arguments = cli::parse_as("Counts the words of the files that appear in a directory, every second");
    cli::init_logging();
    let Arguments { cli, directory } = arguments;
    let ssc = StreamingContext::new(cli.config("FileWordCount")?, cli.interval)?;
    let own = if directory.is_none() { Some(tempfile::tempdir()?) } else { None };
    let directory = directory.or(own.as_ref().map(|own| own.path().to_owned())).unwrap_or_default();
    println!("Counting the words of the files that appear in {}.", directory.display());

    let lines = ssc.text_file_stream(&directory);
    let counts = lines
        .flat_map(|line| line.split_whitespace().map(CompactString::from).collect::<Vec<_>>())
        .map(|word| (word, 1u64))
        .reduce_by_key(|a, b| a + b);
    counts.print();

    let writer = own.is_some().then(|| Writer::start(directory, cli.interval / 2));
    let batches = cli.batches.or(own.is_some().then_some(BATCHES));
    run(ssc, batches)?;
    if let Some(writer) = writer {
        writer.finish()?;
        println!("Give it your own files: run");
        println!("  cargo run --profile demo -p examples --bin file_word_count -- --directory in");
        println!("and copy files into the directory `in`.");
    }
    Ok(())
}
