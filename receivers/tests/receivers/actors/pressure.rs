//! What holds an actor back, counted.

use super::*;

/// Every record takes the whole allowance: one is in the stream, one is held by the sink of the actor, and from then on the actor is
/// handed nothing. Its mailbox takes as many messages as it has room for, and not one more.
/// N-4
#[test]
fn a_stream_that_is_full_holds_the_actor_after_one_message_and_the_senders_after_its_mailbox() {
    const ROOM: usize = 5;
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    let options = ActorOptions::default().policy(at_once()).mailbox(ROOM);
    let stream = ssc.actor_stream_with("numbers", options, |sink| Numbers { sink });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();

    // The one that comes in, and the one that is held.
    assert_eq!(block_on(address.send(store(0))).unwrap(), 0);
    assert_eq!(block_on(address.send(store(1))).unwrap(), 1);
    let answers: Vec<_> = (2..2 + ROOM as u64).map(|number| address.try_send(store(number)).unwrap()).collect();
    let full = address.try_send(store(99)).unwrap_err();
    assert!(matches!(full, ActorSendError::Full { .. }), "{full}");
    assert_eq!((address.statistics().messages, address.statistics().records), (2, 1));
    // Whoever looks at the stream sees what waits for the actor, and what came in.
    let depth = running.remote().depths().streams.into_values().next().unwrap();
    assert_eq!((address.statistics().waiting, depth.intake.mailbox), (ROOM, Some(ROOM)));
    assert_eq!((depth.intake.waiting.records, depth.intake.memory_bytes), (1, 1));

    // Every batch that is done lets one record in, and one message to the actor.
    assert_same(turn_until(&clock, &numbers, 2 + ROOM), 0..2 + ROOM as u64);
    for (number, answer) in (2..).zip(answers) {
        assert_eq!(block_on(answer), Ok(number));
    }
    assert_eq!(address.statistics().waiting, 0);
    running.stop(Stop::Immediate).unwrap();
}

/// The room of the mailbox is exact however many threads send at the same time.
/// N-4
#[test]
fn any_number_of_senders_share_the_room_of_the_mailbox() {
    const ROOM: usize = 8;
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    let options = ActorOptions::default().policy(at_once()).mailbox(ROOM);
    let stream = ssc.actor_stream_with("numbers", options, |sink| Numbers { sink });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    block_on(address.send(store(0))).unwrap();
    block_on(address.send(store(0))).unwrap();

    let taken: usize = std::thread::scope(|threads| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let address = address.clone();
                threads.spawn(move || (0..100).filter(|_| address.try_send(store(0)).is_ok()).count())
            })
            .collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    assert_eq!(taken, ROOM);
    assert_eq!(turn_until(&clock, &numbers, 2 + ROOM).len(), 2 + ROOM);
    running.stop(Stop::Immediate).unwrap();
}

/// actix hands its actors all messages that are there in one go; this address does not.
/// N-4
#[test]
fn the_address_of_actix_is_held_back_as_well() {
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Numbers { sink });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let raw = address.addr();
    for number in 0..10 {
        raw.try_send(store(number)).unwrap();
    }
    let running = ssc.start().unwrap();
    wait_until(|| address.statistics().messages == 2);
    assert_eq!(address.statistics().records, 1);
    assert_same(turn_until(&clock, &numbers, 10), 0..10);
    running.stop(Stop::Immediate).unwrap();
}

/// With a full stream the timers of an actor rest, too. How many ticks a turn of the actor makes up for depends on how busy the machine
/// is, so turns with a tick are counted: one whose record comes in, and one whose record waits.
/// N-4
#[test]
fn timers_of_an_actor_rest_while_what_it_stored_waits() {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Poll;

    struct Ticking {
        sink: ActorSink<u64>,
        ticks: Arc<AtomicU64>,
        turns: Arc<AtomicU64>,
    }
    impl Actor for Ticking {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Context<Self>) {
            // The number of the turn, and of the last one with a tick.
            let (turn, ticked) = (Rc::new(Cell::new(1_u64)), Cell::new(0));
            let now = turn.clone();
            ctx.run_interval(milliseconds(1), move |actor, _| {
                if ticked.replace(now.get()) != now.get() {
                    actor.turns.fetch_add(1, Ordering::SeqCst);
                }
                let tick = 1 + actor.ticks.fetch_add(1, Ordering::SeqCst);
                actor.sink.store(tick).unwrap();
            });
            // Polled whenever the actor is, behind the timer.
            let count = std::future::poll_fn(move |_| {
                turn.set(turn.get() + 1);
                Poll::<()>::Pending
            });
            ctx.spawn(count.into_actor(self));
        }
    }
    /// Ticks as often, and stores nothing.
    struct Free(Arc<AtomicU64>);
    impl Actor for Free {
        type Context = Context<Self>;
        fn started(&mut self, ctx: &mut Context<Self>) {
            ctx.run_interval(milliseconds(1), |actor, _| {
                actor.0.fetch_add(1, Ordering::SeqCst);
            });
        }
    }

    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    let [ticks, turns, free] = [(); 3].map(|()| Arc::<AtomicU64>::default());
    let (counted, counted_turns, counted_too) = (ticks.clone(), turns.clone(), free.clone());
    let make = move |sink| Ticking { sink, ticks: counted.clone(), turns: counted_turns.clone() };
    let stream = ssc.actor_stream("ticks", at_once(), make);
    let other = ssc.actor_stream("free", at_once(), move |_: ActorSink<u64>| Free(counted_too.clone()));
    let (numbers, _nothing) = (batches(stream.stream()), batches(other.stream()));
    let running = ssc.start().unwrap();
    wait_until(|| ticks.load(Ordering::SeqCst) >= 2);
    let before = free.load(Ordering::SeqCst);
    wait_until(|| free.load(Ordering::SeqCst) >= before + 100);
    let turns = turns.load(Ordering::SeqCst);
    assert!(turns <= 2, "{turns} turns with a tick while there was room for one record");
    assert_same(turn_until(&clock, &numbers, 20).into_iter().take(20), 1..=20);
    running.stop(Stop::Immediate).unwrap();
}

/// N-5
#[test]
fn a_record_that_was_accepted_comes_in_at_a_graceful_stop_whatever_the_rate_says() {
    let (ssc, _clock) = manual_context(config().with_receiver(receivers().with_max_rate(1)));
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Numbers { sink });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    for number in 0..2 {
        assert_eq!(block_on(address.send(store(number))).unwrap(), number);
    }
    // These wait in the mailbox, since the last one may not come in before a second is over.
    (2..10).for_each(|number| post(&address, store(number)));
    running.stop(Stop::Graceful).unwrap();
    assert_same(numbers.try_iter().flatten(), 0..10);
}

/// Where the stream sheds, the actor is not held back: what finds no room is dropped and counted. What is to be acknowledged waits
/// all the same.
/// N-4
#[test]
fn where_the_stream_sheds_an_actor_goes_on_and_only_what_is_acknowledged_waits() {
    use waterwheel_runtime::flow::Overload;

    struct Both(ActorSink<u64>);
    impl Actor for Both {
        type Context = Context<Self>;
    }
    impl Handler<Number> for Both {
        type Result = MessageResult<Number>;
        fn handle(&mut self, Number(number, _): Number, _: &mut Context<Self>) -> Self::Result {
            self.0.store(number).unwrap();
            MessageResult(number)
        }
    }
    #[derive(Message)]
    #[rtype(result = "Result<(), StoreReliablyError>")]
    struct Keep(u64);
    impl Handler<Keep> for Both {
        type Result = ResponseFuture<Result<(), StoreReliablyError>>;
        fn handle(&mut self, Keep(number): Keep, _: &mut Context<Self>) -> Self::Result {
            Box::pin(self.0.store_acknowledged(vec![number]))
        }
    }

    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    let options = ActorOptions::default().policy(at_once()).overload(Overload::Shed);
    let stream = ssc.actor_stream_with("both", options, Both);
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    for number in 0..10 {
        assert_eq!(block_on(address.send(store(number))).unwrap(), number);
    }
    let kept = block_on(address.post(Keep(10))).unwrap();
    // The first came in; nine were shed; the last one waits for the batch.
    assert_eq!(turn_until(&clock, &numbers, 2), [0, 10]);
    assert_eq!(block_on(kept), Ok(Ok(())));
    let statistics = address.statistics();
    assert_eq!((statistics.messages, statistics.records, statistics.shed), (11, 2, 9), "what was shed is not stored");
    running.stop(Stop::Immediate).unwrap();
}
