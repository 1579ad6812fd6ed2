//! What waits is seen where it waits, in programs that are held up on purpose.

use crate::chromium::Chromium;
use crate::support::{Client, PATIENCE, config, context, gate, receivers, running, wait_until};
use actix::{Actor, Context, Handler, Message};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use tokio::sync::mpsc;
use waterwheel_monitor::{Monitored, StartMonitored};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;
use waterwheel_receivers::actor::{ActorOptions, ActorSink, ActorSource, SinkClosed};
use waterwheel_runtime::durable::MemoryStorage;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Chunks of so many records, that count so many bytes.
type Chunks = mpsc::Receiver<(u64, usize)>;

/// A receiver that stores what it is told to, and says so.
struct Fed {
    chunks: Arc<tokio::sync::Mutex<Chunks>>,
    stored: Sender<()>,
}

impl Receiver for Fed {
    type Record = u64;

    async fn run(&mut self, handle: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        let mut chunks = self.chunks.lock().await;
        loop {
            tokio::select! {
                () = handle.stopped() => return Ok(()),
                Some((records, bytes)) = chunks.recv() => {
                    handle.store_sized((0..records).collect(), bytes).await?;
                    self.stored.send(())?;
                }
            }
        }
    }
}

/// Who tells it.
struct Feed {
    chunks: mpsc::Sender<(u64, usize)>,
    stored: Inbox<()>,
}

impl Feed {
    fn stream(ssc: &StreamingContext, overload: Overload) -> (Feed, DStream<'_, u64>) {
        let ((into, chunks), (stored, told)) = (mpsc::channel(1), channel());
        let chunks = Arc::new(tokio::sync::Mutex::new(chunks));
        let fed = move || Fed { chunks: chunks.clone(), stored: stored.clone() };
        let stream = ssc.receiver_stream("numbers", ReceiverOptions::new().overload(overload), fed).named("numbers");
        (Feed { chunks: into, stored: told }, stream)
    }

    fn store(&self, records: u64, bytes: usize) {
        self.chunks.blocking_send((records, bytes)).unwrap();
        self.stored.recv_timeout(PATIENCE).unwrap();
    }
}

fn amount(blocks: u64, records: u64, bytes: u64) -> Value {
    json!({"blocks": blocks, "records": records, "bytes": bytes})
}

fn nothing() -> Value {
    amount(0, 0, 0)
}

/// Where records of the first stream wait.
fn places(client: &Client) -> [Value; 3] {
    let stream = client.get("/receivers/0");
    ["intake", "waiting", "allocated"].map(|place| stream[place].clone())
}

/// The messages that wait in the mailbox of an actor.
fn mailbox(client: &Client, actor: &str) -> u64 {
    let queues = client.get("/queues");
    let found = queues["mailboxes"].as_array().unwrap().iter().find(|mailbox| mailbox["actor"] == actor);
    found.unwrap_or_else(|| panic!("{actor} in {queues}"))["messages"].as_u64().unwrap()
}

/// The value of a metric of which there is one, with these labels behind that of the application.
#[track_caller]
fn metric(client: &Client, name: &str, labels: &str) -> f64 {
    let text = client.raw("/metrics").text;
    let of_it = |line: &&str| line.starts_with(&format!("{name}{{")) && line.contains(labels);
    let lines: Vec<&str> = text.lines().filter(of_it).collect();
    let [line] = lines.as_slice() else { panic!("{name} {labels}: {lines:?}") };
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// A program whose first batch is held in its output, the second of which waits, and beside those blocks one that no batch has and one
/// that is being filled.
fn held_up(ssc: StreamingContext, clock: &ManualClock) -> (Monitored, Feed, Sender<()>) {
    let (feed, numbers) = Feed::stream(&ssc, Overload::Block);
    let (pass, go, begins) = gate();
    numbers.foreach_rdd(move |_| pass());
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    assert_eq!(places(&client), [nothing(), nothing(), nothing()]);
    feed.store(5, 500);
    assert_eq!(places(&client), [amount(1, 5, 500), nothing(), nothing()]);
    clock.advance(seconds(1));
    begins.recv_timeout(PATIENCE).unwrap();
    assert_eq!(places(&client), [nothing(), nothing(), amount(1, 5, 500)]);
    feed.store(7, 700);
    clock.advance(seconds(1));
    wait_until(&running, || places(&client) == [nothing(), nothing(), amount(2, 12, 1200)]);
    feed.store(3, 300);
    // A block interval.
    clock.advance(milliseconds(200));
    wait_until(&running, || places(&client) == [nothing(), amount(1, 3, 300), amount(2, 12, 1200)]);
    feed.store(2, 200);
    let queues = || client.get("/queues");
    wait_until(&running, || queues()["numRunningBatches"] == 1 && queues()["numWaitingBatches"] == 1);
    (running, feed, go)
}

/// U-11
#[test]
fn records_are_seen_where_they_wait_from_their_receiver_to_the_end_of_their_batch() {
    let (ssc, clock) = context(config());
    let (running, _feed, go) = held_up(ssc, &clock);
    let client = Client::of(&running);
    assert_eq!(places(&client), [amount(1, 2, 200), amount(1, 3, 300), amount(2, 12, 1200)]);
    let stream = client.get("/receivers/0");
    assert_eq!((&stream["memoryBytes"], &stream["fileBytes"]), (&json!(1700), &json!(0)));
    assert_eq!(stream["numMailboxMessages"], Value::Null, "it has no actor");
    assert_eq!(client.get("/overview")["receivers"][0]["allocated"], stream["allocated"]);
    let of_stream = |what: &str| metric(&client, &format!("waterwheel_stream_{what}"), "stream=\"numbers\"");
    for (place, [blocks, records, bytes]) in
        [("intake", [1.0, 2.0, 200.0]), ("waiting", [1.0, 3.0, 300.0]), ("allocated", [2.0, 12.0, 1200.0])]
    {
        let told = ["blocks", "records", "bytes"].map(|what| of_stream(&format!("{place}_{what}")));
        assert_eq!(told, [blocks, records, bytes], "{place}");
    }
    assert_eq!(metric(&client, "waterwheel_receiver_pending_memory_bytes", "stream_id=\"0\""), 1700.0);
    assert_eq!(metric(&client, "waterwheel_waiting_batches", ""), 1.0);
    drop(go);
    wait_until(&running, || places(&client) == [amount(1, 2, 200), amount(1, 3, 300), nothing()]);
    assert_eq!(client.get("/receivers/0")["memoryBytes"], 500);
    running.stop(Stop::Graceful).unwrap();
    assert_eq!(
        places(&client),
        [nothing(), nothing(), nothing()],
        "whoever looks at the end sees that nothing is left"
    );
}

/// U-11
#[test]
fn the_page_shows_where_records_wait() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (ssc, clock) = context(config());
    let (running, _feed, go) = held_up(ssc, &clock);
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    let cells = |table: &str| {
        format!(
            "[...document.querySelectorAll('#{table} tbody tr')].map((row) => [...row.children].map((it) => it.textContent))"
        )
    };
    browser.wait("document.querySelector('#queue-table tbody th')?.textContent === 'numbers'");
    let places = ["2 in 1 block, 200 B", "3 in 1 block, 300 B", "12 in 2 blocks, 1.2 KiB"];
    let told = json!([["numbers", "-", places[0], places[1], places[2], "1.7 KiB", "0 B"]]);
    assert_eq!(browser.value(&cells("queue-table")), told);
    assert_eq!(browser.value(&cells("receiver-table"))[0][5], "17", "records that are not processed");
    assert_eq!(
        browser.value("document.getElementById('tasks').textContent"),
        "Batches: 1 wait, 1 run. Tasks: 0 wait for a worker, 0 have one."
    );
    let mailboxes = browser.value(&cells("mailbox-table"));
    assert_eq!(mailboxes.as_array().unwrap().len(), client.get("/queues")["mailboxes"].as_array().unwrap().len());
    for (width, dark) in [(1280, false), (400, true)] {
        browser.look_as(width, dark);
        // The charts follow the width of the page a moment later.
        browser.wait("document.documentElement.scrollWidth <= window.innerWidth");
        browser.picture(&format!("queues-{width}-{}", if dark { "dark" } else { "light" }));
    }
    drop(go);
    // The page is not asked to look again.
    browser.wait("document.querySelector('#queue-table tbody tr').cells[4].textContent === '0'");
    assert_eq!(browser.errors, Vec::<String>::new());
    running.stop(Stop::Immediate).unwrap();
}

#[test]
fn what_is_spilled_waits_in_files_and_in_no_batch() {
    let (ssc, clock) = context(config().with_receiver(receivers().with_max_rate(10)));
    let (feed, numbers) = Feed::stream(&ssc, Overload::Spill);
    numbers.foreach_rdd(|rdd| rdd.count().map(drop));
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    // Large enough to be a block each; the first is what a batch takes.
    (0..3).for_each(|_| feed.store(10, 70_000));
    wait_until(&running, || places(&client) == [nothing(), amount(3, 30, 210_000), nothing()]);
    let held = || ["memoryBytes", "fileBytes"].map(|kind| client.get("/receivers/0")[kind].as_u64().unwrap());
    assert_eq!(held(), [70_000, 140_000]);
    clock.advance(seconds(1));
    wait_until(&running, || client.get("/receivers/0")["numSpilledRecords"] == 20);
    assert_eq!(places(&client), [nothing(), amount(2, 20, 140_000), nothing()]);
    assert_eq!(held(), [0, 140_000]);
    assert_eq!(metric(&client, "waterwheel_receiver_pending_file_bytes", "stream=\"numbers\""), 140_000.0);
    running.stop(Stop::Immediate).unwrap();
}

#[test]
fn tasks_for_which_no_worker_has_room_are_told_apart_from_those_that_have_one() {
    let (ssc, clock) = context(config());
    let (pass, go, begins) = gate();
    let numbers = ssc.input_stream(Scripted::new([(0..64u64).collect::<Vec<_>>()]));
    numbers.repartition(8).foreach_partition(move |_| pass());
    let running = ssc.start_monitored().unwrap();
    clock.advance(seconds(1));
    (0..2).for_each(|_| begins.recv_timeout(PATIENCE).unwrap());
    let client = Client::of(&running);
    let tasks = || ["numWaitingTasks", "numAssignedTasks"].map(|kind| client.get("/queues")[kind].as_u64().unwrap());
    // Two workers, which take two tasks of a job each.
    wait_until(&running, || tasks() == [4, 4]);
    assert_eq!(
        (metric(&client, "waterwheel_waiting_tasks", ""), metric(&client, "waterwheel_assigned_tasks", "")),
        (4.0, 4.0)
    );
    drop(go);
    wait_until(&running, || tasks() == [0, 0]);
    running.stop(Stop::Graceful).unwrap();
}

#[test]
fn events_are_counted_while_a_listener_keeps_them_waiting() {
    let (ssc, clock) = context(config());
    ssc.input_stream(Scripted::new((0..10).map(|n| vec![n]))).foreach_rdd(|_| {});
    let (pass, go, begins) = gate();
    ssc.add_streaming_listener(move |_: &Event| pass());
    let running = ssc.start_monitored().unwrap();
    begins.recv_timeout(PATIENCE).unwrap();
    clock.advance(3 * seconds(1));
    assert!(running.wait_for_batches(3, PATIENCE));
    let client = Client::of(&running);
    // Of each batch: submitted, started, its output started and completed, completed.
    assert_eq!(mailbox(&client, "EventBus"), 15);
    assert_eq!(metric(&client, "waterwheel_mailbox_messages", "actor=\"EventBus\""), 15.0);
    assert_eq!(metric(&client, "waterwheel_mailbox_capacity_messages", "actor=\"EventBus\""), 4096.0);
    assert_eq!(metric(&client, "waterwheel_dropped_events_total", ""), 0.0);
    drop(go);
    wait_until(&running, || mailbox(&client, "EventBus") == 0);
    running.stop(Stop::Graceful).unwrap();
}

#[test]
fn the_mailboxes_of_a_program_and_of_its_engine_are_told() {
    let (ssc, clock) = context(config());
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    ssc.input_stream(Scripted::new([vec![1]])).foreach_rdd(|rdd| rdd.count().map(drop));
    let running = ssc.start_monitored().unwrap();
    clock.advance(2 * seconds(1));
    assert!(running.wait_for_batches(2, PATIENCE));
    let queues = Client::of(&running).get("/queues");
    let mailboxes = queues["mailboxes"].as_array().unwrap().iter();
    let told: Vec<_> = mailboxes.map(|it| (it["actor"].as_str().unwrap(), it["capacity"].as_u64().unwrap())).collect();
    let expected = [
        ("Keeper", 32),
        ("BlockTracker", 64),
        ("BatchScheduler", 16),
        ("EventBus", 4096),
        ("BlockManager", 64),
        ("StageWorker", 512),
    ];
    assert_eq!(told, expected);
    running.stop(Stop::Graceful).unwrap();
}

/// An actor that stores what it is sent.
struct Storing(ActorSink<u64>);

impl Actor for Storing {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "Result<(), SinkClosed>")]
struct Store(u64);

impl Handler<Store> for Storing {
    type Result = Result<(), SinkClosed>;

    fn handle(&mut self, Store(number): Store, _: &mut Context<Self>) -> Self::Result {
        self.0.store(number)
    }
}

#[test]
fn messages_that_wait_for_the_actor_of_a_stream_are_counted() {
    let pending = receivers().with_max_pending("1B".parse().unwrap());
    let (ssc, clock) = context(config().with_receiver(pending));
    let stream = ssc.actor_stream_with("readings", ActorOptions::default(), Storing);
    let address = stream.address();
    stream.foreach_rdd(|rdd| rdd.count().map(drop));
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    let waiting = || client.get("/receivers/0")["numMailboxMessages"].clone();
    // A record takes all there is room for: the next is held by the sink, and then the actor is handed nothing.
    let answers: Vec<_> = (0..7).map(|number| address.try_send(Store(number)).unwrap()).collect();
    wait_until(&running, || waiting() == 5);
    assert_eq!(metric(&client, "waterwheel_receiver_mailbox_messages", "stream_id=\"0\""), 5.0);
    // Every batch that is done makes room for one.
    for left in (0..5).rev() {
        clock.advance(seconds(1));
        wait_until(&running, || waiting() == left);
    }
    drop(answers);
    running.stop(Stop::Immediate).unwrap();
    assert_eq!(waiting(), Value::Null, "there is no actor any more");
}

#[test]
fn of_a_stream_that_no_receiver_feeds_nothing_waits_that_could_be_counted() {
    let (running, _clock) = running(config(), 1);
    let streams = Client::of(&running).get("/receivers");
    let fields = ["intake", "waiting", "allocated", "memoryBytes", "fileBytes", "numMailboxMessages"];
    assert_eq!(fields.map(|field| streams[0][field].clone()), fields.map(|_| Value::Null));
    assert_eq!(streams[1]["intake"], nothing(), "the receiver is dead, and has stored nothing");
}
