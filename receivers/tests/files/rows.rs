//! Spark's tests of file streams, with their data. Its files count as new by the clocks of their writers; here they do by what they
//! are, so every test has them skewed as well.

use crate::support::{Home, batch, batches, durable, lines, mode};
use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::durable::MemoryStorage;

/// Modification times around that of the batch, up to ten minutes before and after it.
const SKEWS: [i64; 5] = [0, -600, 600, -1, 1];

fn skewed(seconds: i64, skew: i64) -> u64 {
    u64::try_from(10_000 + seconds + skew).unwrap()
}

/// binary records stream
#[test]
fn records_of_one_byte_come_file_by_file_and_what_was_there_before_is_not_read() {
    let home = Home::new();
    home.write("0", [1, 2, 3, 4, 5]);
    let options = mode(FileMode::Renamed);
    let program = TestRun::new().start(|ssc| ssc.binary_records_stream_with(home.path(), 1, options).probe());
    let (mut test, probe) = program.unwrap();
    for i in 1..=5_u8 {
        let content: Vec<u8> = (1..=5).map(|byte| byte + i).collect();
        home.rename_in(&i.to_string(), &content);
        let expected: Vec<Vec<u8>> = content.into_iter().map(|byte| vec![byte]).collect();
        assert_eq!(batch(&mut test, &probe), expected);
    }
    test.stop().unwrap();
}

/// file input stream - newFilesOnly = true, and false
#[test]
fn files_come_one_per_batch_and_one_that_is_there_already_only_when_it_is_wanted() {
    for new_files_only in [true, false] {
        for skew in SKEWS {
            let home = Home::new();
            home.write("0", "0\n");
            home.set_modified("0", 10_000);
            let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed).new_files_only(new_files_only));
            let mut received = Vec::new();
            for i in 1..=5 {
                home.rename_in(&i.to_string(), format!("{i}\n"));
                home.set_modified(i.to_string(), skewed(i, skew));
                received.push(batch(&mut test, &probe));
            }
            let first = if new_files_only { vec!["1"] } else { vec!["0", "1"] };
            assert_eq!(received, [first, vec!["2"], vec!["3"], vec!["4"], vec!["5"]], "skew {skew}");
            test.stop().unwrap();
        }
    }
}

/// file input stream - wildcard
#[test]
fn a_pattern_reads_the_directories_that_match_and_not_the_files_beside_them() {
    let home = Home::new();
    home.directory("a");
    home.directory("b");
    let (mut test, probe) = lines(home.join("*/"), mode(FileMode::Renamed));
    let mut received = Vec::new();
    for i in 1..=5 {
        home.write(format!("a/{i}"), i.to_string());
        home.write(format!("beside-{i}"), "not to be read");
        received.push(batch(&mut test, &probe));
    }
    // A directory that comes later matches as well.
    home.directory("c");
    for i in 6..=10 {
        home.write(format!("c/{i}"), i.to_string());
        received.push(batch(&mut test, &probe));
    }
    let expected: Vec<Vec<String>> = (1..=10).map(|i| vec![i.to_string()]).collect();
    assert_eq!(received, expected);
    test.stop().unwrap();
}

/// Modified files are correctly detected. Spark leaves the older file out, whose modification time is not new.
#[test]
fn a_directory_that_is_renamed_into_the_pattern_is_read_whatever_its_files_times_say() {
    let (home, elsewhere) = (Home::new(), Home::new());
    home.directory("streaming/subdir");
    elsewhere.directory("new");
    elsewhere.write("new/existing", "existing\n");
    elsewhere.set_modified("new/existing", 9_000);
    elsewhere.write("new/renamed", "renamed\n");
    elsewhere.set_modified("new/renamed", 10_001);
    let (mut test, probe) = lines(home.join("streaming/sub*"), mode(FileMode::Renamed));
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    fs::rename(elsewhere.join("new"), home.join("streaming/subdir2")).unwrap();
    assert_eq!(batch(&mut test, &probe), ["existing", "renamed"]);
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    test.stop().unwrap();
}

/// recovery with file input stream: batches of 2 s, nine files around a time when nothing runs.
#[test]
fn files_that_came_while_nothing_ran_are_read_and_none_twice() {
    let (home, storage) = (Home::new(), MemoryStorage::default());
    let write = |i: u32| home.rename_in(&i.to_string(), i.to_string());
    let program = |ssc: &waterwheel_operators::prelude::StreamingContext| {
        ssc.text_file_stream_with(home.path(), mode(FileMode::Renamed)).probe()
    };
    let (mut first, probe) = durable(0, &storage, program);
    let mut received = Vec::new();
    for i in 1..=3 {
        write(i);
        received.extend(batches(&mut first, &probe, 2));
    }
    // As a process that dies: what was decided last may be run again.
    drop(first);
    (4..=6).for_each(write);
    let (mut second, probe) = durable(15, &storage, program);
    for i in 7..=9 {
        received.extend(batches(&mut second, &probe, 2));
        write(i);
    }
    received.extend(batches(&mut second, &probe, 2));
    second.stop().unwrap();
    received.retain(|batch| !batch.is_empty());
    assert_eq!(received, [vec!["1"], vec!["2"], vec!["3"], vec!["4", "5", "6"], vec!["7"], vec!["8"], vec!["9"]]);
}

#[test]
fn what_cannot_be_a_stream_of_files_is_told_by_start_with_the_line() {
    let started = TestRun::new().start(|ssc| {
        ssc.binary_records_stream("in", 0).probe();
        ssc.text_file_stream("in/[a").probe();
        ssc.text_file_stream(Path::new("")).probe();
    });
    let error = started.expect_err("it cannot start").to_string();
    for expected in ["0 bytes", "in/[a", "no name", "rows.rs:"] {
        assert!(error.contains(expected), "{error}");
    }
}

/// Input Metadata of Spark's page of a batch.
#[test]
fn a_batch_tells_the_files_that_it_reads() {
    let home = Home::new();
    let (told, heard) = channel();
    let program = TestRun::new().start(|ssc| {
        ssc.add_streaming_listener(move |event: &Event| {
            if let Event::BatchCompleted(info) = event {
                told.send(info.metadata.values().map(InputMetadata::description).collect::<Vec<_>>()).unwrap();
            }
        });
        ssc.text_file_stream_with(home.path(), mode(FileMode::Tail)).probe()
    });
    let (mut test, probe) = program.unwrap();
    home.write("a", "to be\n");
    assert_eq!(batch(&mut test, &probe), ["to be"]);
    home.append("a", "or not\n");
    home.rename_in("b", "to be\n");
    assert_eq!(batch(&mut test, &probe), ["or not", "to be"]);
    batch(&mut test, &probe);
    test.stop().unwrap();
    let (a, b) = (home.join("a").display().to_string(), home.join("b").display().to_string());
    let told: Vec<String> = heard.iter().map(|told| told.concat()).collect();
    assert_eq!(
        told[..3],
        [format!("{a}, bytes 0 to 6"), format!("{a}, bytes 6 to 13\n{b}, bytes 0 to 6"), String::new()]
    );
}
