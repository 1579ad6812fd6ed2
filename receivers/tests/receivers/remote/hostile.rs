//! Peers that mean no good, or know no better. Whatever they do: they are told why, counted, and everybody else goes on.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// `frame`, behind the greeting.
fn greeted(frame: &[u8]) -> Vec<u8> {
    let mut bytes = preamble().to_vec();
    hello().encode_into(&mut bytes);
    bytes.extend_from_slice(frame);
    bytes
}

fn message(length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    Frame::Message { sequence: 1, payload: vec![0; length] }.encode_into(&mut bytes);
    bytes
}

/// M-7
#[test]
fn bytes_that_are_no_frames_are_refused_with_a_reason_and_counted() {
    let served = serve(context(config()), RemotePortOptions::default().max_message(1000));
    let early = [preamble().as_slice(), &message(10)].concat();
    let mut pong = Vec::new();
    Frame::Pong.encode_into(&mut pong);
    let cases: [(Vec<u8>, Refusal, &str); 10] = [
        (b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".to_vec(), Refusal::Protocol, "does not speak this protocol"),
        (vec![0; 100_000], Refusal::Protocol, "does not speak this protocol"),
        (b"WWRA\x02\x00and so on".to_vec(), Refusal::Version, "speaks version 2 of the protocol, and this side 1"),
        (early, Refusal::TooLarge, "announces 19 bytes, and 9 are allowed"),
        (greeted(&message(1001)), Refusal::TooLarge, "announces 1010 bytes, and 1009 are allowed"),
        (greeted(&[255; 200_000]), Refusal::Protocol, "not taken from this side"),
        (greeted(&[0, 0, 0, 0]), Refusal::Protocol, "a frame is empty"),
        (greeted(&[2, 0, 0, 0, 2, 7]), Refusal::Protocol, "malformed"),
        (greeted(&greeted(&[])[6..]), Refusal::Protocol, "a frame of kind 1 came while"),
        (greeted(&pong), Refusal::Protocol, "not taken from this side"),
    ];
    for (bytes, expected, text) in cases {
        let mut raw = Raw::connect(served.address());
        raw.write(&bytes);
        let (code, said) = raw.refusal();
        assert!(code == expected && said.contains(text), "{code:?}: {said}");
    }
    let statistics = served.statistics();
    assert_eq!(
        statistics.refused,
        [(Refusal::Version, 1), (Refusal::Protocol, 7), (Refusal::TooLarge, 2)],
        "{statistics:?}"
    );

    // Half a frame, and gone.
    let half = greeted(&message(500));
    Raw::connect(served.address()).write(&half[..half.len() - 100]);
    served.connect().send_blocking(&Order::Store(1)).unwrap();
    assert_eq!(next_records(&served.numbers, 1), [1]);
    wait_until(|| served.statistics().connections == 0);
    served.running.stop(Stop::Graceful).unwrap();
}

/// M-7
#[test]
fn hundreds_of_peers_that_send_garbage_end_nothing() {
    const SEED: u64 = 7;
    println!("seed {SEED}");
    let served = serve(context(config()), RemotePortOptions::default());
    let feeder = served.connect();
    let mut chance = StdRng::seed_from_u64(SEED);
    for number in 0..300 {
        let mut bytes = if chance.random() { greeted(&[]) } else { preamble().to_vec() };
        let length = chance.random_range(0..2000);
        bytes.extend((0..length).map(|_| chance.random::<u8>()));
        let damaged = chance.random_range(0..bytes.len());
        bytes[damaged] = chance.random();
        let mut raw = Raw::connect(served.address());
        raw.write(&bytes);
        drop(raw);
        feeder.send_blocking(&Order::Store(number)).unwrap();
    }
    assert_eq!(feeder.connections(), 1);
    wait_until(|| served.statistics().connections == 1);
    // A message of the garbage may by chance be one; the feeder's own are all there, in order.
    let mut numbers = next_records(&served.numbers, 300);
    numbers.retain(|number| *number < 300);
    assert_same(numbers, 0..300);
    served.running.stop(Stop::Graceful).unwrap();
}

/// Whoever sends a byte now and then holds a connection for ten seconds, not for ever; whoever sends nothing, for half a minute.
/// M-7
#[test]
fn slow_and_silent_peers_are_closed_in_time() {
    let (ssc, clock) = manual_context(config());
    let served = serve(ssc, RemotePortOptions::default());
    let greeting = greeted(&[]);
    let mut slow = Raw::connect(served.address());
    let (mut trickling, _) = Raw::welcomed(served.address());
    let (mut silent, _) = Raw::welcomed(served.address());
    wait_until(|| served.statistics().connections == 3);
    // The rest of the greeting never comes; the rest of a message neither.
    slow.write(&greeting[..3]);
    trickling.order(1, &Order::Store(1));
    assert_eq!(trickling.answer().1, MessageOutcome::Done);
    trickling.write(&message(500)[..20]);
    trickling.send(&Frame::Ping); // Part of the payload, as far as the server can know.

    let refusal = |raw: &mut Raw| {
        std::thread::scope(|threads| {
            let waiting = threads.spawn(|| raw.refusal());
            wait_until(|| {
                clock.advance(milliseconds(500));
                waiting.is_finished()
            });
            waiting.join().unwrap()
        })
    };
    assert_eq!(refusal(&mut slow), (Refusal::Idle, "no greeting came within 10s".to_owned()));
    assert_eq!(refusal(&mut trickling), (Refusal::Idle, "a frame did not arrive within 10s".to_owned()));
    assert_eq!(refusal(&mut silent), (Refusal::Idle, "nothing was heard for 30s".to_owned()));
    wait_until(|| {
        clock.advance(milliseconds(500));
        served.statistics().connections == 0
    });
    served.running.stop(Stop::Immediate).unwrap();
}

/// M-7
#[test]
fn there_are_only_so_many_connections_and_a_place_that_is_free_is_given_again() {
    let served = serve(context(config()), RemotePortOptions::default().max_connections(2));
    let (first, _) = Raw::welcomed(served.address());
    let (second, _) = Raw::welcomed(served.address());
    assert_eq!(Raw::connect(served.address()).refusal().0, Refusal::TooMany);
    drop(first);
    // A client tries again until there is a place.
    let connecting = RemoteActor::<Order>::connect_with(served.address(), "numbers", hasty());
    let feeder = futures::executor::block_on(connecting).unwrap();
    feeder.send_blocking(&Order::Store(1)).unwrap();
    drop(second);
    assert!(served.statistics().refused_for(Refusal::TooMany) >= 1);
    served.running.stop(Stop::Graceful).unwrap();
}

/// A peer that sends and never reads its answers gets no credit any more: it does not fill the memory.
/// M-7
#[test]
fn a_peer_that_never_reads_is_not_written_for_without_end() {
    let served = serve(context(config()), RemotePortOptions::default().credit(100, 1 << 20));
    let mut raw = Raw::connect(served.address());
    raw.stream.set_write_timeout(Some(milliseconds(200))).unwrap();
    raw.write(&greeted(&[]));
    // Pings are answered as long as somebody reads.
    let mut pings = Vec::new();
    (0..10_000).for_each(|_| Frame::Ping.encode_into(&mut pings));
    for _ in 0..200 {
        if raw.stream.write_all(&pings).is_err() {
            break;
        }
    }
    served.connect().send_blocking(&Order::Store(1)).unwrap();
    assert_eq!(next_records(&served.numbers, 1), [1]);
    served.running.stop(Stop::Graceful).unwrap();
}
