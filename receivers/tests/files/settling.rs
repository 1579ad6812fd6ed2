//! Files that are written where they are read.

use crate::support::{Home, batch, batches, durable, lines, mode, remembered};
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::durable::MemoryStorage;

/// K-4
#[test]
fn a_file_that_is_being_written_is_never_read_by_halves() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), FileOptions::default());
    home.write("slow", "the first h");
    for piece in ["alf\n", "the sec", "ond half\nand the re"] {
        assert_eq!(batch(&mut test, &probe), [""; 0]);
        home.append("slow", piece);
    }
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    home.append("slow", "st");
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    assert_eq!(batch(&mut test, &probe), ["the first half", "the second half", "and the rest"]);
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    test.stop().unwrap();
}

/// K-4: by the length of time, not by the number of batches.
#[test]
fn a_file_has_to_rest_for_as_long_as_the_program_says() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), FileOptions::default().settle(milliseconds(2_500)));
    home.write("a", "a");
    assert_eq!(batches(&mut test, &probe, 5), [vec![], vec![], vec![], vec!["a"], vec![]]);
    test.stop().unwrap();
}

/// Batches that were missed all come at once: no time has passed between them.
#[test]
fn many_batches_in_one_moment_are_no_rest() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), FileOptions::default());
    home.write("a", "a");
    test.jump(20).unwrap();
    assert!(probe.take().into_iter().flatten().flatten().next().is_none());
    assert_eq!(batch(&mut test, &probe), ["a"]);
    test.stop().unwrap();
}

/// K-3
#[test]
fn names_that_are_hidden_or_unfinished_are_left_out_and_a_rename_publishes_them() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed));
    for name in [".hidden", "_SUCCESS", "a.tmp", "b._COPYING_", "c.part", "d~"] {
        home.write(name, name);
    }
    // To Spark a directory is a file.
    home.directory("directory");
    home.write("directory/below", "below");
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    home.rename("a.tmp", "a");
    assert_eq!(batch(&mut test, &probe), ["a.tmp"]);
    test.stop().unwrap();
}

#[test]
fn a_filter_says_which_files_are_wanted() {
    let home = Home::new();
    let csv = |path: &std::path::Path| path.extension().is_some_and(|end| end == "csv");
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed).filter(csv));
    home.write("_a.csv", "a");
    home.write("b.txt", "b");
    assert_eq!(batch(&mut test, &probe), ["a"], "it takes the place of the default");
    test.stop().unwrap();
}

#[test]
fn directories_in_the_directory_are_read_when_that_is_wanted_and_as_they_come() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed).recursive(true));
    home.directory("a/b");
    home.directory(".git");
    home.directory("_temporary/0");
    home.write("a/b/deep", "deep");
    home.write(".git/config", "not this");
    home.write("_temporary/0/part", "nor this");
    assert_eq!(batch(&mut test, &probe), ["deep"]);
    home.directory("a/b/c");
    home.write("a/b/c/deeper", "deeper");
    assert_eq!(batch(&mut test, &probe), ["deeper"]);
    test.stop().unwrap();
}

/// K-3
#[test]
fn a_file_that_replaces_another_is_new_and_one_under_another_name_is_not() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed));
    home.rename_in("config", "one");
    assert_eq!(batch(&mut test, &probe), ["one"]);
    home.rename_in("config", "two");
    assert_eq!(batch(&mut test, &probe), ["two"], "another file under the name of the first");
    home.rename("config", "config.old");
    std::fs::hard_link(home.join("config.old"), home.join("second-name")).unwrap();
    std::os::unix::fs::symlink(home.join("config.old"), home.join("third-name")).unwrap();
    assert_eq!(batches(&mut test, &probe, 2).concat(), [""; 0]);
    test.stop().unwrap();
}

/// K-3: what was read is remembered for as long as the file is there, and no longer.
#[test]
fn memory_holds_what_is_there_and_is_written_only_when_it_changes() {
    let (home, storage) = (Home::new(), MemoryStorage::default());
    home.write("old", "old");
    let program = |ssc: &StreamingContext| ssc.text_file_stream_with(home.path(), mode(FileMode::Renamed)).probe();
    let (mut first, probe) = durable(0, &storage, program);
    home.write("a", "a");
    home.write("b", "b");
    assert_eq!(batch(&mut first, &probe), ["a", "b"]);
    assert_eq!(remembered(&storage), 3, "what was passed over, too");
    first.stop().unwrap();
    home.remove("a");
    home.remove("old");
    let (mut second, probe) = durable(5, &storage, program);
    assert_eq!(batches(&mut second, &probe, 2).concat(), [""; 0]);
    assert_eq!(remembered(&storage), 1);
    second.stop().unwrap();
}

/// K-1: the first start says what was there before, whether or not a batch came.
#[test]
fn what_comes_after_the_first_start_is_read_though_that_run_had_no_batch() {
    for (mode_of, before) in [FileMode::Settled, FileMode::Renamed, FileMode::Tail].into_iter().zip([true, false, true])
    {
        let (home, storage) = (Home::new(), MemoryStorage::default());
        if before {
            home.write("old", "old\n");
        }
        let program = |ssc: &StreamingContext| ssc.text_file_stream_with(home.path(), mode(mode_of)).probe();
        let (first, _) = durable(0, &storage, program);
        assert_eq!(remembered(&storage), usize::from(before));
        home.write("new", "new\n");
        drop(first);
        // No time passes: there is no batch to be made up for.
        let (second, _) = durable(0, &storage, program);
        home.write("newer", "newer\n");
        drop(second);
        let (mut third, probe) = durable(0, &storage, program);
        assert_eq!(batches(&mut third, &probe, 3).concat(), ["new", "newer"], "{mode_of:?}, an old one: {before}");
        third.stop().unwrap();
    }
}

/// K-6
#[test]
fn a_directory_that_is_not_there_is_waited_for_and_may_go_and_come_back() {
    let home = Home::new();
    let (mut test, probe) = lines(home.join("later"), mode(FileMode::Renamed));
    assert_eq!(batches(&mut test, &probe, 2).concat(), [""; 0]);
    home.directory("later");
    home.write("later/a", "a");
    assert_eq!(batch(&mut test, &probe), ["a"]);
    home.rename("later", "moved");
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    home.rename("moved", "later");
    home.write("later/b", "b");
    assert_eq!(batch(&mut test, &probe), ["b"], "what was read is not read again");
    test.stop().unwrap();
}

#[test]
fn a_file_that_is_written_anew_is_not_taken_for_one_that_has_grown() {
    for mode_of in [FileMode::Settled, FileMode::Renamed] {
        let (home, storage) = (Home::new(), MemoryStorage::default());
        home.write("old", "passed over\n");
        let options = || mode(mode_of).when_grown(WhenGrown::Read);
        let program = |ssc: &StreamingContext| ssc.text_file_stream_with(home.path(), options()).probe();
        let (mut first, probe) = durable(0, &storage, program);
        home.write("a", "one\n");
        home.write("b", "two\n");
        assert_eq!(batches(&mut first, &probe, 2).concat(), ["one", "two"]);
        first.stop().unwrap();
        for (name, content) in [("old", "other text that is longer\n"), ("a", "six\nseven\n")] {
            home.write(name, content);
        }
        home.append("b", "three\n");
        let (mut second, probe) = durable(2, &storage, program);
        assert_eq!(batches(&mut second, &probe, 4).concat(), ["three"], "{mode_of:?}");
        home.append("b", "four\n");
        assert_eq!(batches(&mut second, &probe, 3).concat(), ["four"]);
        second.stop().unwrap();
    }
}

#[test]
fn what_a_file_grows_by_is_left_alone_or_read_as_the_program_says() {
    for (when_grown, expected) in [(WhenGrown::Report, vec![]), (WhenGrown::Read, vec!["two", "three"])] {
        let home = Home::new();
        let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed).when_grown(when_grown));
        home.write("a", "one\n");
        assert_eq!(batch(&mut test, &probe), ["one"]);
        home.append("a", "two\nthree");
        assert_eq!(batches(&mut test, &probe, 3).concat(), expected);
        test.stop().unwrap();
    }
}
