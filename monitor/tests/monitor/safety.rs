//! Who may look, who may stop, and what browsers are told.

use crate::support::{Client, config, context, running, troubled, ui};
use waterwheel_monitor::StartMonitored;
use waterwheel_operators::prelude::*;

#[test]
fn every_answer_has_the_headers_that_keep_others_out() {
    let (running, _clock) = running(config(), 1);
    let client = Client::of(&running);
    for path in ["/", "/batch?id=1", "/assets/index.js", "/metrics", "/health", "/nowhere", "/api/v1/applications"] {
        let headers = client.raw(path).headers;
        let header = |name: &str| headers[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{path}");
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff", "no-referrer"), "{path}");
        assert_eq!(header("x-frame-options"), "DENY");
    }
}

#[test]
fn a_name_that_is_not_this_machines_leads_nowhere() {
    let (running, _clock) = running(config(), 1);
    let client = Client::of(&running);
    let answer = client.send("GET", "/api/v1/applications", &[("host", "evil.example:4040")]);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.json()["message"].as_str().unwrap().contains("ui.token"));
}

/// U-5
#[test]
fn with_a_token_nothing_is_shown_to_whoever_does_not_know_it() {
    let config = config().with_ui(ui().with_token("sesame"));
    let (ssc, _clock) = context(config);
    troubled(&ssc);
    let running = ssc.start_monitored().unwrap();
    let mut client = Client::of(&running);
    for path in ["/", "/assets/index.js", "/metrics", "/api/v1/applications", "/nowhere"] {
        let answer = client.raw(path);
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.headers["www-authenticate"], "Basic realm=\"Waterwheel\"");
        assert!(!answer.text.contains("Wheel <") && !answer.text.contains("sesame"), "{answer:?}");
    }
    assert_eq!(client.raw("/health").status, 200);
    client.token = Some("sesame");
    assert_eq!(client.send("GET", "/api/v1/applications", &[("host", "wheel.example")]).status, 200);
    client.token = Some("open");
    assert_eq!(client.raw("/metrics").status, 401);
}

/// U-6
#[test]
fn the_program_is_not_stopped_unless_that_is_allowed() {
    let (running, _clock) = running(config(), 1);
    let client = Client::of(&running);
    let answer = client.send("POST", &format!("{}/stop", client.base()), &[]);
    assert_eq!(answer.status, 403);
    assert!(answer.json()["message"].as_str().unwrap().contains("ui.allow_stop"), "{answer:?}");
    assert_eq!(client.send("GET", &format!("{}/stop", client.base()), &[]).status, 405);
    assert_eq!(running.state(), ContextState::Active);
}

#[test]
fn the_program_can_be_stopped_where_that_is_allowed_and_not_by_pages_of_others() {
    let (ssc, _clock) = context(config().with_ui(ui().with_allow_stop(true)));
    troubled(&ssc);
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    let stop = format!("{}/stop", client.base());
    assert_eq!(client.send("POST", &stop, &[("origin", "http://evil.example")]).status, 403);
    assert_eq!(client.get("/overview")["canStop"], true);
    let answer = client.send("POST", &stop, &[("origin", &client.root)]);
    assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("STOPPING")));
    running.await_termination().unwrap();
    assert_eq!(client.raw("/ready").status, 503);
    assert_eq!(client.get("/overview")["canStop"], false);
}

#[test]
fn an_address_that_others_reach_is_refused_without_a_token() {
    let mut config = config();
    config.ui = config.ui.with_bind("0.0.0.0:0".parse().unwrap());
    let (ssc, _clock) = context(config);
    troubled(&ssc);
    let error = ssc.start_monitored().unwrap_err().to_string();
    assert!(error.contains("ui.token") && error.contains("0.0.0.0"), "{error}");
}

/// No log, page, error or checkpoint shows the token.
#[test]
fn the_token_is_shown_nowhere() {
    let config = config().with_ui(ui().with_token("sesame"));
    assert!(!format!("{config:?}").contains("sesame"));
    assert!(!config.in_text().values().any(|value| value.contains("sesame")));
}
