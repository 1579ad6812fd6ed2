//! Addresses: before the start, while the actor is made anew, by name, and after the end.

use super::*;

struct Other;

impl Actor for Other {
    type Context = Context<Self>;
}

/// N-3
#[test]
fn messages_wait_before_the_start_and_while_the_actor_is_made_anew() {
    quietly();
    let (ssc, clock) = manual_context(config());
    let policy = SupervisorPolicy::for_actors().delay(seconds(5)).max_delay(seconds(5));
    let stream = ssc.actor_stream("numbers", policy, |sink| Numbers { sink });
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let early = address.try_send(store(1)).unwrap();
    let running = ssc.start().unwrap();
    assert_eq!(block_on(early), Ok(1));

    assert!(block_on(address.send(Number(2, Fate::PanicAfter))).is_err());
    // actix's own address outlives the actor as well.
    let (mine, raw) = (address.try_send(store(3)).unwrap(), address.addr());
    std::thread::scope(|threads| {
        let sender = threads.spawn(move || block_on(raw.send(store(4))));
        wait_until(|| {
            clock.advance(seconds(1));
            sender.is_finished()
        });
        assert_eq!(sender.join().unwrap().unwrap(), 4);
    });
    assert_eq!(block_on(mine), Ok(3));
    let mut all = turn_until(&clock, &numbers, 4);
    all[2..].sort_unstable();
    assert_eq!(all, [1, 2, 3, 4]);
    running.stop(Stop::Immediate).unwrap();
}

/// N-3
#[test]
fn a_sender_that_loses_patience_has_its_message_back_or_knows_that_it_was_taken() {
    quietly();
    let (ssc, clock) = manual_context(config());
    let policy = SupervisorPolicy::for_actors().delay(seconds(3600)).max_delay(seconds(3600));
    let options = ActorOptions::default().policy(policy).mailbox(1);
    let stream = ssc.actor_stream_with("numbers", options, |sink| Numbers { sink });
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    assert!(block_on(address.send(Number(0, Fate::PanicBefore))).is_err());

    let late = |number| {
        std::thread::scope(|threads| {
            let sender = threads.spawn(|| block_on(address.send_within(store(number), seconds(10))));
            wait_until(|| {
                clock.advance(milliseconds(100));
                sender.is_finished()
            });
            sender.join().unwrap().unwrap_err()
        })
    };
    assert!(matches!(late(1), ActorSendError::Late { .. }));
    let full = late(2);
    assert_eq!(full.to_string(), "the mailbox of the actor stream numbers is full; the message was not taken");
    assert_eq!(full.into_message().unwrap().0, 2);
    assert!(matches!(address.try_send(store(3)), Err(ActorSendError::Full { message: Number(3, _), .. })));
    running.stop(Stop::Immediate).unwrap();
}

/// N-3
#[test]
fn an_actor_is_found_by_its_name_and_type_and_a_name_is_given_once() {
    let (ssc, _clock) = manual_context(config());
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Numbers { sink });
    let _numbers = batches(stream.stream());
    let _others = batches(ssc.actor_stream("others", at_once(), |_: ActorSink<u32>| Other).stream());
    let running = ssc.start().unwrap();

    let address = running.actor::<Numbers>("numbers").unwrap();
    assert_eq!(block_on(address.send(store(7))).unwrap(), 7);
    assert_eq!(running.actor_names(), ["numbers", "others"]);
    let error = running.actor::<Numbers>("others").unwrap_err().to_string();
    assert!(error.contains("Other, not a") && error.contains("Numbers"), "{error}");
    let error = running.actor::<Numbers>("number").unwrap_err().to_string();
    assert_eq!(error, "there is no actor stream \"number\"; there are: numbers, others");
    running.stop(Stop::Immediate).unwrap();

    let (twice, _clock) = manual_context(config());
    for _ in 0..2 {
        batches(twice.actor_stream("numbers", at_once(), |sink| Numbers { sink }).stream());
    }
    let error = twice.start().unwrap_err().to_string();
    assert!(error.contains("actor_stream at") && error.contains("called \"numbers\" already"), "{error}");
}

/// N-3
#[test]
fn after_the_end_every_way_to_send_says_so_and_gives_the_message_back() {
    let (ssc, _clock) = manual_context(config());
    let stream = ssc.actor_stream("numbers", at_once(), |sink| Numbers { sink });
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    running.stop(Stop::Immediate).unwrap();
    block_on(address.ended());
    let error = block_on(address.send(store(1))).unwrap_err();
    assert_eq!(error.to_string(), "the actor stream numbers has ended; the message was not taken");
    assert_eq!(error.into_message().unwrap().0, 1);
    assert_eq!(address.try_send(store(2)).unwrap_err().into_message().unwrap().0, 2);
    assert_eq!(block_on(address.post(store(3))).unwrap_err().into_message().unwrap().0, 3);
    wait_until(|| !address.addr().connected());

    // A program that is never started has ended, too.
    let (ssc, _clock) = manual_context(config());
    let address = ssc.actor_stream("numbers", at_once(), |sink| Numbers { sink }).address();
    drop(ssc);
    assert!(address.is_ended());
}
