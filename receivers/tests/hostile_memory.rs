//! What peers can make a process hold: its memory is measured while they send as much as they can. A binary of its own, since the
//! memory of a process is that of all its tests.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; clippy knows that of the test functions only")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::config::ReceiverConfig;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// What each peer tries to send.
const FLOOD: usize = 256 << 20;

/// How much the process may grow: what may be pending, what is on its way, and what the allocator does not give back.
const GROWTH: usize = 64 << 20;

/// The memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}

/// A context whose streams may have a megabyte pending, and whose first batch never ends.
fn context() -> StreamingContext {
    let receiver = ReceiverConfig::default()
        .with_restart_delay(milliseconds(1))
        .with_max_pending("1MB".parse().unwrap())
        .with_max_line("1MiB".parse().unwrap())
        .with_max_raw_block("1MiB".parse().unwrap());
    let config = Config::local("hostile").with_cores(1).with_handle_signals(false).with_receiver(receiver);
    StreamingContext::new(config, milliseconds(20)).unwrap()
}

/// A byte on the wire.
#[expect(clippy::large_enum_variant, reason = "what makes it dear is the point")]
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
enum Wide {
    Small,
    Large([[u64; 16]; 16]),
}

/// Sends `piece` again and again, on ever new connections, until so much is sent or nothing is taken any more.
fn flood(mut connect: impl FnMut() -> TcpStream, piece: &[u8]) {
    let mut sent = 0;
    while sent < FLOOD {
        let mut connection = connect();
        connection.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        loop {
            match connection.write(piece) {
                Ok(0) => break,
                Ok(bytes) => sent += bytes,
                // Nobody reads on, which is as good as it gets.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
                Err(_) => break,
            }
            if sent >= FLOOD {
                return;
            }
        }
    }
}

/// Has `make` make a stream that stalls, floods it, and says by how much the process has grown.
fn growth(make: impl Fn(&StreamingContext, SocketAddr) -> Sender<()>, piece: &[u8]) -> usize {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let ssc = context();
    let release = make(&ssc, peer.local_addr().unwrap());
    let running = ssc.start().unwrap();
    let before = resident();
    flood(|| peer.accept().unwrap().0, piece);
    let grown = resident().saturating_sub(before);
    drop(release);
    running.stop(Stop::Immediate).unwrap();
    grown
}

/// H-4, I-5
#[test]
fn no_peer_makes_the_process_grow_beyond_what_may_be_pending() {
    let text = |ssc: &StreamingContext, peer: SocketAddr| stall(ssc.socket_text_stream(peer.to_string()));
    let frames = |ssc: &StreamingContext, peer: SocketAddr| {
        let never = || FrameDecoder::new(1 << 20, |_: &[u8]| Ok(None::<Frame<u8>>));
        stall(ssc.socket_stream(peer.to_string(), never))
    };
    let raw = |ssc: &StreamingContext, peer: SocketAddr| stall(ssc.raw_socket_stream::<String>(peer.to_string()));
    // A block that is one byte short of its end, over and over: the next one begins inside it.
    let half_block = [[0, 0x0f, 0xff, 0xff].as_slice(), &[1; 1 << 16]].concat();
    let empty_strings = [[0, 0, 0x75, 0x33, 251, 0x30, 0x75].as_slice(), &[0; 30_000]].concat();
    // Thirty lists of three thousand elements, each of them a byte on the wire and two kilobytes in memory: 90 kB, and 180 MB.
    let list = [[251, 0xb8, 0x0b].as_slice(), &[0; 3000]].concat();
    let large_lists = [[0, 1, 0x5f, 0xeb, 30].as_slice(), &list.repeat(30)].concat();
    // Thousands of blocks in each read, each 13 bytes and 16 kilobytes.
    let small_blocks = {
        let mut writer = RawBlockWriter::<Wide, _>::new(Vec::new());
        (0..10_000).for_each(|_| writer.write_block(&[Wide::Small; 8]).unwrap());
        writer.into_inner()
    };
    let lists = |ssc: &StreamingContext, peer: SocketAddr| stall(ssc.raw_socket_stream::<Vec<Wide>>(peer.to_string()));
    let wide = |ssc: &StreamingContext, peer: SocketAddr| stall(ssc.raw_socket_stream::<Wide>(peer.to_string()));
    let measured = [
        ("empty lines", growth(text, &[b'\n'; 1 << 16])),
        ("a line without end", growth(text, &[b'x'; 1 << 16])),
        ("text that is none", growth(text, &[0xff, b'\n'].repeat(1 << 15))),
        ("a frame without end", growth(frames, &[1; 1 << 16])),
        ("blocks of garbage", growth(raw, &half_block)),
        ("blocks of empty strings", growth(raw, &empty_strings)),
        ("lists of large elements", growth(lists, &large_lists)),
        ("small blocks of large records", growth(wide, &small_blocks)),
    ];
    println!("{measured:?}");
    for (what, grown) in measured {
        assert!(grown < GROWTH, "{what}: {} MiB", grown >> 20);
    }
}

/// H-4
#[cfg(feature = "http")]
#[test]
fn no_client_makes_the_process_grow_beyond_what_may_be_on_its_way() {
    let ssc = context();
    let options = HttpOptions::default()
        .with_max_body(4 << 20)
        .with_max_in_flight(8 << 20)
        .with_patience(Duration::from_millis(100));
    let stream = ssc.http_text_stream("0", options);
    let address = stream.local_addr().unwrap();
    let release = stall(stream.stream());
    let running = ssc.start().unwrap();
    let before = resident();
    // Fifty clients, each with a body of empty lines that is never quite finished.
    let half =
        [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n".as_slice(), &[b'\n'; 3_999_999]].concat();
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let mut client = TcpStream::connect(address).unwrap();
            client.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
            let _ = client.write_all(&half);
            client
        })
        .collect();
    let grown_by_halves = resident().saturating_sub(before);
    drop(clients);
    // And fifty that finish.
    let whole =
        [b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".as_slice(), &[b'\n'; 1_000_000]].concat();
    std::thread::scope(|threads| {
        for _ in 0..50 {
            threads.spawn(|| {
                let mut client = TcpStream::connect(address).unwrap();
                client.set_read_timeout(Some(DEADLINE)).unwrap();
                let _ = client.write_all(&whole).and_then(|()| client.read(&mut [0; 100]));
            });
        }
    });
    let grown = resident().saturating_sub(before);
    println!("half bodies: {} MiB, whole ones: {} MiB", grown_by_halves >> 20, grown >> 20);
    assert!(grown_by_halves < GROWTH && grown < 2 * GROWTH, "{grown_by_halves} and {grown}");
    drop(release);
    running.stop(Stop::Immediate).unwrap();
}

/// Has the first batch of `stream` wait until what is returned is dropped.
fn stall<T: Record>(stream: DStream<'_, T>) -> Sender<()> {
    let (release, released) = channel();
    let released = Mutex::new(released);
    stream.foreach_rdd(move |_| released.lock().unwrap().recv().unwrap_or_default());
    release
}
