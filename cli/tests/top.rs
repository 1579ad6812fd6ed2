//! `waterwheel top` beside a program that runs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

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
