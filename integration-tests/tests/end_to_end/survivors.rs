//! User code whose panics do not end the program: receivers and decoders are made anew, a bad listener is told no more.

use crate::support::{DEADLINE, INTERVAL, Peer, batches, config, events, manual_engine, next_records, receiver_error};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use waterwheel::prelude::*;
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Where a source panics, in its first life only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    Factory,
    BeforeStoring,
    AfterStoring,
}

/// Stores its number and waits for the stop.
struct Numbers {
    life: u32,
    point: Point,
}

impl Numbers {
    fn at(&self, point: Point) {
        assert!(self.life > 1 || self.point != point, "boom");
    }
}

impl Receiver for Numbers {
    type Record = u32;

    async fn run(&mut self, handle: ReceiverHandle<u32>) -> Result<(), ReceiverError> {
        self.at(Point::BeforeStoring);
        handle.store(self.life).await?;
        self.at(Point::AfterStoring);
        handle.stopped().await;
        Ok(())
    }
}

#[test]
fn receiver_is_made_anew_wherever_it_panics() {
    for (point, expected) in
        [(Point::Factory, [2].as_slice()), (Point::BeforeStoring, &[2]), (Point::AfterStoring, &[1, 2])]
    {
        let ssc = StreamingContext::new(config(), milliseconds(20)).unwrap();
        let lives = AtomicU32::new(0);
        let numbers = ssc.receiver_stream("numbers", StorageLevel::MemoryOnly, move || {
            let numbers = Numbers { life: lives.fetch_add(1, Ordering::SeqCst) + 1, point };
            numbers.at(Point::Factory);
            numbers
        });
        let (numbers, told) = (batches(numbers), events(&ssc));
        let running = ssc.start().unwrap();
        assert_eq!(next_records(&numbers, expected.len()), expected, "{point:?}");
        assert_eq!(receiver_error(&told), "panicked: boom", "{point:?}");
        running.stop(Stop::Graceful).unwrap();
    }
}

/// Where a decoder panics, in the first life only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DecoderPoint {
    Factory,
    Decode,
    Finish,
}

/// Makes a record of every byte.
struct Bytes {
    life: u32,
    point: DecoderPoint,
}

impl Bytes {
    fn at(&self, point: DecoderPoint) {
        assert!(self.life > 1 || self.point != point, "boom");
    }
}

impl Decoder for Bytes {
    type Item = u8;

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.at(DecoderPoint::Decode);
        out.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), DecodeError> {
        self.at(DecoderPoint::Finish);
        Ok(())
    }
}

#[test]
fn connection_is_made_anew_wherever_its_decoder_panics() {
    for (point, expected) in
        [(DecoderPoint::Factory, b"b".as_slice()), (DecoderPoint::Decode, b"b"), (DecoderPoint::Finish, b"ab")]
    {
        let peer = Peer::new();
        let ssc = StreamingContext::new(config(), milliseconds(20)).unwrap();
        let lives = AtomicU32::new(0);
        let bytes = ssc.socket_stream(peer.address(), move || {
            let bytes = Bytes { life: lives.fetch_add(1, Ordering::SeqCst) + 1, point };
            bytes.at(DecoderPoint::Factory);
            bytes
        });
        let (bytes, told) = (batches(bytes), events(&ssc));
        let running = ssc.start().unwrap();
        if point != DecoderPoint::Factory {
            peer.accept().write_all(b"a").unwrap();
        }
        assert_eq!(receiver_error(&told), "panicked: boom", "{point:?}");
        let mut second = peer.accept();
        second.write_all(b"b").unwrap();
        assert_eq!(next_records(&bytes, expected.len()), expected, "{point:?}");
        running.stop(Stop::Graceful).unwrap();
    }
}

#[test]
fn generator_goes_on_behind_the_record_that_panicked() {
    let ssc = StreamingContext::new(config(), milliseconds(20)).unwrap();
    let numbers = ssc.generator_stream(1000, 1, |n, _| {
        assert!(n != 3, "boom");
        n
    });
    let (numbers, told) = (batches(numbers), events(&ssc));
    let running = ssc.start().unwrap();
    assert_eq!(receiver_error(&told), "panicked: boom");
    assert!(next_records(&numbers, 2).iter().all(|n| *n != 3));
    assert!(next_records(&numbers, 10).iter().any(|n| *n > 3));
    running.stop(Stop::Graceful).unwrap();
}

#[test]
fn program_goes_on_without_a_listener_that_panics() {
    let (engine, clock) = manual_engine(1);
    let ssc = StreamingContext::on(&engine, config(), INTERVAL).unwrap();
    let told = Arc::new(AtomicU32::new(0));
    let calls = told.clone();
    ssc.add_streaming_listener(move |_: &Event| {
        calls.fetch_add(1, Ordering::SeqCst);
        panic!("boom")
    });
    let later = events(&ssc);
    ssc.queue_stream(vec![engine.parallelize(1..=4, 2)], true).foreach_rdd(|_| ());
    let running = ssc.start().unwrap();
    clock.advance(3 * INTERVAL);
    assert!(running.wait_for_batches(3, DEADLINE));
    running.stop(Stop::Graceful).unwrap();
    let completed = || matches!(later.recv_timeout(DEADLINE).unwrap(), Event::BatchCompleted(_));
    let mut batches = 0;
    while batches < 3 {
        batches += u32::from(completed());
    }
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[test]
fn input_that_panics_while_it_stops_does_not_hold_up_the_stop() {
    struct Reluctant;
    impl InputStream<u32> for Reluctant {
        fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<u32>>, JobError> {
            Ok(Some(inputs.scope.parallelize([1], 1)))
        }
        fn stop(&mut self) {
            panic!("boom")
        }
    }
    for how in [Stop::Graceful, Stop::Immediate] {
        let (engine, clock) = manual_engine(1);
        let ssc = StreamingContext::on(&engine, config(), INTERVAL).unwrap();
        let numbers = batches(ssc.input_stream(Reluctant));
        let running = ssc.start().unwrap();
        clock.advance(INTERVAL);
        assert_eq!(next_records(&numbers, 1), [1]);
        running.stop(how).unwrap();
        assert_eq!(running.state(), ContextState::Stopped);
    }
}
