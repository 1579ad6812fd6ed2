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
    let served = serve(ssc, RemotePortOptions::default().credit(CREDIT, 1 << 20));
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
        let outstanding = statistics.messages - statistics.acknowledged;
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
        assert_eq!(raw.answer().1, Outcome::Done);
    }
    for sequence in 3..=6 {
        raw.order(sequence, &Order::Store(sequence));
    }
    assert_eq!(raw.refusal(), (Refusal::OverCredit, "message 6 was sent without credit for it".to_owned()));

    let (mut raw, _) = Raw::welcomed(served.address());
    for sequence in 1..=2 {
        raw.send(&Frame::Message { sequence, payload: vec![0; 40] });
    }
    assert_eq!(raw.refusal().0, Refusal::OverCredit);
    assert_eq!(served.statistics().refused_for(Refusal::OverCredit), 2);
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

/// Both clocks are turned by hand: heartbeats keep the connection, and nothing else is said.
/// M-5
#[test]
fn heartbeats_keep_a_connection_on_which_nothing_is_sent() {
    let (ssc, clock) = manual_context(config());
    let served = serve(ssc, RemotePortOptions::default().idle(seconds(30)));
    let options = hasty().clock(Arc::new(clock.clone()));
    let connecting = RemoteActor::<Order>::connect_with(served.address(), "numbers", options);
    let feeder = futures::executor::block_on(connecting).unwrap();
    for number in 0..20 {
        // Answered, so both sides have heard of each other at this time.
        feeder.send_blocking(&Order::Store(number)).unwrap();
        clock.advance(seconds(9));
        feeder.send_blocking(&Order::Store(number)).unwrap();
        clock.advance(seconds(9));
    }
    assert_eq!((feeder.connections(), served.statistics().refused), (1, vec![]));
    served.running.stop(Stop::Immediate).unwrap();
}
