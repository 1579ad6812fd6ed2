//! The page while its program goes on: what is looked at stays, what happens is told. Without a browser these tests say so and pass.

use crate::chromium::Chromium;
use crate::following::Page;
use crate::support::{Client, PATIENCE, config, context, gate, running, told, wait_until};
use serde_json::{Value, json};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use waterwheel_monitor::StartMonitored;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;

/// The text of an element.
fn text(id: &str) -> String {
    format!("document.getElementById('{id}').textContent")
}

/// A source that says what it gave.
struct Told(u64);

impl InputStream<u64> for Told {
    fn compute(&mut self, inputs: &BatchInputs) -> Result<Option<Rdd<u64>>, JobError> {
        self.0 += 1;
        Ok(Some(inputs.scope.parallelize([self.0], 1)))
    }

    fn describe(&self) -> InputMetadata {
        InputMetadata::of([format!("number {}", self.0)])
    }
}

/// A way to a server that can be cut.
struct Way {
    address: SocketAddr,
    /// What is open on it; `None` while it is cut.
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Way {
    fn to(server: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Some(Vec::new()))));
        let streams = open.clone();
        // It ends with the process of the test.
        thread::spawn(move || {
            for here in listener.incoming().map(Result::unwrap) {
                let mut streams = streams.lock().unwrap();
                let Some(streams) = streams.as_mut() else { continue };
                let there = TcpStream::connect(server).unwrap();
                for (mut from, mut to) in [
                    (here.try_clone().unwrap(), there.try_clone().unwrap()),
                    (there.try_clone().unwrap(), here.try_clone().unwrap()),
                ] {
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                streams.extend([here, there]);
            }
        });
        Way { address, open }
    }

    fn cut(&self) {
        self.open.lock().unwrap().take().into_iter().flatten().for_each(|stream| _ = stream.shutdown(Shutdown::Both));
    }

    fn mend(&self) {
        *self.open.lock().unwrap() = Some(Vec::new());
    }
}

/// What the page is told of as completed is as many batches.
fn has_completed(batches: u64) -> String {
    format!("{}.endsWith(' out of {batches})')", text("completed-title"))
}

/// U-15
#[test]
fn focus_opened_errors_and_the_place_on_the_page_stay_while_batches_come() {
    // So narrow that the tables have to be scrolled.
    let Some(mut browser) = Chromium::open(400, false) else { return };
    let (running, clock) = running(config(), 14);
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    browser.wait(&has_completed(14));
    let newest = browser.value(
        "(() => { document.querySelectorAll('details').forEach((it) => { it.open = true; }); \
         const link = document.querySelector('#completed-table tbody tr:nth-child(8) a'); link.focus(); \
         document.querySelector('#completed-table').closest('.scroll').scrollLeft = 7; \
         window.scrollBy(0, link.getBoundingClientRect().top - 100); return link.getAttribute('href'); })()",
    );
    let seen = "(() => { const link = document.activeElement; const scroll = document.querySelector('#completed-table').closest('.scroll'); \
         return { href: link.getAttribute('href'), top: Math.round(link.getBoundingClientRect().top), opened: document.querySelectorAll('details[open]').length, \
           across: scroll.scrollLeft }; })()";
    let frame = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
    browser.value(frame);
    let before = browser.value(seen);
    assert_eq!((&before["href"], &before["across"]), (&newest, &json!(7)));
    clock.advance(6 * seconds(1));
    browser.wait(&has_completed(20));
    browser.value(frame);
    let after = browser.value(seen);
    assert_eq!(
        (&after["href"], &after["opened"], &after["across"]),
        (&before["href"], &before["opened"], &before["across"])
    );
    let moved = after["top"].as_i64().unwrap() - before["top"].as_i64().unwrap();
    assert!(moved.abs() <= 2, "what is looked at moved by {moved} pixels");
    running.stop(Stop::Immediate).unwrap();
}

/// U-14
#[test]
fn a_graceful_stop_is_seen_while_it_drains_then_its_end_and_that_the_page_is_gone() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (ssc, clock) = context(config());
    let (pass, go, begins) = gate();
    ssc.input_stream(Scripted::new((1..=100).map(|n| vec![n]))).foreach_rdd(move |_| pass());
    let running = ssc.start_monitored().unwrap();
    clock.advance(seconds(1));
    begins.recv_timeout(PATIENCE).unwrap();
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    browser.wait(&format!("{} === 'RUNNING' && document.getElementById('condition').hidden", text("state")));
    running.request_stop(Stop::Graceful);
    browser.wait(&format!("{} === 'STOPPING'", text("state")));
    browser.wait(&format!("{}.includes('what it has received is processed first')", text("condition")));
    assert_eq!((client.raw("/health").status, client.raw("/ready").status), (200, 200));
    assert_eq!(client.raw("/health").json()["status"], "STOPPING");
    drop(go);
    browser.wait(&format!(
        "{} === 'STOPPED' && {}.startsWith('Ran batches of 1 second')",
        text("state"),
        text("summary")
    ));
    running.await_termination().unwrap();
    drop(running);
    browser.wait(&format!("{}.includes('no longer served')", text("condition")));
    assert_eq!(browser.value(&text("state")), "STOPPED", "it has said so");
}

/// U-14
#[test]
fn an_application_that_does_not_answer_is_no_application_that_has_stopped() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (running, clock) = running(config(), 3);
    let way = Way::to(running.address().unwrap());
    browser.go(&format!("http://{}/", way.address));
    browser.wait(&has_completed(3));
    way.cut();
    browser.wait(&format!("{} === 'NO ANSWER'", text("state")));
    let said = format!(
        "/^There is no answer since \\d\\d:\\d\\d:\\d\\d\\. The figures are those of then/.test({})",
        text("condition")
    );
    assert_eq!(browser.value(&said), true, "{}", browser.value(&text("condition")));
    clock.advance(2 * seconds(1));
    told(&running, 5);
    way.mend();
    browser.wait(&format!("{} === 'RUNNING' && {}", text("state"), has_completed(5)));
    browser.wait("document.getElementById('condition').hidden");
    running.stop(Stop::Immediate).unwrap();
}

#[test]
fn changes_are_announced_and_figures_are_not() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (running, clock) = running(config(), 5);
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    browser.wait(&has_completed(5));
    assert_eq!(browser.value(&text("news")), "", "what was before is no news");
    clock.advance(seconds(1));
    browser.wait(&format!("{}.includes('This is a failed job')", text("news")));
    let live = "[...document.querySelectorAll('[role=status], [role=alert], [role=log], [aria-live]')].map((it) => it.id || it.firstElementChild.id)";
    assert_eq!(browser.value(live), json!(["state", "condition", "news", "place"]));
    assert_eq!(browser.value("document.querySelectorAll('[role=alert], [aria-live=assertive]').length"), 0);
    running.stop(Stop::Immediate).unwrap();
}

/// U-17
#[test]
fn a_page_for_which_there_is_no_stream_asks_and_says_so() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (running, clock) = running(config(), 2);
    let client = Client::of(&running);
    let mut others: Vec<Page> = (0..32).map(|_| Page::open(&running)).collect();
    others.iter_mut().for_each(|page| drop(page.next().unwrap()));
    browser.go(&format!("{}/", client.root));
    browser.wait(&format!("{}.includes('it asks every 2 seconds')", text("condition")));
    browser.wait(&format!("{} && {} === 'RUNNING'", has_completed(2), text("state")));
    clock.advance(3 * seconds(1));
    browser.wait(&has_completed(5));
    assert_eq!(browser.errors, Vec::<String>::new());
    running.stop(Stop::Immediate).unwrap();
}

/// U-16
#[test]
fn the_page_of_a_batch_follows_it_from_before_it_comes_to_its_end_and_says_when_it_is_gone() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let mut config = config();
    config.ui = config.ui.with_retained_batches(2);
    let (ssc, clock) = context(config);
    let (pass, go, begins) = gate();
    ssc.input_stream(Told(0)).foreach_rdd(move |_| pass());
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    let first = 1_431_637_481_000_i64;
    browser.go(&format!("{}/batch?id={first}", client.root));
    browser.wait(&format!("{} === 'NOT YET' && {}.includes('has not come yet')", text("status"), text("condition")));
    clock.advance(seconds(1));
    begins.recv_timeout(PATIENCE).unwrap();
    browser.wait(&format!("{} === 'PROCESSING' && document.getElementById('condition').hidden", text("status")));
    browser.wait("/^processing since \\d\\d:\\d\\d:\\d\\d$/.test(document.querySelector('#operation-table tbody tr').cells[3]?.textContent)");
    drop(go);
    browser.wait(&format!("{} === 'COMPLETED'", text("status")));
    assert_eq!(browser.value("document.querySelector('#input-table tbody tr').cells[2].textContent"), "number 1");
    browser.wait("document.querySelector('#operation-table tbody tr').cells[3].textContent === 'succeeded'");
    assert_eq!(browser.errors, Vec::<String>::new());

    clock.advance(5 * seconds(1));
    told(&running, 6);
    let retained = "it is older than the 2 batches that ui.retained_batches keeps";
    for (id, status, why) in [
        (first, "NOT THERE", retained),
        (first + 5001, "NOT YET", "has not come yet"),
        (first + 4500, "NOT THERE", "no batch has that time"),
    ] {
        browser.go(&format!("{}/batch?id={id}", client.root));
        browser.wait(&format!("{} === '{status}' && {}.includes('{why}')", text("status"), text("condition")));
    }
    running.stop(Stop::Graceful).unwrap();
    browser.go(&format!("{}/batch?id={}", client.root, first + 60_000));
    browser.wait(&format!("{}.includes('the application has stopped before')", text("condition")));
}

#[test]
fn jobs_of_transform_are_on_the_page_of_their_batch_and_its_operators_in_the_graph() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (ssc, clock) = context(config());
    let words = ssc.input_stream(Scripted::new([vec!["to", "be", "or", "not", "to", "be"]]));
    let counted = words.transform(|rdd: Rdd<&'static str>| {
        let counts = rdd.map(|word| (word.to_owned(), 1u64)).reduce_by_key(|one, other| one + other);
        counts.count().map(|_| counts)
    });
    counted.foreach_rdd(|rdd| rdd.collect().map(drop));
    let running = ssc.start_monitored().unwrap();
    clock.advance(seconds(1));
    told(&running, 1);
    let client = Client::of(&running);
    let batch = client.get("/batches")[0]["batchId"].clone();
    let jobs = client.get(&format!("/batches/{batch}/jobs"));
    let told: Vec<(&Value, &str)> = jobs
        .as_array()
        .unwrap()
        .iter()
        .map(|job| (&job["outputOpId"], job["description"].as_str().unwrap().split(' ').next().unwrap()))
        .collect();
    assert_eq!(told, [(&Value::Null, "count"), (&json!(0), "collect")]);

    browser.go(&format!("{}/batch?id={batch}", client.root));
    browser.wait("document.querySelectorAll('#operation-table tbody tr').length === 2");
    let rows = "[...document.querySelectorAll('#operation-table tbody tr')].map((row) => [0, 1, 3, 4].map((cell) => row.cells[cell].textContent.split(' ')[0]))";
    assert_eq!(browser.value(rows), json!([["0", "foreach_rdd", "succeeded", "1"], ["-", "count", "succeeded", "0"]]));

    browser.go(&format!("{}/", client.root));
    browser.wait("document.querySelectorAll('#graph .node.dataset').length >= 2");
    let nodes = browser.value("[...document.querySelectorAll('#graph .node')].map((node) => [node.getAttribute('class'), ...[...node.querySelectorAll('text')].map((it) => it.textContent)])");
    assert_eq!(nodes.as_array().unwrap().len(), client.get("/operators").as_array().unwrap().len());
    let of = |name: &str| {
        nodes.as_array().unwrap().iter().find(|node| node[1] == name).unwrap_or_else(|| panic!("{name} in {nodes}"))
    };
    assert!(of("map")[2].as_str().unwrap().starts_with("6/s, busy "), "{nodes}");
    assert_eq!(of("reduce_by_key")[0], "node dataset shuffle", "{nodes}");
    assert!(of("reduce_by_key")[3].as_str().unwrap().starts_with("shuffle, live_page.rs:"), "{nodes}");
    assert_eq!(browser.errors, Vec::<String>::new());
    running.stop(Stop::Immediate).unwrap();
}

/// `UISeleniumSuite`: what its test looks for on the pages, where it has meaning here.
#[test]
fn headings_and_columns_are_those_of_spark() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (running, _clock) = running(config(), 3);
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    browser.wait(&has_completed(3));
    let headings = browser.value("[...document.querySelectorAll('h2, h3')].map((it) => it.textContent)");
    let headings: Vec<&str> = headings.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    for heading in [
        "Streaming Statistics",
        "Timelines (Last 3 batches, 0 active, 3 completed)",
        "Histograms",
        "Input Rate",
        "Scheduling Delay",
        "Processing Time",
        "Total Delay",
        "Active Batches (0)",
        "Completed Batches (last 3 out of 3)",
    ] {
        assert!(headings.contains(&heading), "{heading} in {headings:?}");
    }
    let columns =
        |table: &str| format!("[...document.querySelectorAll('#{table} thead th')].map((it) => it.textContent)");
    let of_batches = ["Batch Time", "Records", "Scheduling Delay", "Processing Time"];
    let active = [&of_batches[..], &["Output Ops: Succeeded/Total", "Status"]].concat();
    assert_eq!(browser.value(&columns("active-table")), json!(active));
    // The last one is not in Spark.
    let completed = [&of_batches[..], &["Total Delay", "Output Ops: Succeeded/Total", "Outcome"]].concat();
    assert_eq!(browser.value(&columns("completed-table")), json!(completed));
    let averages = "[...document.querySelectorAll('.chart-row .note:nth-of-type(2)')].map((it) => it.textContent).filter((it) => it)";
    let averages = browser.value(averages);
    assert_eq!(averages[0], "Avg: 2 records/sec", "{averages}");
    assert_eq!(averages[2], "Avg: 0 ms", "the clock stands still: {averages}");
    let pairs = browser.value(
        "[...document.querySelectorAll('#charts > .chart-row')].map((row) => row.querySelectorAll('canvas').length)",
    );
    assert_eq!(pairs, json!([2, 2, 2, 2]), "a histogram beside each timeline");

    let last = browser.value("document.querySelector('#completed-table tbody tr:last-child a').href");
    browser.go(last.as_str().unwrap());
    browser.wait("document.querySelectorAll('#operation-table tbody tr').length >= 4");
    let title = browser.value("document.title");
    assert!(title.as_str().unwrap().starts_with("Details of batch at "), "{title}");
    let names = browser.value("[...document.querySelectorAll('#figures dt')].map((it) => it.textContent)");
    assert_eq!(
        names,
        json!(["Batch Duration", "Input data size", "Scheduling delay", "Processing time", "Total delay"])
    );
    let jobs = [
        "Output Op Id",
        "Description",
        "Output Op Duration",
        "Status",
        "Job Id",
        "Job Duration",
        "Stages: Succeeded/Total",
        "Tasks (for all stages): Succeeded/Total",
        "Error",
    ];
    assert_eq!(browser.value(&columns("operation-table")), json!(jobs));
    running.stop(Stop::Immediate).unwrap();
}

/// A page of batches costs the same however many are kept, and those behind any of them are found.
#[test]
fn ten_thousand_batches_are_turned_page_by_page() {
    let mut config = config();
    config.ui = config.ui.with_retained_batches(10_000);
    let (ssc, clock) = context(config);
    ssc.input_stream(Scripted::new((1..=100_000).map(|n| vec![n]))).foreach_rdd(|_| {});
    let running = ssc.start_monitored().unwrap();
    let client = Client::of(&running);
    for thousand in 1..=10 {
        clock.advance(1000 * seconds(1));
        wait_until(&running, || client.get("/statistics")["numTotalCompletedBatches"] == thousand * 1000);
    }
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/batches?status=COMPLETED&limit=400{before}"));
        let ids: Vec<i64> = page.as_array().unwrap().iter().map(|batch| batch["batchId"].as_i64().unwrap()).collect();
        let Some(last) = ids.last() else { break };
        before = format!("&before={last}");
        seen.extend(ids);
    }
    let all: Vec<i64> = (1..=10_000).rev().map(|n| 1_431_637_480_000 + n * 1000).collect();
    assert_eq!(seen, all, "each once, the newest first");
    running.stop(Stop::Immediate).unwrap();
}
