//! The page, in a browser, of a program that runs. Without a browser these tests say so and pass.

use crate::chromium::Chromium;
use crate::support::{Client, Dead, config, context, running, told, troubled, ui, wait_until};
use serde_json::{Value, json};
use std::error::Error as StdError;
use std::sync::Arc;
use waterwheel_monitor::{Monitored, StartMonitored};
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::Scripted;
use waterwheel_runtime::durable::MemoryStorage;

/// The figures of the page, by name.
const FIGURES: &str = "Object.fromEntries([...document.querySelectorAll('#figures > div')].map((it) => [it.firstChild.textContent, it.lastChild.textContent]))";

/// The cells of a table's rows.
fn cells(table: &str) -> String {
    format!(
        "[...document.querySelectorAll('#{table} tbody tr')].map((row) => [...row.children].map((it) => it.innerText))"
    )
}

/// What the tables say of a batch's outputs.
fn outputs(batch: &Value) -> String {
    let failed = batch["numFailedOutputOps"].as_u64().filter(|failed| *failed > 0);
    let failed = failed.map(|failed| format!(" ({failed} failed)")).unwrap_or_default();
    format!("{}/{}{failed}", batch["numCompletedOutputOps"], batch["numTotalOutputOps"])
}

/// What a page must not do: complain, or ask anybody else.
#[track_caller]
fn well_behaved(browser: &Chromium, root: &str) {
    assert_eq!(browser.errors, Vec::<String>::new());
    let own = format!("{root}/");
    let foreign: Vec<_> =
        browser.requests.iter().filter(|url| !url.starts_with(&own) && *url != "about:blank").collect();
    assert!(foreign.is_empty() && !browser.requests.is_empty(), "{foreign:?}");
}

#[test]
fn the_page_shows_the_figures_of_rest_and_follows_them() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (running, clock) = running(config(), 6);
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    for batches in [6u64, 9] {
        if batches > 6 {
            // The page is not asked to look again.
            clock.advance(3 * seconds(1));
            told(&running, batches);
        }
        browser.wait(&format!("document.querySelectorAll('#figures dd')[3]?.textContent === '{batches}'"));
        let (shown, statistics) = (browser.value(FIGURES), client.get("/statistics"));
        assert_eq!(shown["Completed batches"], statistics["numTotalCompletedBatches"].to_string());
        assert_eq!(shown["Records processed"], statistics["numProcessedRecords"].to_string());
        assert_eq!(shown["Failed batches"], statistics["numFailedBatches"].to_string());
        assert_eq!(shown["Active batches"], statistics["numActiveBatches"].to_string());
        assert_eq!(shown["Input rate, mean"], format!("{}/s", statistics["avgInputRate"].as_f64().unwrap()));
        assert_eq!(shown["Processing time, mean"], format!("{} ms", statistics["avgProcessingTime"]));
        assert_eq!(shown["Receivers active"], "0/1");
        // The charts' own words are those of the latest batch.
        let label = "document.querySelector('#charts [aria-label^=\"Input Rate over\"]').getAttribute('aria-label')";
        let said = format!("Input Rate over the last {batches} batches, the latest 2 records/sec");
        browser.wait(&format!("{label} === '{said}'"));
        let rows = browser.value(&cells("completed-table"));
        let batches = client.get("/batches?status=COMPLETED");
        assert_eq!(rows.as_array().unwrap().len(), batches.as_array().unwrap().len());
        for (row, batch) in rows.as_array().unwrap().iter().zip(batches.as_array().unwrap()) {
            assert_eq!(row[1], batch["inputSize"].to_string());
            assert_eq!(row[5], outputs(batch));
        }
    }
    let operators = browser.value(&cells("operator-table"));
    assert_eq!(operators.as_array().unwrap().len(), client.get("/operators").as_array().unwrap().len());
    let summary = browser.value("document.getElementById('summary').textContent");
    let expected = "Running batches of 1 second for 9 seconds since ";
    assert!(summary.as_str().unwrap().starts_with(expected), "{summary}");
    assert!(summary.as_str().unwrap().ends_with("(9 completed batches, 18 records)"), "{summary}");
    let title = browser.value("document.title");
    assert_eq!(title, "Wheel <&> \"quotes\"", "a name is text, whatever is in it");
    running.stop(Stop::Graceful).unwrap();
    browser.wait("document.getElementById('state').textContent === 'STOPPED'");
    well_behaved(&browser, &client.root);
}

/// U-3
#[test]
fn a_failed_batch_is_red_and_says_why_and_a_dead_receiver_shows_its_error() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (running, _clock) = running(config(), 6);
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    browser.wait("document.querySelectorAll('#completed-table tr.failed').length === 2");
    let failed = browser.value(
        "(() => { const row = document.querySelector('#completed-table tr.failed'); const well = document.querySelector('#completed-table tbody tr:not(.failed)'); \
         const ground = (row) => getComputedStyle(row.cells[0]).backgroundColor; \
         const bad = document.body.appendChild(document.createElement('p')); bad.style.background = 'var(--bad-ground)'; \
         const red = getComputedStyle(bad).backgroundColor; bad.remove(); \
         return { reason: row.cells[6].textContent, red: ground(row) === red && ground(well) !== red, link: row.querySelector('a').getAttribute('href') }; })()",
    );
    assert!(failed["reason"].as_str().unwrap().contains("This is a failed job <script>"), "{failed}");
    assert_eq!(failed["red"], true);
    let receivers = browser.value(&cells("receiver-table"));
    let gauge = &receivers[1];
    assert_eq!((&gauge[0], &gauge[1]), (&json!("gauge"), &json!("INACTIVE")));
    assert!(gauge[10].as_str().unwrap().contains("report error: the gauge is <broken>"), "{gauge}");

    let batch = failed["link"].as_str().unwrap().to_owned();
    browser.go(&format!("{}{batch}", client.root));
    browser.wait("document.getElementById('status').textContent === 'FAILED'");
    let operations = browser.value(&cells("operation-table"));
    let of_third: Vec<&Value> = operations.as_array().unwrap().iter().filter(|row| row[0] == "2").collect();
    let [row] = of_third.as_slice() else { panic!("{operations}") };
    assert_eq!(row[3], "failed");
    let error = browser.value("document.querySelector('#operation-table tr.failed').cells[8].textContent");
    assert!(error.as_str().unwrap().contains("This is a failed job <script>"), "{error}");
    let figures = browser.value(FIGURES);
    assert_eq!((&figures["Batch Duration"], &figures["Input data size"]), (&json!("1 sec"), &json!("2 records")));
    well_behaved(&browser, &client.root);

    for (address, told) in
        [("/batch", "Missing id parameter"), ("/batch?id=7", "batch 7 does not exist"), ("/batch?id=x", "not a number")]
    {
        browser.go(&format!("{}{address}", client.root));
        browser.wait(&format!(
            "['condition', 'trouble'].some((id) => document.getElementById(id)?.textContent.includes('{told}'))"
        ));
    }
}

#[test]
fn older_batches_are_turned_to_and_the_program_is_stopped_with_the_keyboard() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let (ssc, clock) = context(config().with_ui(ui().with_allow_stop(true)));
    troubled(&ssc);
    let running = ssc.start_monitored().unwrap();
    clock.advance(45 * seconds(1));
    told(&running, 45);
    let client = Client::of(&running);
    browser.go(&format!("{}/", client.root));
    let can = |id: &str| format!("document.getElementById('{id}').getAttribute('aria-disabled') === 'false'");
    browser.wait(&format!("document.getElementById('place').textContent === 'the newest' && {}", can("older")));
    browser.value("document.getElementById('older').focus()");
    browser.press("Enter", 13);
    browser.wait("document.getElementById('place').textContent.includes(' back to ')");
    let there = client.get("/batches?status=COMPLETED&limit=20&offset=20");
    let told =
        json!(there.as_array().unwrap().iter().map(|it| format!("/batch?id={}", it["batchId"])).collect::<Vec<_>>());
    let shown = "[...document.querySelectorAll('#completed-table tbody a')].map((link) => link.getAttribute('href'))";
    assert_eq!(browser.value(shown), told);
    // Further batches do not shift what is looked at.
    clock.advance(3 * seconds(1));
    browser.wait("document.getElementById('completed-title').textContent === 'Completed Batches (last 48 out of 48)'");
    assert_eq!(browser.value(shown), told);
    browser.press("Enter", 13);
    browser.wait("document.querySelectorAll('#completed-table tbody tr').length === 5");
    assert_eq!(browser.value(&can("older")), false, "there is none older");
    assert_eq!(browser.value("document.activeElement.id"), "older", "the focus stays with who pressed");
    browser.press("Enter", 13);
    browser.value("document.getElementById('newer').click()");
    browser.wait(&format!("JSON.stringify({shown}) === {:?}", told.to_string()));
    browser.value("document.getElementById('newest').click()");
    browser.wait(&format!("document.getElementById('place').textContent === 'the newest' && !({})", can("newer")));
    let newest = client.get("/batches?status=COMPLETED&limit=1")[0]["batchId"].clone();
    browser.wait(&format!("({shown})[0] === '/batch?id={newest}'"));

    // From the top.
    browser.go("about:blank");
    browser.go(&format!("{}/", client.root));
    browser.press("Tab", 9);
    browser.wait("document.activeElement.className === 'skip'");
    let nameless = browser.value(
        "[...document.querySelectorAll('a, button, summary, [tabindex=\"0\"], [role=\"img\"]')].filter((it) => !(it.textContent.trim() || it.getAttribute('aria-label'))).length",
    );
    assert_eq!(nameless, 0, "whatever can be reached has a name");
    let plain = browser.value(
        "[...document.querySelectorAll('table')].filter((it) => !it.caption || [...it.tHead.rows[0].cells].some((cell) => cell.scope !== 'col')).length",
    );
    assert_eq!(plain, 0, "tables have captions and heads");
    browser.wait("!document.getElementById('stop').hidden");
    browser.value("document.getElementById('stop').focus()");
    browser.press("Enter", 13);
    browser.wait("document.getElementById('state').textContent === 'STOPPED'");
    browser.wait("document.getElementById('stop').hidden && document.activeElement.id === 'main'");
    assert!(running.await_termination().is_ok());
    well_behaved(&browser, &client.root);
}

/// A program with a little of everything, on the machine's clock.
fn lively() -> Monitored {
    let mut config = config();
    config.app_name = "Words of the river".to_owned();
    let ssc = StreamingContext::new(config, milliseconds(100)).unwrap();
    let text = ["the wheel turns", "and the river runs on", "to the sea"];
    let script = (0..100_000)
        .map(move |n: usize| (0..(n * 7) % 40 + 20).map(|k| text[(n + k) % 3].to_owned()).collect::<Vec<_>>());
    let lines = ssc.input_stream(Scripted::new(script)).named("lines");
    let words = lines.flat_map(|line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    let pairs = words.map(|word| (word, 1u64));
    let counts = pairs.reduce_by_key(|one, other| one + other).named("counts");
    counts.foreach_rdd(|rdd| rdd.count().map(drop));
    counts.filter(|(_, count)| *count > 3).foreach_rdd(
        |rdd: Rdd<(String, u64)>| -> Result<(), Box<dyn StdError + Send + Sync>> {
            match rdd.collect()?.iter().map(|(_, count)| count).sum::<u64>() {
                many if many > 195 => Err("the store of frequent words does not answer: connection refused".into()),
                _ => Ok(()),
            }
        },
    );
    ssc.checkpoint_to(Arc::new(MemoryStorage::default()));
    let totals = pairs.update_state_by_key(|new, sum: Option<u64>| Some(sum.unwrap_or(0) + new.iter().sum::<u64>()));
    totals.named("totals").foreach_rdd(|rdd| rdd.count().map(drop));
    let numbers = ssc.input_stream(Scripted::new((0..100_000u64).map(|n| vec![n; 5]))).named("levels");
    numbers.window(seconds(1), milliseconds(100)).count().foreach_rdd(|rdd| rdd.collect().map(drop));
    ssc.receiver_stream("gauge", StorageLevel::MemoryOnly, || Dead)
        .named("gauge")
        .count()
        .foreach_rdd(|rdd| rdd.collect().map(drop));
    ssc.start_monitored().unwrap()
}

#[test]
fn the_page_can_be_read_at_1280_and_at_400_pixels_by_day_and_by_night() {
    let Some(mut browser) = Chromium::open(1280, false) else { return };
    let running = lively();
    let client = Client::of(&running);
    assert!(running.wait_for_batches(45, crate::support::PATIENCE));
    wait_until(&running, || client.get("/statistics")["numTotalCompletedBatches"].as_u64() >= Some(45));
    for (width, dark) in [(1280, false), (1280, true), (400, false), (400, true)] {
        let theme = if dark { "dark" } else { "light" };
        browser.look_as(width, dark);
        browser.go(&format!("{}/", client.root));
        browser.wait("document.querySelectorAll('#charts canvas').length >= 8 && document.querySelectorAll('#graph .node').length >= 10");
        browser.wait("document.querySelectorAll('#completed-table tbody a').length === 20");
        browser.wait("document.querySelector('#state-table tbody th')?.textContent === 'totals'");
        let fits = "document.documentElement.scrollWidth <= window.innerWidth";
        assert_eq!(browser.value(fits), true, "the page is wider than {width} pixels");
        // Two frames, so that what has been drawn is seen.
        browser.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        let picture = browser.picture(&format!("page-{width}-{theme}"));
        println!("{}", picture.display());
        let batch = client.get("/batches?status=COMPLETED&limit=1")[0]["batchId"].clone();
        browser.go(&format!("{}/batch?id={batch}", client.root));
        browser.wait("document.querySelectorAll('#operation-table tbody tr').length > 2");
        assert_eq!(browser.value(fits), true, "the page of a batch is wider than {width} pixels");
        browser.picture(&format!("batch-{width}-{theme}"));
    }
    well_behaved(&browser, &client.root);
    running.stop(Stop::Immediate).unwrap();
}
