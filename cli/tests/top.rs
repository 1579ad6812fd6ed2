//! `waterwheel top` beside a program that runs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::Duration;
use waterwheel::prelude::*;
use waterwheel_cli::top::top;

const PATIENCE: Duration = Duration::from_secs(60);

/// A program with a page, and the number of batches that it has completed at least.
fn running(token: Option<&str>) -> Monitored {
    let mut config = Config::local("Wheel").with_cores(1).with_handle_signals(false);
    config.ui = config.ui.with_bind("127.0.0.1:0".parse().unwrap());
    if let Some(token) = token {
        config.ui = config.ui.with_token(token);
    }
    let ssc = StreamingContext::new(config, milliseconds(20)).unwrap();
    let numbers = ssc.constant_stream(ssc.engine().parallelize(1..=4, 2));
    numbers.foreach_rdd(|rdd| rdd.count().map(drop));
    let running = ssc.start_monitored().unwrap();
    assert!(running.wait_for_batches(3, PATIENCE));
    running
}

fn told(url: &str, token: Option<&str>, once: bool) -> Result<String, String> {
    let mut out = Vec::new();
    let outcome = top(url, token.map(str::to_owned), once, &mut out);
    outcome.map(|()| String::from_utf8(out).unwrap()).map_err(|error| format!("{error:#}"))
}

#[test]
fn the_present_figures_are_shown_once() {
    let running = running(None);
    let line = told(&running.url().unwrap(), None, true).unwrap();
    assert!(line.starts_with("Wheel running: 200 records/s, processing "), "{line}");
    assert!(line.contains(" batches, ") && line.ends_with(" behind\n"), "{line}");
    // Without its scheme, as it is typed.
    assert!(told(&running.address().unwrap().to_string(), None, true).is_ok());
}

#[test]
fn the_line_follows_the_program_to_its_end() {
    let running = running(None);
    let url = running.url().unwrap();
    let lines = std::thread::scope(|scope| {
        let watching = scope.spawn(|| told(&url, None, false).unwrap());
        assert!(running.wait_for_batches(20, PATIENCE));
        running.stop(Stop::Graceful).unwrap();
        watching.join().unwrap()
    });
    assert!(lines.lines().last().unwrap().starts_with("Wheel "), "{lines}");
}

#[test]
fn a_program_that_is_dropped_has_ended_as_well() {
    let running = running(None);
    let url = running.url().unwrap();
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| told(&url, None, false));
        assert!(running.wait_for_batches(20, PATIENCE));
        drop(running);
        assert!(watching.join().unwrap().is_ok());
    });
}

/// An application that tells its figures once and is gone: what is left of one that was killed.
#[test]
fn an_application_that_is_gone_without_a_word_has_not_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let overview = r#"{"name": "Wheel", "state": "RUNNING", "completed": [],
        "statistics": {"numTotalCompletedBatches": 1, "numFailedBatches": 0, "numActiveBatches": 0}}"#;
    let event = format!("event: overview\ndata: {}\n\n", overview.replace('\n', ""));
    let dying = std::thread::spawn(move || {
        for body in [r#"[{"id": "local-1"}]"#, &event] {
            let (mut asked, _) = listener.accept().unwrap();
            let mut line = String::new();
            let mut request = BufReader::new(asked.try_clone().unwrap());
            while request.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            write!(asked, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}").unwrap();
        }
    });
    let error = told(&address.to_string(), None, false).unwrap_err();
    assert!(error.contains("is gone, and has not said that the application has stopped"), "{error}");
    dying.join().unwrap();
}

#[test]
fn whoever_does_not_answer_is_named_and_a_token_that_is_missing_too() {
    let running = running(Some("sesame"));
    let url = running.url().unwrap();
    let error = told(&url, None, true).unwrap_err();
    assert!(error.contains("401") && error.contains("ui.token"), "{error}");
    assert!(told(&url, Some("sesame"), true).is_ok());
    drop(running);
    let error = told(&url, Some("sesame"), true).unwrap_err();
    assert!(error.contains(url.trim_end_matches('/')) && error.contains("does not answer"), "{error}");
}
