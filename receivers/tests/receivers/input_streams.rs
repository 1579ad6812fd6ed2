//! How input streams are numbered and told apart.

use crate::support::*;
use std::collections::{BTreeMap, BTreeSet};
use waterwheel_operators::prelude::*;
use waterwheel_receivers::prelude::*;
use waterwheel_runtime::ids::StreamId;

/// Numbers are given over all input streams; those of the receivers are a part of them.
#[test]
fn input_streams_are_numbered_in_order_of_definition() {
    let peer = Peer::new();
    let (ssc, clock) = manual_context(config());
    let told = events(&ssc);
    let of = |records: Vec<i32>| ssc.engine().parallelize(records, 1);
    batches(ssc.queue_stream(vec![of(vec![1])], true));
    batches(ssc.socket_text_stream(peer.address()));
    batches(ssc.constant_stream(of(vec![1, 2])));
    batches(ssc.generator_stream(1, 0, |n, _| n));
    batches(ssc.queue_stream(vec![of(vec![1, 2, 3])], true));
    let running = ssc.start().unwrap();
    run_batch(&running, &clock, 1);

    let (mut receivers, mut records) = (BTreeSet::new(), None);
    while receivers.len() < 2 || records.is_none() {
        match told.recv_timeout(DEADLINE).unwrap() {
            Event::ReceiverStarted { stream, .. } => drop(receivers.insert(stream)),
            Event::BatchCompleted(batch) => records = Some(batch.records),
            _ => {}
        }
    }
    assert_eq!(receivers, BTreeSet::from([StreamId(1), StreamId(3)]));
    let queued: BTreeMap<StreamId, u64> =
        records.unwrap().into_iter().filter(|(stream, _)| !receivers.contains(stream)).collect();
    assert_eq!(queued, BTreeMap::from([(StreamId(0), 1), (StreamId(2), 2), (StreamId(4), 3)]));
}

#[test]
fn stream_without_an_output_disturbs_nothing() {
    let peer = Peer::new();
    let (ssc, clock) = manual_context(config());
    ssc.socket_text_stream(peer.address());
    ssc.queue_stream(RddQueue::<i32>::new(), true);
    let same = batches(ssc.constant_stream(ssc.engine().parallelize([1], 1)));
    let running = ssc.start().unwrap();
    let _connection = peer.accept();
    run_batch(&running, &clock, 1);
    running.stop(Stop::Graceful).unwrap();
    assert_same(same.try_iter(), [vec![1]]);
}
