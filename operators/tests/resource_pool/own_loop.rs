//! Clients that drive an event loop of their own, as blocking clients of databases do.

use crate::server::{PATIENCE, Program};
use std::sync::mpsc::{Receiver, Sender, channel};
use waterwheel_operators::prelude::*;

/// Panics on a thread that drives another event loop.
fn drive_a_loop() {
    actix::System::new().block_on(async {});
}

/// Does all it does in a loop of its own, and tells when it is closed.
struct Client(Sender<()>);

impl Client {
    fn connect(closed: &Sender<()>) -> Result<Client, String> {
        drive_a_loop();
        Ok(Client(closed.clone()))
    }

    fn write(&mut self, ok: bool) -> Result<(), &'static str> {
        drive_a_loop();
        if ok { Ok(()) } else { Err("refused") }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drive_a_loop();
        // Not reached by one that panics.
        let _ = self.0.send(());
    }
}

fn clients() -> (ResourcePool<Client>, Receiver<()>) {
    let (tell, closed) = channel();
    let pool = ResourcePool::new(move || Client::connect(&tell)).health_check(|client| client.write(true).is_ok());
    (pool, closed)
}

#[test]
fn it_is_made_checked_used_and_closed_after_a_failure() {
    let (pool, closed) = clients();
    let engine = Engine::local(1).unwrap();
    let numbers = engine.parallelize([true, true], 2);
    numbers.foreach_partition_with(&pool, |client, oks, _| oks.iter().try_for_each(|ok| client.write(*ok))).unwrap();
    assert_eq!((pool.open(), closed.try_iter().count()), (1, 0));
    let failed = engine.parallelize([false], 1).foreach_partition_with(&pool, |client, _, _| client.write(false));
    assert!(failed.unwrap_err().to_string().contains("refused"));
    assert_eq!((pool.open(), closed.try_iter().count()), (0, 4));
}

#[test]
fn it_is_closed_when_the_pool_is_dropped() {
    let (pool, closed) = clients();
    let engine = Engine::local(1).unwrap();
    engine.parallelize([true], 1).foreach_partition_with(&pool, |_, _, _| ()).unwrap();
    drop(pool);
    assert_eq!(closed.iter().count(), 1);
}

#[test]
fn it_is_closed_when_it_is_idle_and_when_its_program_ends() {
    let (pool, closed) = clients();
    let pool = pool.idle_timeout(seconds(30));
    let program = Program::start(seconds(60), vec![vec![1], vec![2]], |numbers| {
        numbers.foreach_partition_with(&pool, |client, _, _| client.write(true));
    });
    program.batch();
    assert_eq!(pool.open(), 1);
    program.clock.advance(seconds(30));
    closed.recv_timeout(PATIENCE).unwrap();
    program.clock.advance(seconds(30));
    assert!(program.running.wait_for_batches(2, PATIENCE));
    assert_eq!(pool.open(), 1);
    program.running.stop(Stop::Graceful).unwrap();
    closed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(pool.open(), 0);
}
