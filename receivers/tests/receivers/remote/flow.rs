//! How a slow program holds back its feeders, counted.

use super::*;

/// The program takes one record and the sink holds one; the rest of the messages wait: as many as there is credit for with the server, and
/// all others with their feeder.
/// M-4
#[test]
fn a_feeder_without_credit_waits_and_the_server_holds_no_more_than_it_granted() {
    const CREDIT: u32 = 7;
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = manual_context(config().with_receiver(pending));
    // The server's clock runs away from the client's, whose heartbeats are not heard in time.
    let options = RemotePortOptions::default().credit(CREDIT, 1 << 20).idle(seconds(100_000));
    let served = serve(ssc, options);
    let options = hasty().max_unacknowledged(100, 1 << 20);
    let connecting = RemoteActor::<Order>::connect_with(served.address(), "numbers", options);
    let feeder = futures::executor::block_on(connecting).unwrap();
    let receipts: Vec<_> = (0..100).map(|number| feeder.post_blocking(&Order::Store(number)).unwrap()).collect();

    // Two were answered, so credit came back for two at most; the rest of the window is used up.
    wait_until(|| served.statistics().acknowledged == 2 && feeder.unacknowledged() == 98);
    wait_until(|| served.statistics().messages >= u64::from(CREDIT));
    let statistics = served.statistics();
    assert!(statistics.messages <= u64::from(CREDIT) + 2, "{statistics:?}");

    // Each batch that is done lets one message through.
    let mut all = Vec::new();
    while all.len() < 100 {
        clock.advance(seconds(1));
        all.extend(served.numbers.recv_timeout(DEADLINE).unwrap());
        let statistics = served.statistics();
        let outstanding = statistics.messages.saturating_sub(statistics.acknowledged);
        assert!(outstanding <= u64::from(CREDIT) + 1, "{statistics:?}");
    }
    assert_same(all, 0..100);
    for receipt in receipts {
        receipt.wait_blocking().unwrap();
    }
    served.running.stop(Stop::Immediate).unwrap();
}

/// M-4
#[test]
fn a_peer_that_sends_without_credit_is_closed_whether_it_is_number_or_bytes() {
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, _clock) = manual_context(config().with_receiver(pending));
    let served = serve(ssc, RemotePortOptions::default().credit(3, 64).max_message(40));
    let (mut raw, welcome) = Raw::welcomed(served.address());
    assert!(
        matches!(welcome, Frame::Welcome { messages: 3, bytes: 64, max_message: 40, heartbeat_ms: 10_000 }),
        "{welcome:?}"
    );
    // Two are answered and bring credit back; then the stream is full.
    for sequence in 1..=2 {
        raw.order(sequence, &Order::Store(sequence));
        assert_eq!(raw.answer().1, MessageOutcome::Done);
    }
    for sequence in 3..=6 {
        raw.order(sequence, &Order::Store(sequence));
    }
    assert_eq!(raw.refusal(), (Refusal::OverCredit, "message 6 was sent without credit for it".to_owned()));

    assert_eq!(served.statistics().refused, [(Refusal::OverCredit, 1)]);
    served.running.stop(Stop::Immediate).unwrap();

    // A message has two bytes, so of those that wait only two fit into five.
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, _clock) = manual_context(config().with_receiver(pending));
    let served = serve(ssc, RemotePortOptions::default().credit(100, 5).max_message(3));
    let (mut raw, _) = Raw::welcomed(served.address());
    for sequence in 1..=2 {
        raw.order(sequence, &Order::Store(sequence));
        assert_eq!(raw.answer().1, MessageOutcome::Done);
    }
    for sequence in 3..=5 {
        raw.order(sequence, &Order::Store(sequence));
    }
    assert_eq!(raw.refusal(), (Refusal::OverCredit, "message 5 was sent without credit for it".to_owned()));
    served.running.stop(Stop::Immediate).unwrap();
}

/// M-4
#[test]
fn a_message_longer_than_the_server_takes_is_told_to_its_sender_alone() {
    let served = serve(context(config()), RemotePortOptions::default().max_message(3));
    let feeder = served.connect();
    let error = feeder.send_blocking(&Order::Store(1 << 40)).unwrap_err();
    assert_eq!(error, RemoteError::TooLarge { bytes: 10, limit: 3 });
    feeder.send_blocking(&Order::Store(7)).unwrap();
    assert_eq!((next_records(&served.numbers, 1), feeder.connections()), (vec![7], 1));
    served.running.stop(Stop::Graceful).unwrap();
}

/// M-4
#[test]
fn senders_wait_while_their_client_holds_as_much_as_it_may() {
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, _clock) = manual_context(config().with_receiver(pending));
    let served = serve(ssc, RemotePortOptions::default());
    let options = hasty().max_unacknowledged(4, 1 << 20);
    let connecting = RemoteActor::<Order>::connect_with(served.address(), "numbers", options);
    let feeder = futures::executor::block_on(connecting).unwrap();
    // Two are taken by the program, four wait.
    for number in 0..6 {
        drop(feeder.post_blocking(&Order::Store(number)).unwrap());
    }
    wait_until(|| feeder.unacknowledged() == 4);
    assert!(futures::FutureExt::now_or_never(feeder.post(&Order::Store(6))).is_none());
    served.running.stop(Stop::Immediate).unwrap();
}

/// M-5
#[test]
fn a_peer_that_is_heard_of_now_and_then_is_kept() {
    let (ssc, clock) = manual_context(config());
    let served = serve(ssc, RemotePortOptions::default().idle(seconds(30)));
    let (mut raw, _) = Raw::welcomed(served.address());
    for _ in 0..20 {
        clock.advance(seconds(20));
        raw.send(&Frame::Ping);
        assert_eq!(raw.next(), Some(Frame::Pong));
    }
    assert_eq!((served.statistics().accepted, served.statistics().refused), (1, vec![]));
    served.running.stop(Stop::Immediate).unwrap();
}

/// The next frame of a client.
fn next_of_client(stream: &mut TcpStream, reader: &mut FrameReader) -> Frame {
    let mut buffer = [0; 4096];
    loop {
        if let Some(frame) = reader.next_frame().unwrap() {
            return frame;
        }
        let read = stream.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "the client closed the connection");
        reader.push(&buffer[..read]);
    }
}

/// M-5
#[test]
fn a_client_says_now_and_then_that_it_is_there_and_leaves_a_server_that_is_silent() {
    let (server, clock) = (Peer::new(), ManualClock::new(Time::ZERO));
    let options = hasty().clock(Arc::new(clock.clone()));
    let address = server.address();
    let connecting = std::thread::spawn(move || {
        futures::executor::block_on(RemoteActor::<Order>::connect_with(address, "numbers", options))
    });
    let mut welcome = preamble().to_vec();
    Frame::Welcome { messages: 10, bytes: 1000, max_message: 100, heartbeat_ms: 10_000 }.encode_into(&mut welcome);
    let greeted = || {
        let (mut stream, mut reader) = (server.accept(), FrameReader::of_client(100));
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(next_of_client(&mut stream, &mut reader), hello_as::<Order>());
        stream.write_all(&welcome).unwrap();
        (stream, reader)
    };
    let (mut stream, mut reader) = greeted();
    let feeder = connecting.join().unwrap().unwrap();
    let answer = |stream: &mut TcpStream, sequence| {
        let mut answer = Vec::new();
        Frame::Answer { sequence, outcome: MessageOutcome::Done, text: String::new() }.encode_into(&mut answer);
        stream.write_all(&answer).unwrap();
    };
    let receipt = feeder.post_blocking(&Order::Store(6)).unwrap();
    assert!(matches!(next_of_client(&mut stream, &mut reader), Frame::Message { sequence: 1, .. }));
    answer(&mut stream, 1);
    // From here on the client has noted when it sent and heard something.
    receipt.wait_blocking().unwrap();
    clock.advance(seconds(10));
    assert_eq!(next_of_client(&mut stream, &mut reader), Frame::Ping);
    let receipt = feeder.post_blocking(&Order::Store(7)).unwrap();
    assert!(matches!(next_of_client(&mut stream, &mut reader), Frame::Message { sequence: 2, .. }));

    // This server says nothing any more: the client comes again, with the message that was not answered.
    clock.advance(seconds(20));
    let done = std::sync::atomic::AtomicBool::new(false);
    let again = std::thread::scope(|threads| {
        threads.spawn(|| {
            // For the pause before it connects again.
            wait_until(|| {
                clock.advance(milliseconds(1));
                done.load(std::sync::atomic::Ordering::SeqCst)
            });
        });
        let again = greeted();
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        again
    });
    let (mut stream, mut reader) = again;
    loop {
        match next_of_client(&mut stream, &mut reader) {
            Frame::Ping => {}
            Frame::Message { sequence: 2, payload } => {
                assert_eq!(codec::decode::<Order>(&payload, 100).unwrap(), Order::Store(7));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    answer(&mut stream, 2);
    receipt.wait_blocking().unwrap();
    assert_eq!((feeder.connections(), feeder.unacknowledged()), (2, 0));
}
