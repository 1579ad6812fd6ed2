//! Clients whose server is held back, ends, or is given up: what they keep, and what they say.

use super::*;
use futures::executor::block_on;

/// A program that is held back takes messages and says nothing of itself; its client goes on sending.
/// M-5
#[test]
fn a_server_that_is_held_back_is_asked_for_a_sign_of_life_and_not_left() {
    let (server, clock) = (Peer::new(), ManualClock::new(Time::ZERO));
    let (address, options) = (server.address(), hasty().clock(Arc::new(clock.clone())));
    let connecting =
        std::thread::spawn(move || block_on(RemoteActor::<Order>::connect_with(address, "numbers", options)));
    let (mut stream, mut reader) = (server.accept(), FrameReader::of_client(100));
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut next = |stream: &mut TcpStream| {
        let mut buffer = [0; 4096];
        loop {
            if let Some(frame) = reader.next_frame().unwrap() {
                return frame;
            }
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the client left");
            reader.push(&buffer[..read]);
        }
    };
    assert_eq!(next(&mut stream), hello());
    let mut welcome = preamble().to_vec();
    Frame::Welcome { messages: 1000, bytes: 100_000, max_message: 100, heartbeat_ms: 10_000 }.encode_into(&mut welcome);
    stream.write_all(&welcome).unwrap();
    let feeder = connecting.join().unwrap().unwrap();

    // A message a second, for twenty heartbeats. Whoever is asked says something: here one answer more, so that the test knows when
    // the client has heard it.
    let (mut pings, mut receipts) = (0, std::collections::VecDeque::new());
    for second in 0..200 {
        clock.advance(seconds(1));
        receipts.push_back(feeder.post_blocking(&Order::Store(second)).unwrap());
        loop {
            match next(&mut stream) {
                Frame::Ping => {
                    pings += 1;
                    let mut words = Vec::new();
                    Frame::Pong.encode_into(&mut words);
                    Frame::Answer { sequence: pings, outcome: MessageOutcome::Done, text: String::new() }
                        .encode_into(&mut words);
                    stream.write_all(&words).unwrap();
                    receipts.pop_front().unwrap().wait_blocking().unwrap();
                }
                Frame::Message { sequence, .. } => {
                    assert_eq!(sequence, second + 1, "something is sent again");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!((10..=20).contains(&pings), "{pings}");
    assert_eq!((feeder.connections(), feeder.unacknowledged() as u64), (1, 200 - pings));
}

/// Panics at its first message, when it is told to. The rest waits in its mailbox.
struct Doomed {
    gate: std::sync::mpsc::Receiver<()>,
}

impl Actor for Doomed {
    type Context = Context<Self>;
}

impl Handler<Order> for Doomed {
    type Result = Result<(), String>;

    fn handle(&mut self, order: Order, _: &mut Context<Self>) -> Self::Result {
        let _ = self.gate.recv();
        panic!("on purpose, at {order:?}");
    }
}

/// M-3
#[test]
fn messages_that_no_actor_came_to_are_sent_again_to_the_next_program() {
    let ssc = context(config());
    let (open, gate) = std::sync::mpsc::channel();
    let mut gate = Some(gate);
    let policy = at_once().max_restarts(0, seconds(3600));
    let make = move |_: ActorSink<u64>| Doomed { gate: gate.take().unwrap() };
    let stream = ssc.actor_stream("numbers", policy, make).remote::<Order>();
    let _numbers = batches(stream.stream());
    let port = ssc.remote_actors("127.0.0.1:0").unwrap();
    let running = ssc.start().unwrap();
    let address = port.address();
    let feeder = block_on(RemoteActor::<Order>::connect_with(address, "numbers", hasty())).unwrap();
    let receipts: Vec<_> = (0..10).map(|number| feeder.post_blocking(&Order::Store(number)).unwrap()).collect();
    wait_until(|| port.statistics().messages == 10);
    drop(open);
    running.await_termination().unwrap_err();
    drop(running);

    let next = serve_at(context(config()), &address.to_string(), RemotePortOptions::default());
    let mut receipts = receipts.into_iter();
    // The actor had begun with this one: its sender was told, unless the port was closed before.
    let first = receipts.next().unwrap().wait_blocking();
    assert!(matches!(first, Ok(()) | Err(RemoteError::Failed { .. })), "{first:?}");
    for receipt in receipts {
        assert_eq!(receipt.wait_blocking(), Ok(()));
    }
    feeder.close_blocking().unwrap();
    next.running.stop(Stop::Graceful).unwrap();
    let taken: Vec<u64> = next.numbers.try_iter().flatten().filter(|number| *number > 0).collect();
    assert_same(taken, 1..10);
}

/// In the pause after a panic, a program that stops handles nothing more.
/// M-3
#[test]
fn a_message_that_waits_for_an_actor_at_a_stop_is_not_answered_as_if_it_had_failed() {
    let (ssc, _clock) = manual_context(config());
    let policy = SupervisorPolicy::for_actors().delay(seconds(3600)).max_delay(seconds(3600));
    let stream = ssc.actor_stream("numbers", policy, |sink| Taker { sink }).remote::<Order>();
    let _numbers = batches(stream.stream());
    let port = ssc.remote_actors("127.0.0.1:0").unwrap();
    let running = ssc.start().unwrap();
    let (mut raw, _) = Raw::welcomed(port.address());
    raw.order(1, &Order::Panic(1));
    let (sequence, outcome, text) = raw.answer();
    assert_eq!((sequence, outcome), (1, MessageOutcome::Failed), "{text}");
    raw.order(2, &Order::Store(2));
    wait_until(|| port.statistics().messages == 2);
    running.stop(Stop::Graceful).unwrap();
    while let Some(frame) = raw.next() {
        match frame {
            Frame::Answer { sequence, outcome, .. } => assert_eq!((sequence, outcome), (2, MessageOutcome::Ended)),
            Frame::Refused { code, .. } => assert_eq!(code, Refusal::Ended),
            Frame::Grant { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A program that takes two messages and then no more.
fn held_back() -> (Served, ManualClock) {
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    (serve(ssc, RemotePortOptions::default()), clock)
}

/// M-3
#[test]
fn every_handle_that_closes_is_told_what_another_one_abandons() {
    let (served, _clock) = held_back();
    let feeder = served.connect();
    let receipts: Vec<_> = (0..10).map(|number| feeder.post_blocking(&Order::Store(number)).unwrap()).collect();
    wait_until(|| feeder.unacknowledged() == 8);
    let last = feeder.clone();
    let closing: Vec<_> = (0..3)
        .map(|_| {
            let handle = feeder.clone();
            std::thread::spawn(move || handle.close_blocking())
        })
        .collect();
    let left = feeder.abandon_blocking();
    assert_same(left.iter().cloned(), (2..10).map(Order::Store));
    for closing in closing {
        let error = closing.join().unwrap().unwrap_err();
        assert_eq!((error.messages, error.cause), (left.clone(), RemoteError::Closed));
    }
    assert_eq!(last.settle_blocking(), Err(RemoteError::Closed));
    assert_eq!((last.unacknowledged(), last.failed()), (0, 8));
    assert_eq!(last.close_blocking().unwrap_err().messages, left);
    assert_eq!(receipts.into_iter().filter_map(|receipt| receipt.wait_blocking().err()).count(), 8);
    served.running.stop(Stop::Immediate).unwrap();
}

/// M-3
#[test]
fn every_handle_that_closes_is_told_what_a_client_that_gives_up_has_not_delivered() {
    let (served, _clock) = held_back();
    let policy = SupervisorPolicy::for_receivers(milliseconds(1)).max_delay(milliseconds(1));
    let options = RemoteActorOptions::default().policy(policy.max_restarts(3, seconds(3600)));
    let feeder = block_on(RemoteActor::<Order>::connect_with(served.address(), "numbers", options)).unwrap();
    let receipts: Vec<_> = (0..5).map(|number| feeder.post_blocking(&Order::Store(number)).unwrap()).collect();
    wait_until(|| feeder.unacknowledged() == 3);
    let closing: Vec<_> = (0..3)
        .map(|_| {
            let handle = feeder.clone();
            std::thread::spawn(move || handle.close_blocking())
        })
        .collect();
    served.running.stop(Stop::Immediate).unwrap();
    for closing in closing {
        let error = closing.join().unwrap().unwrap_err();
        assert_same(error.messages, (2..5).map(Order::Store));
        assert!(matches!(error.cause, RemoteError::Unreachable { attempts: 4, .. }), "{:?}", error.cause);
    }
    assert_eq!(feeder.settle_blocking(), Err(feeder.send_blocking(&Order::Store(9)).unwrap_err()));
    assert_eq!(receipts.into_iter().filter_map(|receipt| receipt.wait_blocking().err()).count(), 3);
}

/// M-3
#[test]
fn a_client_that_was_closed_with_everything_acknowledged_is_settled() {
    let served = serve(context(config()), RemotePortOptions::default());
    let feeder = served.connect();
    let (one, two) = (feeder.clone(), feeder.clone());
    feeder.send_blocking(&Order::Store(1)).unwrap();
    feeder.close_blocking().unwrap();
    assert_eq!((one.settle_blocking(), one.send_blocking(&Order::Store(2))), (Ok(()), Err(RemoteError::Closed)));
    two.close_blocking().unwrap();
    assert_eq!(next_records(&served.numbers, 1), [1]);
    served.running.stop(Stop::Graceful).unwrap();
}
