//! What becomes of messages: in order, answered, and over connections and programs that end.

use super::*;
use std::collections::BTreeSet;

/// M-1
#[test]
fn messages_arrive_in_order_once_and_are_answered() {
    let served = serve(context(config()), RemotePortOptions::default());
    let feeder = served.connect();
    let receipts: Vec<_> = (0..5000).map(|number| feeder.post_blocking(&Order::Store(number)).unwrap()).collect();
    for receipt in receipts {
        receipt.wait_blocking().unwrap();
    }
    feeder.settle_blocking().unwrap();
    assert_eq!((feeder.unacknowledged(), feeder.failed(), feeder.connections()), (0, 0, 1));
    feeder.close_blocking().unwrap();
    assert_same(next_records(&served.numbers, 5000), 0..5000);
    let statistics = served.statistics();
    assert_eq!((statistics.messages, statistics.acknowledged, statistics.failed), (5000, 5000, 0));
    wait_until(|| served.statistics().connections == 0);
    assert_eq!(served.statistics().refused, []);
    served.running.stop(Stop::Graceful).unwrap();
}

/// M-1
#[test]
fn a_handlers_error_a_panic_and_bytes_that_are_no_message_are_told_and_the_rest_goes_on() {
    let served = serve(context(config()), RemotePortOptions::default());
    let feeder = served.connect();
    feeder.send_blocking(&Order::Store(1)).unwrap();
    let refused = feeder.send_blocking(&Order::Refuse(2)).unwrap_err();
    assert_eq!(refused.to_string(), "the actor refused the message: 2 is not wanted");
    let failed = feeder.send_blocking(&Order::Panic(3)).unwrap_err();
    assert!(matches!(&failed, RemoteError::Failed { text } if text.contains("numbers")), "{failed}");
    feeder.send_blocking(&Order::Store(4)).unwrap();
    assert_eq!((feeder.failed(), feeder.connections()), (2, 1));

    let (mut raw, _) = Raw::welcomed(served.address());
    raw.send(&Frame::Message { sequence: 1, payload: vec![77] });
    raw.order(2, &Order::Store(5));
    let (mut first, mut second) = (raw.answer(), raw.answer());
    if first.0 > second.0 {
        std::mem::swap(&mut first, &mut second);
    }
    assert_eq!((first.0, first.1, second.0, second.1), (1, MessageOutcome::Undecodable, 2, MessageOutcome::Done));
    assert!(first.2.contains("cannot decode 1 bytes"), "{}", first.2);
    assert_same(next_records(&served.numbers, 3), [1, 4, 5]);
    served.running.stop(Stop::Graceful).unwrap();
}

/// The handler returns what completes when the record is stored for good, so the feeder knows it then and not before.
/// M-2
#[test]
fn a_feeder_is_told_when_its_record_is_stored_for_good_and_not_before() {
    struct Careful(ActorSink<u64>);
    impl Actor for Careful {
        type Context = Context<Self>;
    }
    #[derive(Message, Serialize, Deserialize)]
    #[rtype(result = "Result<(), StoreReliablyError>")]
    struct Keep(u64);
    impl Handler<Keep> for Careful {
        type Result = ResponseFuture<Result<(), StoreReliablyError>>;
        fn handle(&mut self, Keep(number): Keep, _: &mut Context<Self>) -> Self::Result {
            Box::pin(self.0.store_acknowledged(vec![number]))
        }
    }

    let (ssc, clock) = manual_context(config());
    let stream = ssc.actor_stream("careful", at_once(), Careful).remote::<Keep>();
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let port = ssc.remote_actors("127.0.0.1:0").unwrap();
    let running = ssc.start().unwrap();
    let feeder = RemoteActor::connect_blocking(port.address(), "careful").unwrap();
    let receipts: Vec<_> = (0..100).map(|number| feeder.post_blocking(&Keep(number)).unwrap()).collect();
    wait_until(|| address.statistics().records == 100);
    assert_eq!((feeder.unacknowledged(), port.statistics().acknowledged), (100, 0));
    clock.advance(seconds(1));
    for receipt in receipts {
        receipt.wait_blocking().unwrap();
    }
    assert_same(next_records(&numbers, 100), 0..100);
    running.stop(Stop::Immediate).unwrap();
}

/// Programs come and go on one port while a feeder sends. Whatever was acknowledged is in one of them; nothing is skipped.
/// M-3
#[test]
fn a_feeder_outlives_the_programs_it_feeds_and_every_message_arrives_at_least_once() {
    const LIVES: u64 = 5;
    const EACH: u64 = 400;
    let mut served = Some(serve(context(config()), RemotePortOptions::default()));
    let address = served.as_ref().unwrap().address();
    let feeder: RemoteActor<Order> =
        futures::executor::block_on(RemoteActor::connect_with(address, "numbers", hasty())).unwrap();

    let (mut taken, mut receipts) = (BTreeSet::new(), Vec::new());
    for life in 0..LIVES {
        receipts.extend((0..EACH).map(|n| feeder.post_blocking(&Order::Store(life * EACH + n)).unwrap()));
        let served_now = served
            .take()
            .unwrap_or_else(|| serve_at(context(config()), &address.to_string(), RemotePortOptions::default()));
        // Stopped in the middle of it.
        wait_until(|| served_now.statistics().acknowledged >= EACH / 2);
        served_now.running.stop(Stop::Graceful).unwrap();
        taken.extend(served_now.numbers.try_iter().flatten());
    }
    let last = serve_at(context(config()), &address.to_string(), RemotePortOptions::default());
    feeder.close_blocking().unwrap();
    for receipt in receipts {
        receipt.wait_blocking().unwrap();
    }
    last.running.stop(Stop::Graceful).unwrap();
    taken.extend(last.numbers.try_iter().flatten());
    assert_same(taken, 0..LIVES * EACH);
}

/// M-3
#[test]
fn a_feeder_that_gives_up_says_what_is_not_acknowledged() {
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, _clock) = manual_context(config().with_receiver(pending));
    let served = serve(ssc, RemotePortOptions::default());
    let policy = SupervisorPolicy::for_receivers(milliseconds(1)).max_delay(milliseconds(1));
    let options = RemoteActorOptions::default().policy(policy.max_restarts(3, seconds(3600)));
    let connecting = RemoteActor::<Order>::connect_with(served.address(), "numbers", options);
    let feeder = futures::executor::block_on(connecting).unwrap();
    for number in 0..2 {
        feeder.send_blocking(&Order::Store(number)).unwrap();
    }
    // The stream is full: this one waits in the mailbox.
    let receipt = feeder.post_blocking(&Order::Store(2)).unwrap();
    served.running.stop(Stop::Immediate).unwrap();

    let error = receipt.wait_blocking().unwrap_err();
    assert!(matches!(error, RemoteError::Unreachable { attempts: 4, .. }), "{error}");
    assert!(feeder.send_blocking(&Order::Store(3)).is_err());
    let left = feeder.close_blocking().unwrap_err();
    assert_eq!(left.messages, [Order::Store(2)]);
    assert!(left.to_string().starts_with("1 messages were not acknowledged: 127.0.0.1:"), "{left}");
}

/// M-3
#[test]
fn a_feeder_that_is_abandoned_gives_back_its_messages_in_order() {
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, _clock) = manual_context(config().with_receiver(pending));
    let served = serve(ssc, RemotePortOptions::default());
    let feeder = served.connect();
    let receipts: Vec<_> = (0..50).map(|number| feeder.post_blocking(&Order::Store(number)).unwrap()).collect();
    // The first comes in and the second is held by the sink of the actor; both are answered.
    wait_until(|| feeder.unacknowledged() == 48);
    let left = feeder.abandon_blocking();
    assert_same(left, (2..50).map(Order::Store));
    let errors: Vec<_> = receipts.into_iter().filter_map(|receipt| receipt.wait_blocking().err()).collect();
    assert!(errors.len() == 48 && errors.iter().all(|error| *error == RemoteError::Closed));
    served.running.stop(Stop::Immediate).unwrap();
}

/// Stores the numbers from 1 on, each once: skips what it has, and refuses what is not next.
struct Exact {
    sink: ActorSink<u64>,
    last: u64,
}

impl Actor for Exact {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let known = self.sink.last_position::<u64>().into_actor(self);
        ctx.wait(known.map(|last, actor, _| actor.last = last.unwrap().unwrap_or(0)));
    }
}

impl Handler<Order> for Exact {
    type Result = ResponseFuture<Result<(), String>>;

    fn handle(&mut self, order: Order, _: &mut Context<Self>) -> Self::Result {
        let (Order::Store(number) | Order::Refuse(number) | Order::Panic(number)) = order;
        assert!(!matches!(order, Order::Panic(_)), "on purpose, at {number}");
        if number > self.last + 1 {
            return Box::pin(std::future::ready(Err(format!("{} is next", self.last + 1))));
        }
        // What came before may be on its way still: it is waited for in any case.
        let new = if number > self.last { vec![number] } else { Vec::new() };
        self.last = self.last.max(number);
        let stored = self.sink.store_acknowledged_at(new, &self.last);
        Box::pin(async move { stored.await.map_err(|error| error.to_string()) })
    }
}

/// A peer that loses its connection and sends again what it has no answer to, to an actor that fails meanwhile: with positions each
/// number is in the stream once.
/// M-8
#[test]
fn with_positions_what_is_sent_again_is_stored_once() {
    let ssc = context(config());
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Exact { sink, last: 0 }).remote::<Order>();
    let numbers = batches(stream.stream());
    let port = ssc.remote_actors("127.0.0.1:0").unwrap();
    let running = ssc.start().unwrap();
    let (mut first, _) = Raw::welcomed(port.address());
    for number in 1..=10 {
        first.order(number, &Order::Store(number));
    }
    // With these two known to be stored, nothing that is sent again leaves a gap.
    let mut known = BTreeSet::new();
    while !known.is_superset(&BTreeSet::from([1, 2])) {
        let (number, outcome, _) = first.answer();
        assert_eq!(outcome, MessageOutcome::Done);
        known.insert(number);
    }
    first.order(11, &Order::Panic(11));
    drop(first);

    let (mut second, _) = Raw::welcomed(port.address());
    for number in 3..=30 {
        second.order(number, &Order::Store(number));
    }
    let answers: BTreeSet<u64> = (3..=30)
        .map(|_| second.answer())
        .filter_map(|(n, outcome, _)| (outcome == MessageOutcome::Done).then_some(n))
        .collect();
    // Whatever the panic took with it is sent once more.
    let (mut third, _) = Raw::welcomed(port.address());
    for number in 1..=30 {
        third.order(number, &Order::Store(number));
        assert_eq!(third.answer().1, MessageOutcome::Done);
    }
    assert!(!answers.is_empty());
    running.stop(Stop::Graceful).unwrap();
    assert_same(numbers.try_iter().flatten(), 1..=30);
}

/// The message in whose handling an actor fails is not stored, and those behind it wait for the next actor. If that took them, the one
/// that is missing would be skipped as an old one when it is sent again.
/// M-8
#[test]
fn with_positions_a_message_whose_actor_failed_is_not_passed_over_by_those_behind_it() {
    const MESSAGES: u64 = 40;
    const FAILS: u64 = 7;
    let ssc = context(config());
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Exact { sink, last: 0 }).remote::<Order>();
    let numbers = batches(stream.stream());
    let port = ssc.remote_actors("127.0.0.1:0").unwrap();
    let running = ssc.start().unwrap();
    let feeder: RemoteActor<Order> = RemoteActor::connect_blocking(port.address(), "numbers").unwrap();
    let order = |number| if number == FAILS { Order::Panic(number) } else { Order::Store(number) };
    let receipts: Vec<_> = (1..=MESSAGES).map(|number| feeder.post_blocking(&order(number)).unwrap()).collect();
    let answers: Vec<_> = receipts.into_iter().map(|receipt| receipt.wait_blocking()).collect();
    let stored = answers.iter().take_while(|answer| answer.is_ok()).count() as u64;
    assert!(stored < FAILS && answers[FAILS as usize - 1..].iter().all(Result::is_err), "{answers:?}");

    // A feeder goes on behind the last message that was acknowledged before the first that was not.
    for number in stored + 1..=MESSAGES {
        feeder.send_blocking(&Order::Store(number)).unwrap();
    }
    feeder.close_blocking().unwrap();
    running.stop(Stop::Graceful).unwrap();
    assert_same(numbers.try_iter().flatten(), 1..=MESSAGES);
}
