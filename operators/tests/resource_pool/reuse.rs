//! How many resources there are, and which of them a task gets.

use crate::server::{Program, Seen, Server, lines, opened, write};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::TestRun;

/// O-6
#[test]
fn two_workers_need_two_connections_for_any_number_of_partitions_and_batches() {
    let (server, batches) = (Server::start(), 5);
    let pool = server.pool();
    let script: Vec<Vec<i32>> = (0..batches).map(|_| (0..40).collect()).collect();
    TestRun::new()
        .cores(2)
        .partitions(40)
        .run(script, |numbers| {
            numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
            numbers
        })
        .unwrap();
    let seen = server.until_lines(40 * batches);
    assert!((1..=2).contains(&opened(&seen)), "{seen:?}");
    let mut expected: Vec<String> =
        (1..=batches).flat_map(|batch| (0..40).map(move |n| format!("{}-{n} {n}", batch * 1000))).collect();
    expected.sort();
    assert_eq!(lines(&seen), expected);
}

#[test]
fn nothing_is_connected_before_a_task_needs_it_and_one_connection_serves_all_batches() {
    let server = Server::start();
    let pool = server.pool();
    let program = Program::start(seconds(1), vec![vec![1], vec![2], vec![3]], |numbers| {
        numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
    });
    assert_eq!(pool.open(), 0);
    (0..3).for_each(|_| program.batch());
    let line = |text: &str| Seen::Line(0, text.to_owned());
    assert_eq!(server.until_lines(3), [Seen::Opened(0), line("1000-0 1"), line("2000-0 2"), line("3000-0 3")]);
}

#[test]
fn an_action_lends_from_the_same_pool() {
    let server = Server::start();
    let (pool, engine) = (server.pool(), Engine::local(1).unwrap());
    let numbers = engine.parallelize(1..=4, 2);
    for _ in 0..2 {
        let write = |connection: &mut _, records: Vec<i32>, partition| {
            write(connection, &records, WriteId { batch: Time::ZERO, partition })
        };
        numbers.foreach_partition_with(&pool, write).unwrap();
    }
    let seen = server.until_lines(8);
    assert_eq!(opened(&seen), 1);
    assert_eq!(lines(&seen), ["0-0 1", "0-0 1", "0-0 2", "0-0 2", "0-1 3", "0-1 3", "0-1 4", "0-1 4"]);
}

#[test]
fn two_streams_may_share_a_pool() {
    let server = Server::start();
    let pool = server.pool();
    let program = Program::start(seconds(1), vec![vec![1]], |numbers| {
        numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
        let tens = numbers.map(|n| n * 10);
        tens.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
    });
    program.batch();
    let line = |text: &str| Seen::Line(0, text.to_owned());
    assert_eq!(server.until_lines(2), [Seen::Opened(0), line("1000-0 1"), line("1000-0 10")]);
}
