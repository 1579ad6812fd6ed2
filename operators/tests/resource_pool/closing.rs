//! When a resource is closed.

use crate::server::{PATIENCE, Program, Seen, Server, opened, write};
use std::sync::mpsc::channel;
use std::time::Duration;
use waterwheel_operators::prelude::*;

/// Waits until `condition` holds.
#[track_caller]
fn wait_until(program: &Program, what: &str, condition: impl Fn() -> bool) {
    let begin = SystemClock::new();
    while !condition() {
        assert!(begin.monotonic() < PATIENCE, "waited in vain for {what}: {:?}", program.clock);
        program.running.wait_for_batches(u64::MAX, Duration::from_millis(1));
        std::thread::yield_now();
    }
}

/// O-7
#[test]
fn a_connection_that_the_peer_closed_between_two_batches_is_replaced_before_anything_is_written_to_it() {
    let server = Server::start();
    let pool = server.pool();
    let program = Program::start(seconds(1), vec![vec![1], vec![2], vec![3]], |numbers| {
        numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
    });
    for batch in 0..3 {
        program.batch();
        let line = format!("{}-0 {}", 1000 * (batch + 1), batch + 1);
        assert_eq!(server.until_lines(1), [Seen::Opened(batch), Seen::Line(batch, line)]);
        server.hang_up(batch);
        assert_eq!(pool.open(), 1, "nobody has looked at it yet");
    }
}

#[test]
fn a_connection_that_is_idle_for_too_long_by_the_engine_s_clock_is_closed() {
    let server = Server::start();
    let pool = server.pool().idle_timeout(minutes(5));
    let program = Program::start(minutes(60), vec![vec![1], vec![2]], |numbers| {
        numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
    });
    program.batch();
    server.until_lines(1);
    // Whoever closes it sleeps until exactly then; the next tick is far away.
    let due = Time::ZERO + minutes(65);
    wait_until(&program, "the watch", || program.clock.next_deadline() == Some(due));
    program.clock.advance(minutes(5) - milliseconds(1));
    assert_eq!((pool.open(), pool.idle()), (1, 1));
    program.clock.advance(milliseconds(1));
    assert_eq!(server.next(), Seen::Closed(0));
    assert_eq!(pool.open(), 0);
    // The next batch makes another.
    program.clock.advance(minutes(55));
    assert!(program.running.wait_for_batches(2, PATIENCE));
    assert_eq!(server.until_lines(1), [Seen::Opened(1), Seen::Line(1, "7200000-0 2".to_owned())]);
}

#[test]
fn a_use_begins_the_idle_time_anew() {
    let server = Server::start();
    let pool = server.pool().idle_timeout(milliseconds(1500));
    let program = Program::start(seconds(1), vec![vec![1]; 10], |numbers| {
        numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
    });
    (0..10).for_each(|_| program.batch());
    assert_eq!(opened(&server.until_lines(10)), 1);
}

#[test]
fn of_two_the_one_that_nobody_uses_is_closed() {
    let server = Server::start();
    let pool = server.pool().idle_timeout(seconds(30));
    let (engine, clock) = engine(2);
    let numbers = engine.parallelize(0..2, 2);
    let meet = std::sync::Arc::new(std::sync::Barrier::new(2));
    numbers
        .foreach_partition_with(&pool, move |_, _, _| {
            // Both are in use at the same time.
            meet.wait();
        })
        .unwrap();
    assert_eq!((pool.open(), pool.idle()), (2, 2));
    assert_eq!([server.next(), server.next()], [Seen::Opened(0), Seen::Opened(1)]);
    clock.advance(seconds(20));
    engine.parallelize([7], 1).foreach_partition_with(&pool, |_, _, _| ()).unwrap();
    clock.advance(seconds(20));
    assert!(matches!(server.next(), Seen::Closed(_)));
    assert_eq!(pool.open(), 1);
}

fn engine(cores: usize) -> (Engine, ManualClock) {
    let clock = ManualClock::new(Time::ZERO);
    let options = EngineOptions { cores, clock: std::sync::Arc::new(clock.clone()), ..EngineOptions::default() };
    (Engine::start(options).unwrap(), clock)
}

#[test]
fn a_program_that_has_ended_has_closed_its_connections() {
    let server = Server::start();
    let pool = server.pool();
    let program = Program::start(seconds(1), vec![vec![1]], |numbers| {
        numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
    });
    program.batch();
    assert_eq!((opened(&server.until_lines(1)), pool.idle()), (1, 1));
    program.running.stop(Stop::Graceful).unwrap();
    assert_eq!(server.next(), Seen::Closed(0));
    assert_eq!(pool.open(), 0);
    // Neither is anything waited for: the watch has ended with the program.
    wait_until(&program, "the last sleep", || program.clock.waiting() == 0);
}

#[test]
fn a_pool_that_is_dropped_has_closed_its_connections() {
    let server = Server::start();
    let (pool, engine) = (server.pool(), Engine::local(1).unwrap());
    engine.parallelize([7], 1).foreach_partition_with(&pool, |_, _, _| ()).unwrap();
    assert_eq!((server.next(), pool.idle()), (Seen::Opened(0), 1));
    let other = pool.clone();
    drop(pool);
    assert_eq!(other.idle(), 1);
    drop(other);
    assert_eq!(server.next(), Seen::Closed(0));
}

#[test]
fn the_last_handle_may_go_with_the_program() {
    let server = Server::start();
    let program = Program::start(seconds(1), vec![vec![1]], |numbers| {
        let pool = server.pool();
        numbers.foreach_partition_with(&pool, |connection, records, id| write(connection, &records, id));
    });
    program.batch();
    program.running.stop(Stop::Graceful).unwrap();
    drop(program);
    let seen: Vec<_> = (0..3).map(|_| server.next()).collect();
    assert_eq!(seen, [Seen::Opened(0), Seen::Line(0, "1000-0 1".to_owned()), Seen::Closed(0)]);
}

#[test]
fn a_pool_outlives_the_engines_that_use_it() {
    let (made, closed) = channel();
    let pool = ResourcePool::new(move || made.send(()).map(|()| made.clone())).idle_timeout(seconds(30));
    let (first, _) = engine(1);
    first.parallelize([7], 1).foreach_partition_with(&pool, |_, _, _| ()).unwrap();
    drop(first);
    assert_eq!(pool.idle(), 1);
    let (second, clock) = engine(1);
    second.parallelize([7], 1).foreach_partition_with(&pool, |_, _, _| ()).unwrap();
    // The second engine looks after what the first has left.
    let mut turns = 0;
    while pool.open() > 0 {
        turns += 1;
        assert!(turns < 20_000, "{pool:?}, {clock:?}");
        clock.advance(seconds(1));
        second.parallelize([7], 1).count().unwrap();
    }
    assert_eq!(closed.try_iter().count(), 1);
}
