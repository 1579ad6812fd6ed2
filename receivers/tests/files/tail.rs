//! Files that are read as they grow.

use crate::support::{Home, batch, batches, durable, lines, mode};
use std::fs;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::durable::MemoryStorage;

fn log(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|end| end == "log")
}

fn tail() -> FileOptions {
    mode(FileMode::Tail).filter(log)
}

/// K-8
#[test]
fn lines_are_read_when_they_are_complete() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), tail());
    home.write("app.log", "one\ntw");
    assert_eq!(batch(&mut test, &probe), ["one"]);
    home.append("app.log", "o");
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    home.append("app.log", "\nthree\r\nfour");
    assert_eq!(batch(&mut test, &probe), ["two", "three"]);
    home.append("app.log", "\n");
    assert_eq!(batch(&mut test, &probe), ["four"]);
    test.stop().unwrap();
}

/// K-8
#[test]
fn a_log_that_is_there_at_the_start_is_read_from_the_line_that_is_being_written() {
    let home = Home::new();
    home.write("app.log", "old\nbeing wri");
    let (mut test, probe) = lines(home.path(), tail());
    home.append("app.log", "tten\nnew\n");
    assert_eq!(batch(&mut test, &probe), ["being written", "new"]);
    test.stop().unwrap();
    let (mut test, probe) = lines(home.path(), tail().new_files_only(false));
    assert_eq!(batch(&mut test, &probe), ["old", "being written", "new"]);
    test.stop().unwrap();
}

/// K-8: rotated by a rename, to a name that the filter leaves out.
#[test]
fn nothing_is_lost_when_a_log_is_rotated() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), tail());
    home.write("app.log", "one\n");
    assert_eq!(batch(&mut test, &probe), ["one"]);
    home.append("app.log", "two\n");
    home.rename("app.log", "app.log.1");
    home.append("app.log.1", "three\n");
    home.write("app.log", "four\n");
    assert_eq!(batch(&mut test, &probe), ["two", "three", "four"]);
    home.append("app.log.1", "a straggler\n");
    home.rename("app.log.1", "app.log.2");
    home.rename("app.log", "app.log.1");
    home.write("app.log", "five\n");
    assert_eq!(batch(&mut test, &probe), ["a straggler", "five"]);
    home.remove("app.log.2");
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    test.stop().unwrap();
}

/// K-8: between the decision and the reading of it.
#[test]
fn a_log_that_is_rotated_before_its_batch_reads_it_is_read_under_its_new_name() {
    let home = Home::new();
    let path = home.path().to_owned();
    let rotate = move |dataset: Rdd<String>| {
        if path.join("app.log").exists() {
            fs::rename(path.join("app.log"), path.join("app.log.1")).unwrap();
            fs::write(path.join("app.log"), "two\n").unwrap();
        }
        dataset
    };
    let program = TestRun::new().start(|ssc| ssc.text_file_stream_with(home.path(), tail()).transform(rotate).probe());
    let (mut test, probe) = program.unwrap();
    home.write("app.log", "one\n");
    assert_eq!(batch(&mut test, &probe), ["one"]);
    assert_eq!(batch(&mut test, &probe), ["two"]);
    test.stop().unwrap();
}

/// K-8: as `copytruncate` does it.
#[test]
fn a_log_that_is_cut_short_is_read_from_its_beginning() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), tail());
    home.write("app.log", "one\ntwo\n");
    assert_eq!(batch(&mut test, &probe), ["one", "two"]);
    home.write("app.log", "3\n");
    assert_eq!(batch(&mut test, &probe), ["3"]);
    test.stop().unwrap();
}

/// K-8: as `copytruncate` does it, while the program is down.
#[test]
fn a_log_that_was_cut_short_and_has_more_than_before_is_read_from_its_beginning() {
    let (home, storage) = (Home::new(), MemoryStorage::default());
    let program = |ssc: &StreamingContext| ssc.text_file_stream_with(home.path(), tail()).probe();
    home.write("old.log", "it was there\n");
    let (mut first, probe) = durable(0, &storage, program);
    home.write("app.log", "one\ntwo\n");
    assert_eq!(batch(&mut first, &probe), ["one", "two"]);
    first.stop().unwrap();
    home.write("app.log", "three\nfour\nfive\n");
    home.write("old.log", "it is another text now\n");
    let (mut second, probe) = durable(1, &storage, program);
    assert_eq!(batches(&mut second, &probe, 2), [vec![], vec!["three", "four", "five", "it is another text now"]]);
    second.stop().unwrap();
}

#[test]
fn records_of_a_length_are_read_when_they_are_complete() {
    let home = Home::new();
    let options = mode(FileMode::Tail);
    let program = TestRun::new().start(|ssc| ssc.binary_records_stream_with(home.path(), 4, options).probe());
    let (mut test, probe) = program.unwrap();
    home.write("records", b"aaaabb");
    assert_eq!(batch(&mut test, &probe), [b"aaaa"]);
    home.append("records", b"bbccccd");
    assert_eq!(batch(&mut test, &probe), [b"bbbb", b"cccc"]);
    test.stop().unwrap();
}

/// K-1
#[test]
fn a_restart_goes_on_at_the_byte_where_the_last_batch_ended() {
    let (home, storage) = (Home::new(), MemoryStorage::default());
    let program = |ssc: &StreamingContext| ssc.text_file_stream_with(home.path(), tail()).probe();
    let (mut first, probe) = durable(0, &storage, program);
    home.write("app.log", "one\ntwo\nth");
    assert_eq!(batch(&mut first, &probe), ["one", "two"]);
    drop(first);
    home.append("app.log", "ree\n");
    home.rename("app.log", "app.log.1");
    home.write("app.log", "four\n");
    let (mut second, probe) = durable(1, &storage, program);
    assert_eq!(batches(&mut second, &probe, 1).concat(), ["three", "four"]);
    second.stop().unwrap();
}

/// K-7
#[test]
fn a_large_backlog_of_one_log_comes_in_parts_that_end_with_lines() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), tail().max_bytes(10));
    home.write("app.log", "1234\n5678\n9\na line that is longer than what a batch may read\nshort\n");
    let received = batches(&mut test, &probe, 5);
    let long = "a line that is longer than what a batch may read";
    assert_eq!(received, [vec!["1234", "5678"], vec!["9"], vec![long], vec!["short"], vec![]]);
    test.stop().unwrap();
}
