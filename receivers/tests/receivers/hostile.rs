//! Peers of the sockets that send what nobody should: garbage, nothing, everything in crumbs.

use crate::support::*;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use std::io::{Read, Write};
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

/// Frames of a length byte and a body; a length of 13 is refused.
fn frame(bytes: &[u8]) -> Result<Option<Frame<Vec<u8>>>, DecodeError> {
    let Some((&length, rest)) = bytes.split_first() else { return Ok(None) };
    if length == 13 {
        return Err(DecodeError::refused("thirteen"));
    }
    let Some(body) = rest.get(..usize::from(length)) else { return Ok(None) };
    Ok(Some(Frame { length: 1 + body.len(), record: body.to_vec() }))
}

#[test]
fn a_million_empty_lines_are_a_million_records() {
    let peer = Peer::new();
    let ssc = context(config());
    let (sent, counts) = std::sync::mpsc::channel();
    let lines = ssc.socket_text_stream(peer.address());
    lines
        .filter(|line| line.is_empty())
        .foreach_rdd(move |rdd| rdd.count().map(|count| sent.send(count).unwrap_or_default()));
    let _running = ssc.start().unwrap();
    let mut connection = peer.accept();
    let sender = std::thread::spawn(move || {
        (0..1000).for_each(|_| connection.write_all(&[b'\n'; 1000]).unwrap());
        connection
    });
    let mut all = 0;
    while all < 1_000_000 {
        all += counts.recv_timeout(DEADLINE).unwrap();
    }
    assert_eq!(all, 1_000_000);
    drop(sender.join().unwrap());
}

/// Three sources that share a thread are sent one byte at a time, for as long as a fourth works; then all of them are stopped in the
/// middle of a record.
/// I-6
#[test]
fn peers_that_send_crumbs_hold_up_neither_others_nor_the_stop() {
    let (text, frames, raw, good) = (Peer::new(), Peer::new(), Peer::new(), Peer::new());
    let ssc = context(config());
    let records = batches(ssc.socket_text_stream(text.address()));
    batches(ssc.socket_stream(frames.address(), || FrameDecoder::new(256, frame)));
    batches(ssc.raw_socket_stream::<String>(raw.address()));
    let lines = batches(ssc.socket_text_stream(good.address()));
    let running = ssc.start().unwrap();

    let mut crumbs = [(text.accept(), b"slow"), (frames.accept(), b"\x7fabc"), (raw.accept(), b"\0\x0f\0\0")];
    let mut connection = good.accept();
    for n in 0..4 {
        for (peer, bytes) in &mut crumbs {
            peer.write_all(&bytes[n..=n]).unwrap();
        }
        writeln!(connection, "{n}").unwrap();
        assert_eq!(next_records(&lines, 1), [n.to_string()]);
    }
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(records.try_iter().flatten().count(), 0, "half a line is none");
    for (mut peer, _) in crumbs {
        assert_eq!(peer.read(&mut [0]).unwrap_or(0), 0, "the connection is still there");
    }
}

/// Hundreds of connections with random bytes; each source goes on with the next peer that makes sense.
#[test]
fn garbage_ends_connections_and_nothing_else() {
    const SEED: u64 = 0x5eed;
    println!("seed {SEED:#x}");
    let mut random = StdRng::seed_from_u64(SEED);
    let (text, frames, raw) = (Peer::new(), Peer::new(), Peer::new());
    let quick = receivers().with_restart_delay(milliseconds(0)).with_max_line("100B".parse().unwrap());
    let ssc = context(config().with_receiver(quick.with_max_raw_block("1kB".parse().unwrap())));
    let lines = batches(ssc.socket_text_stream(text.address()).filter(|line| line == "sense"));
    let framed =
        batches(ssc.socket_stream(frames.address(), || FrameDecoder::new(100, frame)).filter(|f| f == b"sense"));
    let blocks = batches(ssc.raw_socket_stream::<String>(raw.address()).filter(|text| text == "sense"));
    let running = ssc.start().unwrap();
    for _ in 0..100 {
        let mut bytes = vec![0; random.random_range(0..2000)];
        random.fill_bytes(&mut bytes);
        // Small numbers are what lengths are made of.
        bytes.iter_mut().for_each(|byte| *byte >>= [0, 0, 3, 6][usize::from(*byte & 3)]);
        for peer in [&text, &frames, &raw] {
            // It may hang up in the middle.
            let _ = peer.accept().write_all(&bytes);
        }
    }
    // Kept until everything has been seen.
    let mut connections = [text.accept(), frames.accept(), raw.accept()];
    connections[0].write_all(b"sense\n").unwrap();
    connections[1].write_all(b"\x05sense").unwrap();
    RawBlockWriter::<&str, _>::new(&connections[2]).write_block(&["sense"]).unwrap();
    assert_eq!(next_records(&lines, 1), ["sense"]);
    assert_eq!(next_records(&framed, 1), [b"sense"]);
    assert_eq!(next_records(&blocks, 1), ["sense"]);
    assert_eq!(running.state(), ContextState::Active);
}
