//! `raw_socket_stream`.

use crate::support::*;
use std::io::Write;
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;

type Pair = (String, u64);

fn pairs(numbers: std::ops::Range<u64>) -> Vec<Pair> {
    numbers.map(|n| (format!("key {n}"), n)).collect()
}

/// B-4
#[test]
fn blocks_of_a_feeder_arrive_once_and_in_order() {
    let peer = Peer::new();
    let ssc = context(config());
    let records = batches(ssc.raw_socket_stream::<Pair>(peer.address()));
    let running = ssc.start().unwrap();

    let mut writer = RawBlockWriter::new(peer.accept());
    let expected = pairs(0..100_000);
    let sender = std::thread::spawn(move || {
        // Blocks of all sizes, and some without a record.
        let (mut from, mut size) = (0, 0);
        while from < 100_000 {
            let to = 100_000.min(from + size);
            writer.write_block(&pairs(from..to)).unwrap();
            (from, size) = (to, (size * 7 + 1) % 3001);
        }
        writer
    });
    let received = next_records(&records, expected.len());
    assert!(received == expected, "{} records", received.len());
    drop(sender.join().unwrap());
    running.stop(Stop::Graceful).unwrap();
}

/// I-30
#[test]
fn fault_drops_the_connection_names_peer_and_place_and_keeps_the_blocks_before() {
    let peer = Peer::new();
    let limit = receivers().with_max_raw_block("1kB".parse().unwrap());
    let ssc = context(config().with_receiver(limit));
    let (records, told) = (batches(ssc.raw_socket_stream::<Pair>(peer.address())), events(&ssc));
    let _running = ssc.start().unwrap();

    for (bytes, closes, expected) in [
        (vec![0, 0, 4, 0], false, "block 2 at byte 11 announces 1024 bytes, the limit is 1000"),
        (vec![0, 0, 0, 3, 1, 2, 0xff], false, "block 2 at byte 11 is not what was expected: cannot decode 3 bytes as"),
        (vec![0, 0, 0, 3, 250, 0, 0], false, "block 2 at byte 11 announces 250 records of 32 bytes of memory"),
        (vec![0, 0, 0, 100, 1], true, "block 2 at byte 11 is cut off after 5 bytes of 104"),
        (vec![0], true, "block 2 at byte 11 is cut off after 1 bytes"),
    ] {
        let mut writer = RawBlockWriter::<(&str, u64), _>::new(peer.accept());
        writer.write_block(&[("good", 7)]).unwrap();
        let mut connection = writer.into_inner();
        connection.write_all(&bytes).unwrap();
        if closes {
            drop(connection);
        } else {
            // That it ends shows that nobody waits for more.
            let mut rest = Vec::new();
            let _ = std::io::Read::read_to_end(&mut connection, &mut rest);
        }
        let error = wait_for_error(&told, "block 2");
        let begins = if closes {
            format!("{} closed the connection: {expected}", peer.address())
        } else {
            format!("dropped the connection to {}: {expected}", peer.address())
        };
        assert!(error.starts_with(&begins), "{error}");
        assert_eq!(next_records(&records, 1), [("good".to_owned(), 7)]);
    }
}

/// Ten thousand bytes on the wire, and ten megabytes of memory.
/// I-30
#[test]
fn a_block_whose_records_own_much_more_memory_than_bytes_is_refused_and_named() {
    #[expect(clippy::large_enum_variant, reason = "what makes it dear is the point")]
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    enum Wide {
        Small,
        Large([[u64; 16]; 8]),
    }
    let peer = Peer::new();
    let limit = receivers().with_max_raw_block("100kB".parse().unwrap());
    let ssc = context(config().with_receiver(limit));
    let (records, told) = (batches(ssc.raw_socket_stream::<Vec<Wide>>(peer.address())), events(&ssc));
    let _running = ssc.start().unwrap();
    let mut writer = RawBlockWriter::<Vec<Wide>, _>::new(peer.accept());
    writer.write_block(&[vec![Wide::Small]]).unwrap();
    writer.write_block(&[vec![Wide::Small; 10_000]]).unwrap();
    let error = wait_for_error(&told, "block 2");
    assert!(error.contains("of 10004 bytes holds records that own more than 400000 bytes of memory"), "{error}");
    assert!(error.contains("`receiver.max_raw_block`"), "{error}");
    assert_eq!(next_records(&records, 1), [vec![Wide::Small]]);
}

/// A byte for each level would otherwise end the process on its stack.
/// I-30
#[test]
fn a_block_of_lists_in_lists_without_end_is_refused_and_ends_nothing_else() {
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Nest(Vec<Nest>);
    let peer = Peer::new();
    let ssc = context(config());
    let (records, told) = (batches(ssc.raw_socket_stream::<Nest>(peer.address())), events(&ssc));
    let _running = ssc.start().unwrap();
    let deep = [[0, 1, 0, 1].as_slice(), &[1; 1 << 16], &[0]].concat();
    let mut connection = peer.accept();
    connection.write_all(&deep).unwrap();
    let error = wait_for_error(&told, "block 1");
    assert!(error.contains("more than 128 deep"), "{error}");
    drop(connection);
    RawBlockWriter::new(peer.accept()).write_block(&[Nest(vec![])]).unwrap();
    assert_eq!(next_records(&records, 1), [Nest(vec![])]);
}

#[test]
fn every_storage_level_delivers_the_same_and_bad_addresses_are_misuses() {
    for level in [StorageLevel::MemoryOnly, StorageLevel::DiskOnly, StorageLevel::MemoryAndDiskSer] {
        let peer = Peer::new();
        let ssc = context(config());
        let records = batches(ssc.raw_socket_stream_with::<Pair>(peer.address(), level));
        let _running = ssc.start().unwrap();
        RawBlockWriter::new(peer.accept()).write_block(&pairs(0..10)).unwrap();
        assert_eq!(next_records(&records, 10), pairs(0..10), "{level}");
    }
    let ssc = context(config());
    ssc.raw_socket_stream::<u8>("localhost").foreach_rdd(|_| ());
    let error = ssc.start().unwrap_err().to_string();
    assert!(error.contains("raw_socket_stream at") && error.contains("has no port"), "{error}");
}
