//! Files that are not what they were when their batch reads them.

use crate::support::{Home, batch, batches, durable, mode};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{Probe, TestProgram, TestRun};
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::durable::MemoryStorage;

/// A program that does `meanwhile` once, after a batch was given its files and before it reads them.
fn disturbed(
    home: &Home,
    when_lost: WhenLost,
    meanwhile: impl Fn(&std::path::Path) + Send + Sync + 'static,
) -> (TestProgram, Probe<String>) {
    let (path, is_done) = (home.path().to_owned(), AtomicBool::new(false));
    let disturb = move |dataset: Rdd<String>| {
        if path.join("a").exists() && !is_done.swap(true, Ordering::SeqCst) {
            meanwhile(&path);
        }
        dataset
    };
    let options = mode(FileMode::Renamed).when_lost(when_lost);
    let started =
        TestRun::new().start(|ssc| ssc.text_file_stream_with(home.path(), options).transform(disturb).probe());
    started.unwrap()
}

type Meanwhile = fn(&std::path::Path);

/// What may happen to a file, and what is told of it.
const CASES: [(&str, Meanwhile, &str); 5] = [
    ("it is removed", |home| fs::remove_file(home.join("a")).unwrap(), "not there any more"),
    (
        "it is replaced",
        |home| {
            fs::write(home.join("x.tmp"), "another\n").unwrap();
            fs::rename(home.join("x.tmp"), home.join("a")).unwrap();
        },
        "not there any more",
    ),
    (
        "it is a pipe now",
        |home| {
            fs::remove_file(home.join("a")).unwrap();
            let made = std::process::Command::new("mkfifo").arg(home.join("a")).status();
            assert!(made.is_ok_and(|status| status.success()), "there is no mkfifo");
        },
        "not there any more",
    ),
    ("it is moved away", |home| fs::rename(home.join("a"), home.join("away/a")).unwrap(), "not there any more"),
    ("it is cut short", |home| fs::File::create(home.join("a")).unwrap().set_len(1).unwrap(), "was cut short"),
];

/// K-5
#[test]
fn a_file_that_is_not_what_was_listed_fails_its_batch_and_is_named() {
    for (case, meanwhile, expected) in CASES {
        let home = Home::new();
        home.directory("away");
        let (mut test, _) = disturbed(&home, WhenLost::Fail, meanwhile);
        home.write("a", "lost\n");
        home.write("b", "there\n");
        let error = test.advance(1).unwrap_err().to_string();
        let name = format!("{:?}", home.join("a"));
        for expected in [expected, name.as_str(), "batch 1000 ms", "lost.rs"] {
            assert!(error.contains(expected), "{case}: {error}");
        }
    }
}

/// K-5
#[test]
fn by_policy_such_a_file_is_left_out_and_the_others_are_read() {
    for (case, meanwhile, _) in CASES {
        let home = Home::new();
        home.directory("away");
        let (mut test, probe) = disturbed(&home, WhenLost::Skip, meanwhile);
        home.write("a", "lost\n");
        home.write("b", "there\n");
        assert_eq!(batch(&mut test, &probe), ["there"], "{case}");
        let after = batch(&mut test, &probe);
        assert_eq!(after, if case == "it is replaced" { vec!["another"] } else { vec![] }, "{case}");
        test.stop().unwrap();
    }
}

/// K-5
#[test]
fn a_batch_reads_the_bytes_it_was_given_whatever_was_appended_since_and_whatever_the_file_is_called() {
    let home = Home::new();
    let meanwhile = |home: &std::path::Path| {
        fs::write(home.join("a"), "one\ntwo\n").unwrap();
        fs::rename(home.join("a"), home.join("z")).unwrap();
    };
    let (mut test, probe) = disturbed(&home, WhenLost::Fail, meanwhile);
    home.write("a", "one\n");
    assert_eq!(batches(&mut test, &probe, 2), [vec!["one"], vec![]]);
    test.stop().unwrap();
}

/// K-5
#[test]
fn an_incomplete_record_at_the_end_is_an_error_that_names_the_file() {
    let home = Home::new();
    let options = mode(FileMode::Renamed);
    let started = TestRun::new().start(|ssc| ssc.binary_records_stream_with(home.path(), 4, options).probe());
    let (mut test, _) = started.unwrap();
    home.write("records", b"aaaabb");
    let error = test.advance(1).unwrap_err().to_string();
    assert!(error.contains("records\"") && error.contains("in the middle of a record, 2 bytes into it"), "{error}");
}

/// K-5
#[test]
fn a_line_that_is_too_long_is_an_error_that_names_the_file_or_ends_the_reading_of_it() {
    let long = "x".repeat(100);
    let content = format!("short\n{long}\nnever read\n");
    for when_lost in [WhenLost::Fail, WhenLost::Skip] {
        let home = Home::new();
        let options = mode(FileMode::Renamed).when_lost(when_lost);
        let limit = |mut config: Config| {
            config.receiver = config.receiver.with_max_line(bytesize::ByteSize(50));
            config
        };
        let run = TestRun::new().configure(limit);
        let (mut test, probe) = run.start(|ssc| ssc.text_file_stream_with(home.path(), options).probe()).unwrap();
        home.write("a", &content);
        home.write("b", "another\n");
        match when_lost {
            WhenLost::Fail => {
                let error = test.advance(1).unwrap_err().to_string();
                assert!(error.contains("/a\"") && error.contains("longer than the limit of 50 bytes"), "{error}");
            }
            WhenLost::Skip => {
                assert_eq!(batch(&mut test, &probe), ["short", "another"]);
                test.stop().unwrap();
            }
        }
    }
}

/// A decoder is the program's: what it panics with is told with its line, and nothing else is harmed.
#[test]
fn a_decoder_that_panics_fails_the_batch_with_the_line_of_the_stream() {
    let home = Home::new();
    let decoder = |path: &std::path::Path| -> LineDecoder { panic!("no decoder for {path:?}") };
    let started = TestRun::new().start(|ssc| ssc.file_stream(home.path(), mode(FileMode::Renamed), decoder).probe());
    let (mut test, _) = started.unwrap();
    home.write("a", "a");
    let error = test.advance(1).unwrap_err().to_string();
    assert!(error.contains("no decoder for") && error.contains("file_stream at"), "{error}");
}

/// K-1
#[test]
fn a_batch_that_is_run_again_after_a_restart_reads_the_same_bytes() {
    let (home, storage) = (Home::new(), MemoryStorage::default());
    let fails = Arc::new(AtomicBool::new(true));
    let program = |ssc: &StreamingContext| {
        let lines = ssc.text_file_stream_with(home.path(), mode(FileMode::Renamed).when_grown(WhenGrown::Read));
        let fails = fails.clone();
        let seen = lines.map(|line| line);
        let probe = seen.probe();
        lines.foreach_rdd(move |_| match fails.load(Ordering::SeqCst) {
            true => Err("the disk is full".to_owned()),
            false => Ok(()),
        });
        probe
    };
    home.write("old", "passed over");
    let (mut first, _) = durable(0, &storage, program);
    home.write("a", "a\n");
    home.write("b", "b\n");
    assert!(first.advance(1).unwrap_err().to_string().contains("the disk is full"));
    drop(first);
    home.append("a", "more\n");
    home.rename("b", "renamed");
    home.write("c", "c\n");
    fails.store(false, Ordering::SeqCst);
    let (mut second, probe) = durable(1, &storage, program);
    assert_eq!(batches(&mut second, &probe, 3), [vec!["a", "b"], vec!["c"], vec!["more"], vec![]]);
    second.stop().unwrap();
}

///
#[test]
fn a_window_that_reaches_back_before_a_restart_reads_its_files_again() {
    let (home, storage) = (Home::new(), MemoryStorage::default());
    let program = |ssc: &StreamingContext| {
        let lines = ssc.text_file_stream_with(home.path(), mode(FileMode::Renamed));
        lines.window(seconds(3), seconds(1)).probe()
    };
    let (mut first, probe) = durable(0, &storage, program);
    home.write("a", "a");
    assert_eq!(batch(&mut first, &probe), ["a"]);
    home.write("b", "b");
    assert_eq!(batch(&mut first, &probe), ["a", "b"]);
    first.stop().unwrap();
    home.write("c", "c");
    let (mut second, probe) = durable(2, &storage, program);
    assert_eq!(batches(&mut second, &probe, 2), [vec!["a", "b", "c"], vec!["b", "c"]]);
    second.stop().unwrap();
}
