//! SIGTERM and Ctrl-C end a program as they should. The test starts its own executable as the program.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// Set for the process that plays the program; names what it does.
const ROLE: &str = "WATERWHEEL_TEST_PROGRAM";

/// Not a test of its own: the program that the other tests send signals to.
#[test]
fn program() {
    let Ok(role) = env::var(ROLE) else { return };
    let config = Config::local("program").with_cores(1).with_stop_gracefully_on_shutdown(role != "immediate");
    let ssc = StreamingContext::new(config, milliseconds(20)).unwrap();
    let numbers = ssc.input_stream(Scripted::new((1..=100_000).map(|n| vec![n])));
    numbers.foreach_rdd(|dataset| dataset.collect().map(|records| say(&format!("begin {records:?}"))));
    numbers.foreach_rdd(move |dataset| -> Result<(), JobError> {
        if role == "endless" {
            loop {
                dataset.count()?;
            }
        }
        say(&format!("end {:?}", dataset.collect()?));
        Ok(())
    });
    let running = ssc.start().unwrap();
    running.await_termination().unwrap();
    say(&format!("done {}", running.batches_completed()));
}

/// A line for the test that started the program.
fn say(line: &str) {
    eprintln!("> {line}");
}

struct Program {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Program {
    fn start(role: &str) -> Program {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["program", "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let said = lines.filter_map(|line| line.strip_prefix("> ").map(str::to_owned));
        Program { child, lines: Box::new(said) }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Program {
    /// A test that failed leaves no process behind; one that has ended is not there to be killed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// L-4
#[test]
fn a_signal_finishes_the_batches_under_way_and_exits_0() {
    for signal in ["TERM", "INT"] {
        let mut program = Program::start("graceful");
        assert_eq!(program.lines.next().unwrap(), "begin [1]");
        program.signal(signal);
        let lines: Vec<String> = program.lines.by_ref().collect();
        assert!(program.child.wait().unwrap().success(), "{signal}: {lines:?}");
        let (last, batches) = lines.split_last().unwrap();
        let done: usize = last.strip_prefix("done ").unwrap().parse().unwrap();
        let ended = batches.iter().filter(|line| line.starts_with("end ")).count();
        assert_eq!(done, ended, "{signal}: every batch that began came to its end: {lines:?}");
    }
}

/// L-3
#[test]
fn a_second_signal_cuts_a_drain_short_that_would_never_end() {
    let mut program = Program::start("endless");
    assert_eq!(program.lines.next().unwrap(), "begin [1]");
    program.signal("TERM");
    program.signal("INT");
    assert_eq!(program.lines.by_ref().collect::<Vec<_>>(), ["done 0"]);
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn a_program_that_does_not_want_to_drain_stops_at_once_and_exits_0() {
    let mut program = Program::start("immediate");
    assert_eq!(program.lines.next().unwrap(), "begin [1]");
    program.signal("TERM");
    assert!(program.lines.by_ref().last().unwrap().starts_with("done "));
    assert!(program.child.wait().unwrap().success());
}
