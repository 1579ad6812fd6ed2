//! Handlers that answer later.

use super::*;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Answers a number when there is a permit for it.
struct Patient {
    _sink: ActorSink<u64>,
    gate: Arc<Semaphore>,
}

impl Actor for Patient {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Later(u64);

impl Handler<Later> for Patient {
    type Result = ResponseFuture<u64>;

    fn handle(&mut self, Later(number): Later, _: &mut Context<Self>) -> Self::Result {
        let gate = self.gate.clone();
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            number
        })
    }
}

/// Nothing is stored, so the stream is never full: the answers that are outstanding are what holds the senders back.
/// N-4
#[test]
fn no_more_messages_are_handled_asynchronously_at_a_time_than_the_options_say() {
    const ANSWERING: usize = 3;
    const ROOM: usize = 5;
    let (ssc, clock) = manual_context(config());
    let gate = Arc::new(Semaphore::new(0));
    let theirs = gate.clone();
    let options = ActorOptions::default().policy(at_once()).mailbox(ROOM).answering(ANSWERING);
    let stream = ssc.actor_stream_with("patient", options, move |_sink| Patient { _sink, gate: theirs.clone() });
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();

    let taken: Vec<_> = (0..ANSWERING as u64).map(|number| block_on(address.post(Later(number))).unwrap()).collect();
    wait_until(|| address.statistics().messages == ANSWERING as u64);
    let waiting: Vec<_> = (3..3 + ROOM as u64).map(|number| address.try_send(Later(number)).unwrap()).collect();
    let mut late = Box::pin(address.send_within(Later(99), seconds(1)));
    assert!(futures::FutureExt::now_or_never(&mut late).is_none());
    clock.advance(seconds(1));
    let full = block_on(late).unwrap_err();
    assert!(matches!(full, ActorSendError::Full { .. }), "{full}");
    assert_eq!(address.statistics().messages, ANSWERING as u64);

    // Each answer lets one message through, also while the program stops.
    gate.add_permits(1);
    wait_until(|| address.statistics().messages == 1 + ANSWERING as u64);
    gate.add_permits(100);
    running.stop(Stop::Graceful).unwrap();
    for (number, answer) in (0..).zip(taken.into_iter().chain(waiting)) {
        assert_eq!(block_on(answer), Ok(number));
    }
}
