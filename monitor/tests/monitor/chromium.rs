//! A browser without a window, told what to do over a pipe in its DevTools protocol.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::fs::{File, create_dir_all};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver as Inbox, channel};
use std::time::Duration;
use tempfile::TempDir;

/// Real time after which a browser that does not answer is given up: before the runner ends the test without a word.
const PATIENCE: Duration = Duration::from_secs(45);

/// What browsers are called on the systems that have one.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// `required` where there is a browser: then a test that does not find it fails. `make test` sets it.
const REQUIRED: &str = "PAGE_TESTS_BROWSER";

/// Where the browser writes what it complains about, in its profile.
const COMPLAINTS: &str = "complaints.txt";

/// Its protocol is spoken on the descriptors 3 and 4; those of the command line come from and go to nowhere.
const LAUNCH: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>\"$COMPLAINTS\"";

const OPTIONS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// A browser with one page.
pub(crate) struct Chromium {
    process: Child,
    input: ChildStdin,
    messages: Inbox<Value>,
    session: Option<String>,
    last: u64,
    /// Errors of the console, and exceptions.
    pub(crate) errors: Vec<String>,
    /// Every address that was asked for.
    pub(crate) requests: Vec<String>,
    profile: TempDir,
}

impl Chromium {
    /// A page of so many pixels; `None`, with a notice, where there is no browser.
    pub(crate) fn open(width: u32, dark: bool) -> Option<Chromium> {
        let there = |name: &&&str| {
            let asked = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
            asked.is_ok_and(|status| status.success())
        };
        let Some(name) = NAMES.iter().find(there) else {
            let notice = "there is no Chromium here (apt-get install chromium)";
            assert!(std::env::var_os(REQUIRED).is_none_or(|value| value != "required"), "{notice}");
            println!("skipped: {notice}");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut process = Command::new("sh")
            .args(["-c", LAUNCH, name])
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("COMPLAINTS", profile.path().join(COMPLAINTS))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (told, messages) = channel();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                if told.send(serde_json::from_slice(&message).unwrap()).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let input = process.stdin.take().unwrap();
        let (errors, requests) = (Vec::new(), Vec::new());
        let mut browser = Chromium { process, input, messages, session: None, last: 0, errors, requests, profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Network.enable", "Log.enable"] {
            browser.call(domain, json!({}));
        }
        browser.look_as(width, dark);
        Some(browser)
    }

    /// The page has so many pixels, and that theme.
    pub(crate) fn look_as(&mut self, width: u32, dark: bool) {
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let theme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": theme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// The page is somewhere: `America/Los_Angeles`.
    pub(crate) fn look_from(&mut self, zone: &str) {
        self.call("Emulation.setTimezoneOverride", json!({"timezoneId": zone}));
    }

    /// Goes to an address.
    pub(crate) fn go(&mut self, address: &str) {
        let answer = self.call("Page.navigate", json!({"url": address}));
        assert_eq!(answer["errorText"], Value::Null, "{address}");
        // Answered is not arrived: until then expressions are those of the page before.
        let arrived = json!(format!("{address} complete"));
        let asked = json!({"expression": "`${location.href} ${document.readyState}`", "returnByValue": true});
        let step = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / step.as_millis() {
            let answer = self.ask("Runtime.evaluate", &asked);
            if answer.is_ok_and(|answer| answer["result"]["value"] == arrived) {
                return;
            }
            if let Ok(message) = self.messages.recv_timeout(step) {
                self.told(&message);
            }
        }
        panic!("{address} did not load");
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression holds in the page.
    #[track_caller]
    pub(crate) fn wait(&mut self, expression: &str) {
        // Less than the browser has to answer, so that what the page shows is told.
        let patience = (PATIENCE / 2).as_millis();
        let look = format!(
            "new Promise((done) => {{ const end = Date.now() + {patience}; const look = () => {{ \
               if ({expression}) done(true); else if (Date.now() > end) done(document.body.innerText); \
               else setTimeout(look, 20); }}; look(); }})"
        );
        let found = self.value(&look);
        assert_eq!(found, true, "{expression} did not come to hold");
    }

    /// Keeps a picture of the whole page beside what the tests are built to.
    pub(crate) fn picture(&mut self, name: &str) -> PathBuf {
        let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let asked = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.call("Page.captureScreenshot", asked);
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        create_dir_all(&directory).unwrap();
        let path = directory.join(format!("{name}.png"));
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        path
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "char", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "char" {
                if key != "Enter" {
                    continue;
                }
                event["text"] = json!("\r");
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Asks the browser, and takes in what it tells meanwhile.
    #[track_caller]
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.ask(method, &parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// As [`call`](Chromium::call); an error may be expected.
    #[track_caller]
    fn ask(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.input.write_all(&bytes).unwrap();
        loop {
            let message = self.messages.recv_timeout(PATIENCE).unwrap_or_else(|error| {
                let complaints = std::fs::read_to_string(self.profile.path().join(COMPLAINTS)).unwrap_or_default();
                panic!("{method}: {error}; the browser complains: {complaints}")
            });
            if message["id"] == id {
                let failed = !message["error"].is_null();
                return if failed { Err(message["error"].clone()) } else { Ok(message["result"].clone()) };
            }
            self.told(&message);
        }
    }

    fn told(&mut self, message: &Value) {
        let parameters = &message["params"];
        match message["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.push(parameters["request"]["url"].as_str().unwrap().to_owned());
            }
            Some("Runtime.exceptionThrown") => self.errors.push(parameters["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") if ["error", "warning"].iter().any(|kind| parameters["type"] == *kind) => {
                self.errors.push(parameters["args"].to_string());
            }
            Some("Log.entryAdded") if parameters["entry"]["level"] == "error" => {
                self.errors.push(parameters["entry"].to_string());
            }
            Some("Page.javascriptDialogOpening") => {
                self.last += 1;
                let session = self.session.clone();
                let accept = json!({"id": self.last, "method": "Page.handleJavaScriptDialog", "params": {"accept": true}, "sessionId": session});
                let mut bytes = serde_json::to_vec(&accept).unwrap();
                bytes.push(0);
                self.input.write_all(&bytes).unwrap();
            }
            _ => {}
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
