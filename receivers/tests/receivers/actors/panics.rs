//! Actors that panic: what is kept, what is told, and when the policy gives up.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A panic at a random message, 1,000 times: before the record is stored, or after it in the same handler. Senders keep up to 50
/// messages under way, so that most panics find messages waiting behind the one that panics.
/// N-1
#[test]
fn a_thousand_panics_at_random_messages_lose_no_stored_record_and_double_none() {
    const SEED: u64 = 20_260_611;
    const PANICS: u64 = 1_000;
    println!("seed {SEED}");
    quietly();
    let (ssc, clock) = manual_context(config());
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Numbers { sink });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();

    let (mut chance, mut panics, mut sent, mut kept) = (StdRng::seed_from_u64(SEED), 0, 0, Vec::new());
    let mut under_way = VecDeque::new();
    while panics < PANICS || !under_way.is_empty() {
        if panics < PANICS && under_way.len() < 50 {
            let fate = match chance.random_range(0..10) {
                0 => Fate::PanicBefore,
                1 => Fate::PanicAfter,
                _ => Fate::Store,
            };
            panics += u64::from(fate != Fate::Store);
            kept.extend((fate != Fate::PanicBefore).then_some(sent));
            under_way.push_back((Number(sent, fate), block_on(address.post(Number(sent, fate))).unwrap()));
            sent += 1;
        } else if let Some((Number(number, fate), answer)) = under_way.pop_front() {
            match (block_on(answer), fate) {
                (Ok(answer), Fate::Store) => assert_eq!(answer, number),
                (Err(_), Fate::PanicBefore | Fate::PanicAfter) => {}
                (answer, fate) => panic!("{number} was to {fate:?}: {answer:?}"),
            }
        }
    }
    // A sender knows of a panic before it is counted.
    wait_until(|| address.statistics().hiccups == PANICS);
    let statistics = address.statistics();
    assert_eq!(statistics.messages, sent);
    assert!(statistics.last_failure.as_ref().unwrap().starts_with("panicked: on purpose"));
    assert_eq!(running.state(), ContextState::Active);

    assert_eq!((statistics.records, statistics.lost), (kept.len() as u64, 0));
    assert_same(turn_until(&clock, &numbers, kept.len()), kept);
    clock.advance(seconds(1));
    running.stop(Stop::Graceful).unwrap();
    assert_same(numbers.try_iter().flatten(), []);
}

/// N-2
#[test]
fn a_policy_that_gives_up_ends_the_program_with_the_stream_the_line_and_the_first_error() {
    quietly();
    let (ssc, _clock) = manual_context(config());
    let policy = at_once().max_restarts(3, seconds(3600));
    let lives = Arc::new(AtomicU32::new(0));
    let counted = lives.clone();
    let line = line!() + 1;
    let stream = ssc.actor_stream("numbers", policy, move |sink| {
        counted.fetch_add(1, Ordering::SeqCst);
        Numbers { sink }
    });
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    for number in 0..4 {
        let error = block_on(address.send(Number(number, Fate::PanicBefore))).unwrap_err();
        assert!(error.to_string().contains("did not answer") && error.into_message().is_none());
    }

    let fault = running.await_termination().unwrap_err().to_string();
    for part in ["numbers", &format!("panics.rs:{line}"), "on purpose, before 0", "on purpose, before 3"] {
        assert!(fault.contains(part), "{part} is missing: {fault}");
    }
    assert_eq!((lives.load(Ordering::SeqCst), address.statistics().hiccups), (4, 4));
    let error = block_on(address.send(store(9))).unwrap_err();
    assert_eq!(error.into_message().unwrap().0, 9);
    assert!(address.is_ended() && address.statistics().ended);
}

/// N-2
#[test]
fn a_factory_that_panics_counts_as_an_actor_that_does() {
    quietly();
    let (ssc, _clock) = manual_context(config());
    let policy = at_once().max_restarts(1, seconds(3600));
    let stream = ssc.actor_stream("numbers", policy, |sink| {
        assert!(sink.is_stopping(), "{ON_PURPOSE}, in the factory");
        Numbers { sink }
    });
    let _numbers = batches(stream.stream());
    let running = ssc.start().unwrap();
    let fault = running.await_termination().unwrap_err().to_string();
    assert!(fault.contains("on purpose, in the factory"), "{fault}");
}

/// Its state is unknown: nothing of it is called any more. What it stored is kept, and an actor that stops itself is made anew, too.
/// N-1
#[test]
fn an_actor_that_panicked_is_dropped_without_another_word() {
    struct Careful {
        sink: ActorSink<String>,
        panics: bool,
    }
    impl Actor for Careful {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Context<Self>) {
            self.sink.store("started".to_owned()).unwrap();
            assert!(!self.panics, "{ON_PURPOSE}, at the start");
            ctx.stop();
        }
        fn stopping(&mut self, _: &mut Context<Self>) -> Running {
            self.sink.store("stopping".to_owned()).unwrap();
            Running::Stop
        }
        fn stopped(&mut self, _: &mut Context<Self>) {
            self.sink.store("stopped".to_owned()).unwrap();
        }
    }

    quietly();
    let (ssc, _clock) = manual_context(config());
    let mut life = 0;
    let stream = ssc.actor_stream("careful", at_once().max_restarts(2, seconds(3600)), move |sink| {
        life += 1;
        Careful { sink, panics: life != 2 }
    });
    let (_words, told) = (batches(stream.stream()), events(&ssc));
    let running = ssc.start().unwrap();
    assert_eq!(wait_for_error(&told, "panicked"), "panicked: on purpose, at the start");
    let fault = running.await_termination().unwrap_err().to_string();
    assert!(fault.contains("on purpose"), "{fault}");
    // "started" of three lives, and what the second said at its end.
    assert_eq!(running.receivers()[0].records, 5);
}

/// The program cannot store what cannot be encoded; it says how much that was. Records that own something are looked at as they come in.
/// N-1
#[test]
fn records_whose_encoding_panics_are_counted_as_lost() {
    #[derive(Debug, Clone, serde::Deserialize)]
    struct Fragile(Box<u64>);
    impl serde::Serialize for Fragile {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert!(*self.0 != 13, "{ON_PURPOSE}, at its encoding");
            serializer.serialize_u64(*self.0)
        }
    }
    struct Keeper(ActorSink<Fragile>);
    impl Actor for Keeper {
        type Context = Context<Self>;
    }
    impl Handler<Number> for Keeper {
        type Result = MessageResult<Number>;
        fn handle(&mut self, Number(number, _): Number, _: &mut Context<Self>) -> Self::Result {
            self.0.store_many(vec![Fragile(Box::new(number)); 2]).unwrap();
            MessageResult(number)
        }
    }

    quietly();
    let (ssc, clock) = manual_context(config());
    let stream = ssc.actor_stream("fragile", at_once(), Keeper);
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    for number in [1, 13, 2] {
        let _ = block_on(address.send(store(number)));
    }
    wait_until(|| address.statistics().records == 4);
    let statistics = address.statistics();
    assert_eq!((statistics.lost, statistics.hiccups), (2, 1));
    let kept: Vec<u64> = turn_until(&clock, &numbers, 4).into_iter().map(|Fragile(number)| *number).collect();
    assert_eq!(kept, [1, 1, 2, 2]);
    running.stop(Stop::Immediate).unwrap();
}
