//! Many files at once.

use crate::support::{Home, batches, lines, mode};
use waterwheel_operators::testkit::TestRun;
use waterwheel_receivers::prelude::*;

/// K-7
#[test]
fn a_backlog_of_files_does_not_make_one_batch() {
    let home = Home::new();
    (0..25).for_each(|i| home.write(format!("{i:02}"), i.to_string()));
    let options = mode(FileMode::Renamed).new_files_only(false);
    let (mut test, probe) = lines(home.path(), options.clone().max_files(10));
    let received = batches(&mut test, &probe, 4);
    assert_eq!(received.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5, 0]);
    assert!(received.concat().into_iter().eq((0..25).map(|i| i.to_string())), "in order of their names");
    test.stop().unwrap();
    let (mut test, probe) = lines(home.path(), options.max_bytes(20));
    let received = batches(&mut test, &probe, 3);
    assert_eq!(received.iter().map(Vec::len).collect::<Vec<_>>(), [15, 10, 0], "20 bytes, 20 bytes");
    test.stop().unwrap();
}

/// K-7
#[test]
fn thousands_of_small_files_are_few_partitions() {
    let home = Home::new();
    (0..1_000).for_each(|i| home.write(format!("{i:04}"), i.to_string()));
    let options = mode(FileMode::Renamed).new_files_only(false);
    let (sender, partitions) = std::sync::mpsc::channel();
    let started = TestRun::new().start(|ssc| {
        let lines = ssc.text_file_stream_with(home.path(), options);
        lines.foreach_rdd(move |dataset| sender.send(dataset.num_partitions()));
        lines.count().probe()
    });
    let (mut test, probe) = started.unwrap();
    assert_eq!(batches(&mut test, &probe, 1), [[1_000]]);
    assert_eq!(partitions.recv().unwrap(), 8);
    test.stop().unwrap();
}
