//! A running example: its output line by line, its signals, its end; each with a deadline.

use crate::pages::{Counts, Page};
use std::io::{BufRead, BufReader, Read, empty};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How long anything may take before the test fails. Nothing takes this long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Settings that make a test quick. Pages on free ports, for tests that run side by side; a test that looks at one turns it on.
const QUICK: [(&str, &str); 3] = [
    ("WATERWHEEL_RECEIVER__RESTART_DELAY", "20ms"),
    ("WATERWHEEL_UI__BIND", "127.0.0.1:0"),
    ("WATERWHEEL_UI__ENABLED", "false"),
];

pub(crate) const BACK_PRESSURE: &str = env!("CARGO_BIN_EXE_back_pressure");
pub(crate) const ACTOR_WORD_COUNT: &str = env!("CARGO_BIN_EXE_actor_word_count");
pub(crate) const WORD_COUNT: &str = env!("CARGO_BIN_EXE_network_word_count");
pub(crate) const FILE_WORD_COUNT: &str = env!("CARGO_BIN_EXE_file_word_count");
pub(crate) const FOREACH_PARTITION: &str = env!("CARGO_BIN_EXE_foreach_partition");
pub(crate) const HTTP_INGEST: &str = env!("CARGO_BIN_EXE_http_ingest");
pub(crate) const QUEUE_STREAM: &str = env!("CARGO_BIN_EXE_queue_stream");
pub(crate) const WINDOWED_WORD_COUNT: &str = env!("CARGO_BIN_EXE_windowed_word_count");
pub(crate) const TOP_K: &str = env!("CARGO_BIN_EXE_top_k");
pub(crate) const TRANSFORM_BLOCKLIST: &str = env!("CARGO_BIN_EXE_transform_blocklist");
pub(crate) const JOIN_STREAMS: &str = env!("CARGO_BIN_EXE_join_streams");
pub(crate) const PAGE_VIEWS: &str = env!("CARGO_BIN_EXE_page_views");
pub(crate) const SESSIONS: &str = env!("CARGO_BIN_EXE_sessions");
pub(crate) const STATEFUL_WORD_COUNT: &str = env!("CARGO_BIN_EXE_stateful_network_word_count");
pub(crate) const RECOVERABLE_WORD_COUNT: &str = env!("CARGO_BIN_EXE_recoverable_network_word_count");
pub(crate) const WINDOWED_COUNTS: &str = env!("CARGO_BIN_EXE_windowed_counts");

pub(crate) const CUSTOM_RECEIVER: &str = env!("CARGO_BIN_EXE_custom_receiver");

/// Every example.
pub(crate) const ALL: [&str; 17] = [
    ACTOR_WORD_COUNT,
    CUSTOM_RECEIVER,
    WORD_COUNT,
    STATEFUL_WORD_COUNT,
    RECOVERABLE_WORD_COUNT,
    QUEUE_STREAM,
    FILE_WORD_COUNT,
    HTTP_INGEST,
    WINDOWED_WORD_COUNT,
    WINDOWED_COUNTS,
    TOP_K,
    TRANSFORM_BLOCKLIST,
    JOIN_STREAMS,
    PAGE_VIEWS,
    SESSIONS,
    FOREACH_PARTITION,
    BACK_PRESSURE,
];

/// What a program says when the machine does not keep up with the short intervals of these tests. No test looks for it, and it
/// changes no result: the block goes to the next batch.
const OVERLOADED: &str = "a receiver did not hand over its block within the batch interval";

/// Where the page is, which is said at every start.
const WHERE: &str = "The program is to be seen at";

/// A command that runs `binary` without what the environment of the tests says.
pub(crate) fn command(binary: &str, arguments: &str) -> Command {
    let mut command = Command::new(binary);
    command.args(arguments.split_whitespace());
    for variable in ["RUST_LOG", "RUST_BACKTRACE", "RUST_LIB_BACKTRACE"] {
        command.env_remove(variable);
    }
    command.envs(QUICK).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Lines as they are written, taken by a thread so that the pipe never fills up.
struct Lines(Receiver<String>);

impl Lines {
    fn of(pipe: impl Read + Send + 'static) -> Lines {
        let (lines, inbox) = channel();
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line);
                if lines.send(text.strip_suffix('\n').unwrap_or(&text).to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Lines(inbox)
    }

    /// The next line; `None` when the program has closed its end.
    fn next(&self) -> Option<String> {
        match self.0.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the program has neither written a line nor ended"),
        }
    }

    fn rest(&self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

/// Whether a line of standard error says that something is wrong with the program.
#[expect(clippy::ptr_arg, reason = "it is asked by lists of lines")]
fn is_trouble(line: &String) -> bool {
    !line.contains(OVERLOADED) && !line.contains(WHERE)
}

/// A running example.
pub(crate) struct Program {
    child: Child,
    out: Lines,
    err: Lines,
}

/// How an example ended, with what it wrote that nobody had read before.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<String>,
    pub(crate) err: Vec<String>,
}

impl End {
    /// The pages.
    pub(crate) fn pages(&self) -> Vec<Page> {
        let mut lines = self.out.iter().cloned();
        std::iter::from_fn(|| Page::read(|| lines.next())).map(|(_, page)| page).collect()
    }
}

impl Program {
    pub(crate) fn start(binary: &str, arguments: &str) -> Program {
        Program::spawn(command(binary, arguments))
    }

    pub(crate) fn spawn(mut command: Command) -> Program {
        Program::adopt(command.spawn().unwrap())
    }

    /// Takes over a process, whose standard output may have been taken before.
    pub(crate) fn adopt(mut child: Child) -> Program {
        let out = child.stdout.take().map_or_else(|| Lines::of(empty()), Lines::of);
        let err = Lines::of(child.stderr.take().unwrap());
        Program { child, out, err }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next page.
    pub(crate) fn page(&self) -> Page {
        let Some((_, page)) = Page::read(|| self.out.next()) else {
            panic!("the program ended: {:?}", self.err.rest());
        };
        page
    }

    /// The pages from the next one to the first that is `last`.
    pub(crate) fn pages_to(&self, last: impl Fn(&Page) -> bool) -> Vec<Page> {
        let mut pages = Vec::new();
        // At the shortest interval used this is longer than the deadline.
        for _ in 0..1000 {
            pages.push(self.page());
            if pages.last().is_some_and(&last) {
                return pages;
            }
        }
        panic!("what was expected has not come: {pages:?}");
    }

    /// Reads until a line of standard output says `text`.
    pub(crate) fn says(&self, text: &str) -> String {
        let mut others = Vec::new();
        while let Some(line) = self.out.next() {
            if line.contains(text) {
                return line;
            }
            others.push(line);
        }
        panic!("the program ended without saying {text:?}: {others:?}")
    }

    /// Adds up pages until their counts are the expected ones.
    pub(crate) fn expect_counts(&self, expected: &[(&str, u64)]) {
        let mut counts = Counts::default();
        // At the shortest interval used this is longer than the deadline.
        for _ in 0..1000 {
            counts.add(&self.page());
            if counts.is(expected) {
                return;
            }
        }
        panic!("expected {expected:?}, got {counts:?}");
    }

    /// The next line of standard error that contains `text`.
    pub(crate) fn error(&self, text: &str) -> String {
        let mut others = Vec::new();
        while let Some(line) = self.err.next() {
            if line.contains(text) {
                return line;
            }
            others.push(line);
        }
        panic!("the program ended without telling of {text:?}: {others:?}")
    }

    /// Lines that are on standard error by now.
    pub(crate) fn errors_so_far(&self) -> Vec<String> {
        self.err.0.try_iter().filter(is_trouble).collect()
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn end(mut self) -> End {
        let (out, mut err) = (self.out.rest(), self.err.rest());
        err.retain(is_trouble);
        // Both pipes are closed: it is ending.
        End { code: self.child.wait().unwrap().code(), out, err }
    }
}

impl Drop for Program {
    /// A test that failed leaves no process behind; one that has ended is not there to be killed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
