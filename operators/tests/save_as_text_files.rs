//! `save_as_text_files`: what is on disk after a batch.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// Runs the batches of `script` through `save_as_text_files`.
fn save(script: Vec<Vec<(&'static str, u64)>>, prefix: &Path, suffix: &str) -> Result<(), Error> {
    let clock = ManualClock::new(Time::ZERO);
    let config = Config::local("test").with_cores(2).with_handle_signals(false);
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone()))?;
    let batches = script.len() as u64;
    ssc.input_stream(Scripted::new(script)).save_as_text_files(prefix, suffix);
    let running = ssc.start()?;
    clock.advance(Duration::from_secs(batches));
    if !running.wait_for_batches(batches, Duration::from_secs(20)) {
        running.await_termination_or_timeout(Duration::ZERO)?;
    }
    running.stop(Stop::Graceful)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_batch_is_a_directory_with_a_part_per_partition_and_a_mark_of_success() {
    let home = tempfile::tempdir().unwrap();
    save(vec![vec![("to", 2), ("be", 1), ("or", 1)], vec![]], &home.path().join("counts"), "txt").unwrap();
    assert_eq!(names(home.path()), ["counts-1000.txt", "counts-2000.txt"]);
    let first = home.path().join("counts-1000.txt");
    assert_eq!(names(&first), ["_SUCCESS", "part-00000", "part-00001"]);
    assert_eq!(fs::read_to_string(first.join("part-00000")).unwrap(), "(to,2)\n");
    assert_eq!(fs::read_to_string(first.join("part-00001")).unwrap(), "(be,1)\n(or,1)\n");
    let second = home.path().join("counts-2000.txt");
    assert_eq!(fs::read_to_string(second.join("part-00000")).unwrap(), "", "an empty batch has empty parts");
}

#[test]
fn a_name_without_a_suffix_ends_with_the_time_and_missing_directories_are_made() {
    let home = tempfile::tempdir().unwrap();
    save(vec![vec![("a", 1)]], &home.path().join("deep/down/counts"), "").unwrap();
    assert_eq!(names(&home.path().join("deep/down")), ["counts-1000"]);
}

#[test]
fn a_batch_that_is_run_again_replaces_what_was_there() {
    let home = tempfile::tempdir().unwrap();
    let prefix = home.path().join("counts");
    save(vec![vec![("old", 1), ("older", 1)]], &prefix, "").unwrap();
    fs::File::create(home.path().join("counts-1000/part-00007")).unwrap();
    save(vec![vec![("new", 1)]], &prefix, "").unwrap();
    let batch = home.path().join("counts-1000");
    assert_eq!(names(&batch), ["_SUCCESS", "part-00000", "part-00001"]);
    assert_eq!(fs::read_to_string(batch.join("part-00001")).unwrap(), "(new,1)\n");
    assert_eq!(names(home.path()), ["counts-1000"], "nothing unfinished is left beside it");
}

#[test]
fn a_place_that_cannot_be_written_is_named_with_the_user_s_line() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("a-file");
    fs::File::create(&file).unwrap();
    let error = save(vec![vec![("a", 1)]], &file.join("counts"), "").unwrap_err().to_string();
    assert!(error.contains(&format!("{}", file.display())), "{error}");
    assert!(error.contains(&format!("save_as_text_files at {}:", file!())) && error.contains("1000 ms"), "{error}");
}

/// A process that ends while a batch is being saved: what is on disk at the end of `save` of a batch that never ends well, in
/// each of the ways in which a process can be cut off. The next process runs the batch again.
#[test]
fn a_batch_that_is_run_again_after_a_restart_replaces_whatever_the_run_before_has_left_by_the_same_content() {
    let batch = || vec![("to", 2), ("be", 1), ("or", 1)];
    let whole = |directory: &Path| -> Vec<String> {
        (0..2).map(|part| fs::read_to_string(directory.join(format!("part-{part:05}"))).unwrap()).collect()
    };
    // (what is there when the next process begins, beside or under the name)
    type Left = fn(&Path);
    let nothing: Left = |_| {};
    let done: Left = |home| save(vec![vec![("to", 2), ("be", 1), ("or", 1)]], &home.join("counts"), "").unwrap();
    let parts: Left = |home| {
        let unfinished = home.join("_counts-1000.0.unfinished");
        fs::create_dir(&unfinished).unwrap();
        for part in ["part-00000", "part-00001", "part-00002"] {
            fs::File::create(unfinished.join(part)).unwrap().set_len(7).unwrap();
        }
    };
    let parts_beside_it: Left = |home| {
        save(vec![vec![("older", 1)]], &home.join("counts"), "").unwrap();
        fs::create_dir(home.join("_counts-1000.0.unfinished")).unwrap();
        fs::File::create(home.join("_counts-1000.0.unfinished/part-00009")).unwrap();
    };
    let set_aside: Left = |home| {
        save(vec![vec![("older", 1)]], &home.join("counts"), "").unwrap();
        #[expect(clippy::disallowed_methods, reason = "what a crash between two renames leaves is what is tested")]
        fs::rename(home.join("counts-1000"), home.join("_counts-1000.replaced")).unwrap();
    };
    for left in [nothing, done, parts, parts_beside_it, set_aside] {
        let home = tempfile::tempdir().unwrap();
        left(home.path());
        // Twice: a run that is complete is replaced like one that is not.
        for _ in 0..2 {
            save(vec![batch()], &home.path().join("counts"), "").unwrap();
            assert_eq!(names(home.path()), ["counts-1000"]);
            let directory = home.path().join("counts-1000");
            assert_eq!(names(&directory), ["_SUCCESS", "part-00000", "part-00001"]);
            assert_eq!(whole(&directory), ["(to,2)\n", "(be,1)\n(or,1)\n"]);
        }
    }
}

/// Readers come at any time: they find a whole dataset under the name, of this run or of the one before.
#[test]
fn a_reader_never_finds_anything_but_a_whole_dataset_while_a_batch_is_run_again() {
    let home = tempfile::tempdir().unwrap();
    let prefix = home.path().join("counts");
    let batch = || (0..50).map(|n| ("word", n)).collect::<Vec<_>>();
    save(vec![batch()], &prefix, "").unwrap();
    let directory = home.path().join("counts-1000");
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                // The handle stays with the dataset that was there when it was opened, and so do names below it.
                let Ok(entries) = fs::read_dir(&directory) else { panic!("nothing is under the name") };
                let names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
                // The dataset before is removed when the new one is in its place, perhaps while it is being listed.
                assert!(names.iter().all(|name| name == "_SUCCESS" || name.starts_with("part-0000")), "{names:?}");
                reads += 1;
            }
            reads
        });
        for _ in 0..20 {
            save(vec![batch()], &prefix, "").unwrap();
        }
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(reader.join().unwrap() > 0);
    });
    assert_eq!(names(home.path()), ["counts-1000"]);
}
