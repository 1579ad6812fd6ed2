//! A process that writes and is killed with SIGKILL, again and again, at any of its steps.

use crate::{Home, id, name, output, prepare, records, time, visible, whole};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use waterwheel::prelude::*;

/// Says to the process what it is and where its files are.
const HOME: &str = "WATERWHEEL_SQLITE_TEST_HOME";

/// Batches that have to be seen.
const BATCHES: i64 = 30;

/// What a checkpoint directory would know.
fn done(home: &Path) -> Option<Time> {
    std::fs::read_to_string(home.join("done")).ok()?.lines().last().map(|last| time(last.parse().unwrap()))
}

/// Not a test of its own: the process that is killed. Two threads prepare, as tasks do; the batch is noted as done, as the
/// scheduler does; then it is committed. Before each step it says so.
#[test]
fn the_process_that_is_killed() {
    let Some(home) = std::env::var_os(HOME).map(std::path::PathBuf::from) else { return };
    let output = output(&home.join("numbers.db"));
    let say = |what: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "at {what}").and_then(|()| out.flush()).unwrap();
    };
    say("recover");
    output.recover(&name(), done(&home)).unwrap();
    let first = done(&home).map_or(1, |last| last.millis() / 1000 + 1);
    let mut log = std::fs::OpenOptions::new().create(true).append(true).open(home.join("done")).unwrap();
    for batch in first..=BATCHES {
        std::thread::scope(|scope| {
            for partition in 0..2 {
                let (output, say) = (&output, &say);
                scope.spawn(move || {
                    say("prepare");
                    output.prepare(&id(batch, partition), records(batch, partition)).unwrap();
                });
            }
        });
        say("done");
        // What survives a kill is what the system has taken: no need to sync.
        log.write_all(format!("{batch}\n").as_bytes()).unwrap();
        say("commit");
        output.commit(&name(), time(batch)).unwrap();
    }
    say("end");
}

fn start(home: &Path) -> Child {
    let this = std::env::current_exe().unwrap();
    let mut command = Command::new(this);
    command.args(["--exact", "killed::the_process_that_is_killed", "--nocapture"]).env(HOME, home);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills the process when it has said `steps` steps; `true` when it came to its end before.
fn kill_after(home: &Path, steps: usize) -> bool {
    let mut child = start(home);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said: Vec<String> =
        lines.map(Result::unwrap).filter_map(|line| Some(line.split_once("at ")?.1.to_owned())).take(steps).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    said.last().is_some_and(|last| last == "end")
}

/// O-10
#[test]
fn every_record_is_visible_once_after_kills_at_every_step() {
    let home = Home::new();
    let directory = home.directory.path();
    let mut kills = 0;
    // The number of steps goes through all places of a batch and of the start.
    while !kill_after(directory, 2 + kills * 5 % 13) {
        kills += 1;
        assert!(kills < 1000, "it never comes to its end");
        // What is visible is a prefix, whenever one looks.
        let seen = visible(&home.path());
        let expected: Vec<_> = (1..=BATCHES).flat_map(whole).take(seen.len()).collect();
        assert_eq!(seen, expected, "after {kills} kills");
    }
    assert!(kills > 10, "{kills} kills");
    assert_eq!((home.visible(), home.staged()), ((1..=BATCHES).flat_map(whole).collect(), 0), "after {kills} kills");
}

#[test]
fn what_a_killed_process_had_prepared_is_committed_when_its_batch_was_done_and_given_up_otherwise() {
    for (last, expected) in [(None, vec![]), (Some(time(1)), whole(1)), (Some(time(2)), [whole(1), whole(2)].concat())]
    {
        let home = Home::new();
        // Without a shutdown of any kind: neither the connection nor the file is closed.
        let left = home.output();
        prepare(&left, 1);
        prepare(&left, 2);
        std::mem::forget(left);
        let output = home.output();
        assert_eq!(home.visible(), []);
        output.recover(&name(), last).unwrap();
        assert_eq!((home.visible(), home.staged()), (expected, 0));
    }
}
