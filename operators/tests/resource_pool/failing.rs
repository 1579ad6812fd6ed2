//! What goes wrong, and what becomes of the resource then.

use crate::server::{Program, Seen, Server, write};
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waterwheel_operators::prelude::*;

/// O-8
#[test]
fn a_closure_that_fails_or_panics_is_tried_again_on_a_new_connection_under_the_same_id() {
    for panics in [false, true] {
        let server = Server::start();
        let (pool, calls) = (server.pool(), AtomicUsize::new(0));
        let program = Program::start(seconds(1), vec![vec![7], vec![8]], |numbers| {
            numbers.foreach_partition_with(&pool, move |connection, records, id| {
                write(connection, &records, id)?;
                match calls.fetch_add(1, Ordering::SeqCst) {
                    0 if panics => panic!("after the write"),
                    0 => Err(io::Error::other("after the write")),
                    _ => Ok(()),
                }
            });
        });
        (0..2).for_each(|_| program.batch());
        let mut seen = server.until_lines(3);
        // The failed one is closed at some time after its line.
        let closed = seen.iter().position(|seen| *seen == Seen::Closed(0)).map(|at| seen.remove(at));
        assert_eq!(closed.unwrap_or_else(|| server.next()), Seen::Closed(0));
        let line = |connection, text: &str| Seen::Line(connection, text.to_owned());
        // The server reads its connections side by side.
        seen.sort_by_key(|seen| match seen {
            Seen::Line(connection, _) => Some(*connection),
            _ => None,
        });
        let expected =
            [Seen::Opened(0), Seen::Opened(1), line(0, "1000-0 7"), line(1, "1000-0 7"), line(1, "2000-0 8")];
        assert_eq!(seen, expected, "panics: {panics}");
        // Who keeps what it was given under its id has each partition once.
        let kept: BTreeMap<_, _> = seen
            .iter()
            .filter_map(|seen| match seen {
                Seen::Line(_, line) => line.split_once(' '),
                _ => None,
            })
            .collect();
        assert_eq!(kept, BTreeMap::from([("1000-0", "7"), ("2000-0", "8")]));
    }
}

#[test]
fn a_refused_connection_names_operator_line_partition_cause_and_what_to_do() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let engine = Engine::local(1).unwrap();
    let pool = ResourcePool::new(move || std::net::TcpStream::connect(nobody));
    let numbers = engine.parallelize([1, 2], 2);
    let line = line!() + 1;
    let error = numbers.foreach_partition_with(&pool, |_, _, _| ()).unwrap_err().to_string();
    let start = format!("foreach_partition_with at {}:{line}:", file!());
    assert!(error.starts_with(&start) && error.contains(" failed in partition "), "{error}");
    assert!(error.contains("the pool could not connect: Connection refused (os error "), "{error}");
    assert!(error.contains("see that the other side runs and can be reached"), "{error}");
    assert!(error.ends_with("(attempt 4 of 4)"), "{error}");
    assert_eq!((pool.open(), pool.idle()), (0, 0));
}

#[test]
fn in_a_stream_a_refused_connection_fails_the_batch_by_its_name() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let pool = ResourcePool::new(move || std::net::TcpStream::connect(nobody));
    let program = Program::start(seconds(1), vec![vec![1]], |numbers| {
        numbers.foreach_partition_with(&pool, |_, _, _| ());
    });
    program.clock.advance(seconds(1));
    let error = program.running.await_termination().unwrap_err().to_string();
    assert!(error.contains("foreach_partition_with at operators/tests/resource_pool/failing.rs:"), "{error}");
    assert!(error.contains("partition 0 of batch 1000 ms: the pool could not connect: Connection refused"), "{error}");
}

#[test]
fn a_server_that_comes_up_between_two_attempts_is_found() {
    let engine = Engine::local(1).unwrap();
    let attempts = Arc::new(AtomicUsize::new(0));
    let theirs = attempts.clone();
    let pool = ResourcePool::new(move || match theirs.fetch_add(1, Ordering::SeqCst) {
        0..3 => Err("still starting"),
        _ => Ok(()),
    });
    engine.parallelize([7], 1).foreach_partition_with(&pool, |_, _, _| ()).unwrap();
    assert_eq!((attempts.load(Ordering::SeqCst), pool.idle()), (4, 1));
}

#[test]
fn panics_in_connect_and_in_the_health_check_are_the_operator_s() {
    let engine = Engine::local(1).unwrap();
    let numbers = engine.parallelize([7], 1);
    let unmade: ResourcePool<()> = ResourcePool::new(|| -> Result<(), String> { panic!("no such driver") });
    let error = numbers.foreach_partition_with(&unmade, |_, _, _| ()).unwrap_err().to_string();
    assert!(error.contains("foreach_partition_with at") && error.contains("panicked in partition 0: no such driver"));
    let unchecked = ResourcePool::new(|| Ok::<_, String>(())).health_check(|()| panic!("no such check"));
    numbers.foreach_partition_with(&unchecked, |_, _, _| ()).unwrap();
    // Each attempt but the first finds the pool empty: what could not be checked was closed.
    numbers.foreach_partition_with(&unchecked, |_, _, _| ()).unwrap();
    assert_eq!((unchecked.open(), unchecked.idle()), (1, 1));
}

/// Panics when it is closed.
struct Sore;

impl Drop for Sore {
    fn drop(&mut self) {
        panic!("when closed");
    }
}

#[test]
fn a_panic_while_a_failed_resource_is_closed_does_not_hide_why_it_failed() {
    let engine = Engine::local(1).unwrap();
    let pool = ResourcePool::new(|| Ok::<_, String>(Sore));
    let numbers = engine.parallelize([7], 1);
    let error = numbers.foreach_partition_with(&pool, |_, _, _| Err("no room")).unwrap_err().to_string();
    assert!(error.contains("failed in partition 0: no room"), "{error}");
    let error = numbers.foreach_partition_with(&pool, |_, _, _| -> () { panic!("no floor") }).unwrap_err().to_string();
    assert!(error.contains("panicked in partition 0: no floor"), "{error}");
    assert_eq!(pool.open(), 0);
    numbers.foreach_partition_with(&pool, |_, _, _| ()).unwrap();
    drop(pool);
}

#[test]
fn an_action_in_the_closure_is_refused_as_in_any_task() {
    let engine = Engine::local(1).unwrap();
    let (numbers, pool) = (engine.parallelize([7], 1), ResourcePool::new(|| Ok::<_, String>(())));
    let inner = numbers.clone();
    let error = numbers.foreach_partition_with(&pool, move |_, _, _| inner.count().map(drop)).unwrap_err().to_string();
    assert!(error.contains("was called inside a task"), "{error}");
}
