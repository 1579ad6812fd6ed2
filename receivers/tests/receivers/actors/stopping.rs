//! How actors end with their program, and what is answered then.

use super::*;
use std::sync::mpsc::{Sender, channel};

/// Answers when the record is stored for good, and tells what is called of it.
struct Ledger {
    sink: ActorSink<u64>,
    calls: Sender<&'static str>,
    stubborn: bool,
}

impl Actor for Ledger {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        let _ = self.calls.send("stopping");
        if self.stubborn { Running::Continue } else { Running::Stop }
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        let _ = self.calls.send("stopped");
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = self.calls.send("dropped");
    }
}

#[derive(Message)]
#[rtype(result = "Result<(), StoreReliablyError>")]
struct Entry(u64);

impl Handler<Entry> for Ledger {
    type Result = ResponseFuture<Result<(), StoreReliablyError>>;

    fn handle(&mut self, Entry(number): Entry, _: &mut Context<Self>) -> Self::Result {
        Box::pin(self.sink.store_acknowledged(vec![number]))
    }
}

/// N-6
#[test]
fn an_acknowledgement_comes_when_the_block_is_in_the_ledger_and_not_before() {
    let (ssc, clock) = manual_context(config().with_block_interval(seconds(1)));
    let (calls, _heard) = channel();
    let stream =
        ssc.actor_stream("ledger", at_once(), move |sink| Ledger { sink, calls: calls.clone(), stubborn: false });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();

    let waiting: Vec<_> = (0..10).map(|number| block_on(address.post(Entry(number))).unwrap()).collect();
    wait_until(|| address.statistics().records == 10);
    let mut first = waiting.into_iter();
    let mut one = first.next().unwrap();
    assert!(futures::FutureExt::now_or_never(&mut one).is_none());
    clock.advance(seconds(1));
    assert_eq!(block_on(one), Ok(Ok(())));
    for answer in first {
        assert_eq!(block_on(answer), Ok(Ok(())));
    }
    assert_same(next_records(&numbers, 10), 0..10);
    running.stop(Stop::Immediate).unwrap();
}

/// N-5
#[test]
fn a_graceful_stop_handles_and_answers_what_is_in_the_mailbox_before_it_stops_the_actor() {
    let (ssc, _clock) = manual_context(config());
    let (calls, heard) = channel();
    let stream =
        ssc.actor_stream("ledger", at_once(), move |sink| Ledger { sink, calls: calls.clone(), stubborn: false });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let waiting: Vec<_> = (0..50).map(|number| address.try_send(Entry(number)).unwrap()).collect();
    let running = ssc.start().unwrap();
    wait_started(&running);
    running.stop(Stop::Graceful).unwrap();
    for answer in waiting {
        assert_eq!(block_on(answer), Ok(Ok(())));
    }
    assert_same(numbers.try_iter().flatten(), 0..50);
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), ["stopping", "stopped", "dropped"]);
}

/// N-5
#[test]
fn an_actor_that_does_not_want_to_stop_is_dropped_at_the_deadline_and_named() {
    let (ssc, clock) = manual_context(config().with_graceful_stop_timeout(seconds(30)));
    let (calls, heard) = channel();
    let stream =
        ssc.actor_stream("ledger", at_once(), move |sink| Ledger { sink, calls: calls.clone(), stubborn: true });
    let _numbers = batches(stream.stream());
    let running = ssc.start().unwrap();
    wait_started(&running);
    std::thread::scope(|threads| {
        let stopping = threads.spawn(|| running.stop(Stop::Graceful));
        assert_eq!(heard.recv_timeout(DEADLINE), Ok("stopping"));
        wait_until(|| {
            clock.advance(seconds(1));
            stopping.is_finished()
        });
        let fault = stopping.join().unwrap().unwrap_err().to_string();
        assert!(fault.contains("the receiver ledger has not stopped"), "{fault}");
    });
    let calls: Vec<_> = heard.iter().collect();
    assert_eq!(calls.last(), Some(&"dropped"), "{calls:?}");
}

/// N-5
#[test]
fn an_immediate_stop_stops_the_actor_as_actix_does() {
    let (ssc, _clock) = manual_context(config());
    let (calls, heard) = channel();
    let stream =
        ssc.actor_stream("ledger", at_once(), move |sink| Ledger { sink, calls: calls.clone(), stubborn: false });
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    // Answered only with the next cut: it is under way when the stop comes.
    let answer = block_on(address.post(Entry(1))).unwrap();
    wait_until(|| address.statistics().records == 1);
    running.stop(Stop::Immediate).unwrap();
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["stopping", "stopped", "dropped"]);
    assert!(block_on(answer).unwrap_err().begun);
}

/// Nobody is there to handle them: whoever waits for an answer knows it.
/// N-5
#[test]
fn messages_that_wait_for_an_actor_that_is_not_made_any_more_are_told_so() {
    quietly();
    let (ssc, _clock) = manual_context(config());
    let policy = SupervisorPolicy::for_actors().delay(seconds(3600)).max_delay(seconds(3600));
    let stream = ssc.actor_stream("numbers", policy, |sink| Numbers { sink });
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    assert!(block_on(address.send(Number(0, Fate::PanicBefore))).is_err());
    let answer = block_on(address.post(store(1))).unwrap();
    running.stop(Stop::Graceful).unwrap();
    let error = block_on(answer).unwrap_err();
    assert!(!error.begun && error.to_string().contains("numbers did not answer"), "{error}");
}

/// N-7
#[test]
fn an_actor_that_blocks_its_thread_holds_up_no_other_stream() {
    struct Blocked(std::sync::mpsc::Receiver<()>, Sender<()>);
    impl Actor for Blocked {
        type Context = Context<Self>;
        fn started(&mut self, _: &mut Context<Self>) {
            self.1.send(()).unwrap();
            let _ = self.0.recv();
        }
    }

    let ssc = context(config());
    let (release, wait) = channel();
    let (began, begun) = channel();
    let mut wait = Some(wait);
    let blocked =
        ssc.actor_stream("blocked", at_once(), move |_: ActorSink<u32>| Blocked(wait.take().unwrap(), began.clone()));
    let _nothing = batches(blocked.stream());
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Numbers { sink });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    begun.recv_timeout(DEADLINE).unwrap();
    assert_eq!(block_on(address.send(store(1))).unwrap(), 1);
    assert_eq!(next_records(&numbers, 1), [1]);
    drop(release);
    running.stop(Stop::Graceful).unwrap();
}

/// An actor, as any code of the user's that runs on the engine, cannot wait for the program that it is part of.
/// N-5
#[test]
fn an_actor_that_stops_its_own_program_is_refused_instead_of_waiting_for_itself() {
    #[derive(Message)]
    #[rtype(result = "String")]
    struct StopIt(std::sync::Arc<RunningContext>);
    struct Suicidal;
    impl Actor for Suicidal {
        type Context = Context<Self>;
    }
    impl Handler<StopIt> for Suicidal {
        type Result = String;
        fn handle(&mut self, StopIt(running): StopIt, _: &mut Context<Self>) -> String {
            running.stop(Stop::Graceful).unwrap_err().to_string()
        }
    }

    let (ssc, _clock) = manual_context(config());
    let stream = ssc.actor_stream("suicidal", at_once(), |_: ActorSink<u32>| Suicidal);
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = std::sync::Arc::new(ssc.start().unwrap());
    let error = block_on(address.send(StopIt(running.clone()))).unwrap();
    assert!(error.contains("request_stop"), "{error}");
    running.stop(Stop::Immediate).unwrap();
}

/// actix's `AtomicResponse` has the actor wait for its own answer: the next message comes after it, also through this mailbox.
/// N-6
#[test]
fn a_handler_that_makes_its_actor_wait_is_waited_for() {
    struct Strict {
        sink: ActorSink<u64>,
        busy: bool,
    }
    impl Actor for Strict {
        type Context = Context<Self>;
    }
    impl Handler<Entry> for Strict {
        type Result = AtomicResponse<Self, Result<(), StoreReliablyError>>;
        fn handle(&mut self, Entry(number): Entry, _: &mut Context<Self>) -> Self::Result {
            assert!(!std::mem::replace(&mut self.busy, true), "the message before is not answered");
            let stored = self.sink.store_acknowledged(vec![number]).into_actor(self);
            AtomicResponse::new(Box::pin(stored.map(|stored, actor, _| {
                actor.busy = false;
                stored
            })))
        }
    }

    let ssc = context(config());
    let stream = ssc.actor_stream("strict", at_once(), |sink| Strict { sink, busy: false });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let waiting: Vec<_> = (0..5).map(|number| address.try_send(Entry(number)).unwrap()).collect();
    let running = ssc.start().unwrap();
    for answer in waiting {
        assert_eq!(block_on(answer), Ok(Ok(())));
    }
    assert_same(next_records(&numbers, 5), 0..5);
    assert_eq!(address.statistics().hiccups, 0);
    running.stop(Stop::Graceful).unwrap();
}
