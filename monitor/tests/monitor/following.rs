//! A page is told of what happens, without asking again.

use crate::support::{Client, PATIENCE, config, running};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use waterwheel_monitor::Monitored;
use waterwheel_operators::prelude::*;

/// A page that listens.
struct Page(BufReader<TcpStream>);

impl Page {
    fn open(running: &Monitored) -> Page {
        let path = format!("{}/live", Client::of(running).base());
        let address = running.address().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        Page(BufReader::new(stream))
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).ok()? > 0).then_some(line)
    }

    /// The next overview.
    fn next(&mut self) -> Option<Value> {
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
    assert_eq!(Client::of(&running).get("/overview")["state"], "RUNNING", "asking is still answered");
    drop(pages);
    // Pages that are gone make room, as soon as something is sent to them.
    crate::support::wait_until(&running, || {
        let mut page = Page::open(&running);
        page.line().unwrap().contains("200")
    });
}
