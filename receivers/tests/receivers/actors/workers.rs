//! Workers, and the figures of a stream.

use super::*;
use waterwheel_receivers::actor::{MAX_WORKERS, WorkerRefused};

/// Starts workers when it is asked to.
struct Foreman {
    sink: ActorSink<u64>,
    workers: Vec<ActorAddress<Numbers>>,
}

impl Actor for Foreman {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "Result<ActorAddress<Numbers>, WorkerRefused>")]
struct Hire(&'static str);

impl Handler<Hire> for Foreman {
    type Result = Result<ActorAddress<Numbers>, WorkerRefused>;

    fn handle(&mut self, Hire(name): Hire, _: &mut Context<Self>) -> Self::Result {
        let worker = self.sink.worker(name, |sink| Numbers { sink })?;
        self.workers.push(worker.clone());
        self.sink.set_info(format!("{} hired", self.workers.len()));
        Ok(worker)
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Fail;

impl Handler<Fail> for Foreman {
    type Result = ();

    fn handle(&mut self, _: Fail, _: &mut Context<Self>) {
        panic!("{ON_PURPOSE}, the foreman");
    }
}

fn foreman(ssc: &StreamingContext, policy: SupervisorPolicy) -> ActorDStream<'_, Foreman, u64> {
    ssc.actor_stream("yard", policy, |sink| Foreman { sink, workers: Vec::new() })
}

/// N-8
#[test]
fn workers_store_beside_their_actor_and_a_panic_of_one_disturbs_nobody() {
    quietly();
    let (ssc, clock) = manual_context(config());
    let stream = foreman(&ssc, at_once());
    let (numbers, address, told) = (batches(stream.stream()), stream.address(), events(&ssc));
    let running = ssc.start().unwrap();
    let [one, two] = ["one", "two"].map(|name| block_on(address.send(Hire(name))).unwrap().unwrap());
    assert_eq!((one.name(), two.name()), ("yard/one", "yard/two"));

    let mut sent = Vec::new();
    for number in 0..300 {
        let worker = if number % 2 == 0 { &one } else { &two };
        let fate = if number % 50 == 0 { Fate::PanicAfter } else { Fate::Store };
        sent.push((number, block_on(worker.post(Number(number, fate))).unwrap()));
    }
    for (number, answer) in sent {
        assert_eq!(block_on(answer).ok(), (number % 50 != 0).then_some(number));
    }
    assert_eq!(wait_for_error(&told, "yard/one"), "the worker yard/one panicked: on purpose, after 0");
    let mut all = turn_until(&clock, &numbers, 300);
    all.sort_unstable();
    assert_same(all, 0..300);
    let statistics = address.statistics();
    assert_eq!((statistics.messages, statistics.records, statistics.workers), (302, 300, 2));
    assert_eq!((statistics.hiccups, statistics.info.as_str(), statistics.ended), (6, "2 hired", false));
    assert_eq!(one.statistics(), statistics);

    running.stop(Stop::Graceful).unwrap();
    assert!(one.is_ended() && two.is_ended());
    assert_eq!(address.statistics().workers, 0);
}

/// N-8
#[test]
fn workers_end_with_the_actor_that_started_them_and_what_they_stored_is_kept() {
    quietly();
    let (ssc, clock) = manual_context(config());
    let stream = foreman(&ssc, at_once());
    let (numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    let worker = block_on(address.send(Hire("one"))).unwrap().unwrap();
    assert_eq!(block_on(worker.send(store(1))).unwrap(), 1);
    assert!(block_on(address.send(Fail)).is_err());
    block_on(worker.ended());
    assert!(block_on(worker.send(store(2))).unwrap_err().into_message().is_some());

    let next = block_on(address.send(Hire("one"))).unwrap().unwrap();
    assert_eq!(block_on(next.send(store(3))).unwrap(), 3);
    assert_eq!((address.statistics().workers, address.statistics().hiccups), (1, 1));
    assert_eq!(turn_until(&clock, &numbers, 2), [1, 3]);
    running.stop(Stop::Immediate).unwrap();
}

/// N-8
#[test]
fn a_worker_whose_policy_gives_up_ends_alone() {
    quietly();
    let (ssc, _clock) = manual_context(config());
    let stream = foreman(&ssc, at_once().max_restarts(1, seconds(3600)));
    let (_numbers, address, told) = (batches(stream.stream()), stream.address(), events(&ssc));
    let running = ssc.start().unwrap();
    let worker = block_on(address.send(Hire("one"))).unwrap().unwrap();
    for number in 0..2 {
        assert!(block_on(worker.send(Number(number, Fate::PanicBefore))).is_err());
    }
    block_on(worker.ended());
    let error = wait_for_error(&told, "given up");
    assert_eq!(error, "the worker yard/one is given up after 1 restarts; first: panicked: on purpose, before 0");
    assert_eq!((address.statistics().workers, running.state()), (0, ContextState::Active));
    running.stop(Stop::Immediate).unwrap();
}

/// N-8
#[test]
fn there_are_only_so_many_workers() {
    let (ssc, _clock) = manual_context(config());
    let stream = foreman(&ssc, at_once());
    let (_numbers, address) = (batches(stream.stream()), stream.address());
    let running = ssc.start().unwrap();
    for _ in 0..MAX_WORKERS {
        assert!(block_on(address.send(Hire("many"))).unwrap().is_ok());
    }
    assert_eq!(block_on(address.send(Hire("one more"))).unwrap().unwrap_err(), WorkerRefused::TooMany);
    running.stop(Stop::Immediate).unwrap();
}

/// Never stops by itself.
struct Stubborn;

impl Actor for Stubborn {
    type Context = Context<Self>;

    fn stopping(&mut self, _: &mut Context<Self>) -> Running {
        Running::Continue
    }
}

#[derive(Message)]
#[rtype(result = "ActorAddress<Stubborn>")]
struct HireStubborn;

impl Handler<HireStubborn> for Foreman {
    type Result = MessageResult<HireStubborn>;

    fn handle(&mut self, _: HireStubborn, ctx: &mut Context<Self>) -> Self::Result {
        let worker = self.sink.worker("stubborn", |_| Stubborn).unwrap();
        // Of its own accord, with a worker that does not.
        ctx.stop();
        MessageResult(worker)
    }
}

/// The stream would be without an actor for ever.
/// N-8
#[test]
fn a_worker_that_does_not_end_with_its_actor_is_stopped_and_the_actor_made_anew() {
    let (ssc, clock) = manual_context(config());
    let stream = foreman(&ssc, at_once());
    let (_numbers, address, told) = (batches(stream.stream()), stream.address(), events(&ssc));
    let running = ssc.start().unwrap();
    let worker = block_on(address.send(HireStubborn)).unwrap();
    let stopped = |event: &Event| matches!(event, Event::ReceiverError { message, .. } if message.contains("workers of it have not within 5s"));
    wait_until(|| {
        clock.advance(milliseconds(100));
        told.try_iter().any(|event| stopped(&event))
    });
    block_on(worker.ended());
    let next = block_on(address.send(Hire("one"))).unwrap().unwrap();
    assert_eq!(block_on(next.send(store(3))).unwrap(), 3);
    running.stop(Stop::Immediate).unwrap();
}
