//! A page is told of what happens, without asking again.

use crate::support::{Client, PATIENCE, config, context, running, wait_until};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use waterwheel_monitor::{Monitored, StartMonitored};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// A page that listens.
pub(crate) struct Page(BufReader<TcpStream>);

impl Page {
    pub(crate) fn open(running: &Monitored) -> Page {
        Page::asking(running, "")
    }

    /// Asks with a header.
    fn asking(running: &Monitored, header: &str) -> Page {
        let path = format!("{}/live", Client::of(running).base());
        let address = running.address().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n{header}\r\n").unwrap();
        Page(BufReader::new(stream))
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).ok()? > 0).then_some(line)
    }

    /// The next overview.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.line()?;
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }
}

fn completed(overview: &Value) -> u64 {
    overview["statistics"]["numTotalCompletedBatches"].as_u64().unwrap()
}

#[test]
fn an_overview_comes_at_once_and_again_when_something_has_happened() {
    let (running, clock) = running(config(), 2);
    let mut page = Page::open(&running);
    assert_eq!(completed(&page.next().unwrap()), 2);
    clock.advance(seconds(1));
    while completed(&page.next().unwrap()) < 3 {}
    running.stop(Stop::Graceful).unwrap();
    // The end is no event; it is told all the same.
    while page.next().unwrap()["state"] != "STOPPED" {}
    drop(running);
    while page.line().is_some() {}
}

#[test]
fn so_many_pages_are_kept_live_and_no_more() {
    let (running, _clock) = running(config(), 1);
    let mut pages: Vec<Page> = (0..32).map(|_| Page::open(&running)).collect();
    pages.iter_mut().for_each(|page| drop(page.next().unwrap()));
    let mut one_more = Page::open(&running);
    assert!(one_more.line().unwrap().contains("503"));
    let mut browser = Page::asking(&running, "Accept: text/event-stream\r\n");
    assert!(browser.line().unwrap().contains("204"), "a browser is told not to come back");
    assert_eq!(Client::of(&running).get("/overview")["state"], "RUNNING", "asking is still answered");
    drop(pages);
    // Pages that are gone make room, as soon as something is sent to them.
    crate::support::wait_until(&running, || {
        let mut page = Page::open(&running);
        page.line().unwrap().contains("200")
    });
}

/// An output that waits until it is let go on.
fn held(ssc: &StreamingContext) -> (SyncSender<()>, Receiver<()>) {
    let ((go, wait), (begun, begins)) = (sync_channel::<()>(1), channel());
    let wait = Mutex::new(wait);
    let numbers = ssc.input_stream(Scripted::new((1..=100).map(|n| vec![n])));
    numbers.foreach_rdd(|_| {});
    numbers.foreach_rdd(move |_| {
        begun.send(()).unwrap();
        wait.lock().unwrap().recv().unwrap();
    });
    numbers.foreach_rdd(|_| {});
    (go, begins)
}

#[test]
fn of_a_batch_that_runs_all_outputs_are_counted_also_those_that_have_not_begun() {
    let (ssc, clock) = context(config());
    let (go, begins) = held(&ssc);
    let running = ssc.start_monitored().unwrap();
    clock.advance(seconds(1));
    begins.recv_timeout(PATIENCE).unwrap();
    let client = Client::of(&running);
    let counts = || {
        let batch = client.get("/batches")[0].clone();
        ["status", "numTotalOutputOps", "numCompletedOutputOps", "numActiveOutputOps"].map(|name| batch[name].clone())
    };
    wait_until(&running, || counts() == [json!("PROCESSING"), json!(3), json!(1), json!(1)]);
    go.send(()).unwrap();
    wait_until(&running, || counts() == [json!("COMPLETED"), json!(3), json!(3), json!(0)]);
    running.stop(Stop::Immediate).unwrap();
}

/// U-1
#[test]
fn what_a_page_is_told_while_time_passes_in_batches_is_what_rest_tells() {
    let (ssc, clock) = context(config());
    let working = clock.clone();
    let numbers = ssc.input_stream(Scripted::new((1..=100u64).map(|n| vec![n])));
    // Batch n is worked on for n times 10 ms.
    numbers.foreach_rdd(move |rdd: Rdd<u64>| -> Result<(), JobError> {
        rdd.collect()?.iter().for_each(|n| working.advance(milliseconds(10 * n)));
        Ok(())
    });
    let running = ssc.start_monitored().unwrap();
    let mut page = Page::open(&running);
    for batch in 1..=5 {
        clock.set(Time::from_millis(1_431_637_480_000 + batch * 1000)).unwrap();
        let batch = batch.unsigned_abs();
        assert!(running.wait_for_batches(batch, PATIENCE));
        let told = std::iter::from_fn(|| page.next()).find(|told| completed(told) == batch).unwrap();
        let client = Client::of(&running);
        assert_eq!(told["statistics"], client.get("/statistics"));
        assert_eq!(told["completed"], client.get("/batches"));
        assert_eq!(told["timelines"], client.get("/timelines"));
        let times: Vec<_> = (1..=batch).map(|n| json!(10.0 * n as f64)).collect();
        assert_eq!(told["timelines"]["processingTimes"], json!(times));
        assert_eq!(told["completed"][0]["processingTime"], 10 * batch);
    }
    running.stop(Stop::Immediate).unwrap();
}
