//! `print` and `print_n`, as they are read.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// A page of standard output.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines under each title that `output` prints of batches with the numbers 1 to 0, 10, 11 and 3.
fn printed(output: impl FnOnce(DStream<'_, i32>)) -> Vec<Vec<String>> {
    let (clock, paper) = (ManualClock::new(Time::ZERO), Paper::default());
    let config = Config::local("test").with_cores(2).with_handle_signals(false);
    let mut ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
    ssc.print_to(paper.clone());
    output(ssc.input_stream(Scripted::new([0, 10, 11, 3].map(|last| (1..=last).collect::<Vec<_>>())).partitions(3)));
    let running = ssc.start().unwrap();
    clock.advance(seconds(4));
    assert!(running.wait_for_batches(4, Duration::from_secs(20)));
    running.stop(Stop::Graceful).unwrap();
    let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    let rule = "-".repeat(43);
    let (title, records) = (format!("{rule}\nTime: "), format!("{rule}\n"));
    let pages = text.split(&title).skip(1).map(|page| page.split_once(&records).unwrap().1);
    pages.map(|page| page.lines().map(str::to_owned).collect()).collect()
}

/// The numbers 1 to `last`, and `end`.
fn page(last: i32, end: &[&str]) -> Vec<String> {
    (1..=last).map(|n| n.to_string()).chain(end.iter().map(|line| (*line).to_owned())).collect()
}

#[test]
fn print_shows_ten_records_and_dots_when_there_are_more() {
    let pages = printed(|numbers| numbers.print());
    assert_eq!(pages, [page(0, &[""]), page(10, &[""]), page(10, &["...", ""]), page(3, &[""])]);
}

#[test]
fn print_n_shows_as_many_as_it_is_told() {
    let pages = printed(|numbers| numbers.print_n(2));
    assert_eq!(pages[2..], [page(2, &["...", ""]), page(2, &["...", ""])]);
    let none = printed(|numbers| numbers.print_n(0));
    assert_eq!(none, [page(0, &[""]), page(0, &["...", ""]), page(0, &["...", ""]), page(0, &["...", ""])]);
}
