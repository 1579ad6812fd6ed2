//! What the tests share: programs with a monitor under a manual clock, and a client.

use serde_json::Value;
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use waterwheel_monitor::{Monitored, StartMonitored};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;
use waterwheel_runtime::config::{ReceiverConfig, UiConfig};
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Real time after which a test gives up. Nothing takes this long unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A free port of this machine, whatever else is served here.
pub(crate) fn ui() -> UiConfig {
    UiConfig::default().with_bind("127.0.0.1:0".parse().unwrap())
}

/// A receiver that fails is not made anew.
pub(crate) fn receivers() -> ReceiverConfig {
    ReceiverConfig::default().with_restart_delay(seconds(3600))
}

pub(crate) fn config() -> Config {
    Config::local("Wheel <&> \"quotes\"")
        .with_cores(2)
        .with_handle_signals(false)
        .with_failure_policy(FailurePolicy::Skip)
        .with_receiver(receivers())
        .with_ui(ui())
}

/// Batches of a second, under a clock that is turned by hand.
pub(crate) fn context(config: Config) -> (StreamingContext, ManualClock) {
    let clock = ManualClock::new(Time::from_millis(1_431_637_480_000));
    let ssc = StreamingContext::with_clock(config, seconds(1), Arc::new(clock.clone())).unwrap();
    (ssc, clock)
}

/// A program whose every third batch fails, with a receiver that is dead.
pub(crate) fn troubled(ssc: &StreamingContext) {
    let words = ssc.input_stream(Scripted::new((1..=100_000).map(|n| vec![n % 3, n % 7]))).named("numbers");
    words.map(|number| (number, 1u64)).reduce_by_key(|one, other| one + other).foreach_rdd(|rdd| rdd.count().map(drop));
    words.count().foreach_rdd(|rdd: Rdd<u64>| match rdd.collect()?.first() {
        Some(2) => Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()),
        other => Err(format!("{other:?} is no count of mine").into()),
    });
    words.foreach_rdd(|rdd: Rdd<i64>| match rdd.collect()?.first() {
        Some(0) => Err(Box::from("This is a failed job <script>alert(1)</script>")),
        _ => Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()),
    });
    ssc.receiver_stream("gauge", StorageLevel::MemoryOnly, || Dead).named("gauge").foreach_rdd(|_| {});
}

/// A receiver that cannot start.
pub(crate) struct Dead;

impl Receiver for Dead {
    type Record = u64;

    async fn run(&mut self, _: ReceiverHandle<u64>) -> Result<(), ReceiverError> {
        Err("report error: the gauge is <broken>".into())
    }
}

/// Has whoever calls the function wait until it is let go on, or the other end is dropped, and says that it waits.
pub(crate) fn gate() -> (impl Fn() + Send + Sync + 'static, Sender<()>, Inbox<()>) {
    let ((go, wait), (begun, begins)) = (channel::<()>(), channel());
    let (wait, begun) = (Mutex::new(wait), Mutex::new(begun));
    let pass = move || {
        let _ = begun.lock().unwrap().send(());
        let _ = wait.lock().unwrap().recv();
    };
    (pass, go, begins)
}

/// A troubled program that has completed so many batches, of which the monitor has been told.
pub(crate) fn running(config: Config, batches: u32) -> (Monitored, ManualClock) {
    let (ssc, clock) = context(config);
    troubled(&ssc);
    let running = ssc.start_monitored().unwrap();
    clock.advance(batches * seconds(1));
    assert!(running.wait_for_batches(u64::from(batches), PATIENCE), "{running:?}");
    told(&running, u64::from(batches));
    (running, clock)
}

/// Waits until the monitor has been told of so many completed batches, and of the receiver's end.
pub(crate) fn told(running: &Monitored, batches: u64) {
    let client = Client::of(running);
    wait_until(running, || {
        let overview = client.get("/overview");
        let completed = overview["statistics"]["numTotalCompletedBatches"].as_u64().unwrap();
        completed >= batches && overview["receivers"].as_array().unwrap().iter().all(|it| it["isActive"] != true)
    });
}

/// Waits until `condition` holds, in steps of what the program offers to wait for.
#[track_caller]
pub(crate) fn wait_until(running: &Monitored, condition: impl Fn() -> bool) {
    let step = Duration::from_millis(5);
    for _ in 0..PATIENCE.as_millis() / step.as_millis() {
        if condition() {
            return;
        }
        running.wait_for_batches(u64::MAX, step);
    }
    panic!("it did not come to hold: {running:?}");
}

/// Whoever looks at a program.
pub(crate) struct Client {
    agent: ureq::Agent,
    pub(crate) root: String,
    pub(crate) token: Option<&'static str>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Client {
    pub(crate) fn of(running: &Monitored) -> Client {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        let root = running.url().unwrap().trim_end_matches('/').to_owned();
        Client { agent: agent.into(), root, token: None }
    }

    /// What a path of the server answers to `GET`.
    pub(crate) fn raw(&self, path: &str) -> Answer {
        self.send("GET", path, &[])
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.root));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = self.agent.run(request.body(()).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), text }
    }

    /// Where the streaming part of the interface is.
    pub(crate) fn base(&self) -> String {
        let id = self.raw("/api/v1/applications").json()[0]["id"].as_str().unwrap().to_owned();
        format!("/api/v1/applications/{id}/streaming")
    }

    /// What a path of the streaming part answers, which has to be well.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = self.raw(&format!("{}{path}", self.base()));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }
}
