//! The parts of the page that draw nothing, in a browser and without a page. Without a browser these tests say so and pass.

use crate::chromium::Chromium;
use crate::support::{Client, config, running};
use serde_json::{Value, json};
use waterwheel_monitor::Monitored;

/// A browser where a module of the page can be imported, and the program that serves it.
fn browser() -> Option<(Chromium, Monitored)> {
    let mut browser = Chromium::open(1280, false)?;
    let (running, _clock) = running(config(), 1);
    // Anything of the same origin that runs nothing by itself.
    browser.go(&format!("{}/health", Client::of(&running).root));
    Some((browser, running))
}

/// What `body` returns, a function of what the module exports.
#[track_caller]
fn with(browser: &mut Chromium, module: &str, body: &str) -> Value {
    browser.value(&format!("(async () => {{ const module = await import('/assets/{module}'); {body} }})()"))
}

/// `take` of pieces: each is the ids of its batches, negative where the batch has not ended. Returns for each whether it was taken, and
/// the ids that are known behind all, with those that have ended.
#[track_caller]
fn history(browser: &mut Chromium, pieces: &[Vec<i64>]) -> Value {
    let body = format!(
        "const history = new module.History(); \
         const piece = (ids) => {{ const ended = (value) => ids.map((id) => (id > 0 ? value(id) : null)); return {{ \
           batchIds: ids.map(Math.abs), inputSizes: {{ 0: ids.map((id) => Math.abs(id) * 10) }}, \
           schedulingDelays: ended(() => 1), processingTimes: ended((id) => id), totalDelays: ended((id) => id + 1) }}; }}; \
         const taken = {}.map((ids) => history.take(piece(ids))); \
         return {{ taken, ids: history.ids, totals: history.values((batch) => batch.total), sizes: history.values((batch) => batch.sizes[0]) }};",
        json!(pieces)
    );
    with(browser, "charts.js", &body)
}

#[test]
fn the_history_puts_pieces_in_their_places_and_says_when_one_is_missing() {
    let Some((mut browser, _running)) = browser() else { return };
    let browser = &mut browser;

    let followed = history(browser, &[vec![1, 2, -3], vec![2, 3, -4]]);
    assert_eq!(followed["taken"], json!([true, true]));
    assert_eq!((&followed["ids"], &followed["totals"]), (&json!([1, 2, 3, 4]), &json!([2, 3, 4, null])));
    assert_eq!(followed["sizes"], json!([10, 20, 30, 40]));

    let gap = history(browser, &[vec![1, 2], vec![4, 5]]);
    assert_eq!((&gap["taken"], &gap["ids"]), (&json!([true, false]), &json!([1, 2])), "nobody told of 3");

    let unseen_end = history(browser, &[vec![1, -2, -3], vec![3, 4]]);
    assert_eq!(unseen_end["taken"], json!([true, false]), "2 has ended, and nobody told how");

    let earlier = history(browser, &[vec![3, 4], vec![1, 2, 3, 4, 5]]);
    assert_eq!((&earlier["taken"], &earlier["ids"]), (&json!([true, true]), &json!([1, 2, 3, 4, 5])));

    let empty = history(browser, &[vec![], vec![1], vec![]]);
    assert_eq!((&empty["taken"], &empty["ids"]), (&json!([true, true, true]), &json!([1])));
}

#[test]
fn the_history_keeps_as_many_batches_as_are_drawn() {
    let Some((mut browser, _running)) = browser() else { return };
    let drawn = with(&mut browser, "charts.js", "return module.DRAWN;").as_i64().unwrap();
    assert_eq!(drawn, 1000);
    let pieces: Vec<Vec<i64>> = (0..drawn + 20).map(|first| vec![first + 1, first + 2]).collect();
    let long = history(&mut browser, &pieces);
    let ids: Vec<i64> = (22..=drawn + 21).collect();
    assert_eq!(long["ids"], json!(ids), "the newest");

    // Of very many that wait, a piece leaves out the newest: what was known of those is not drawn behind a gap.
    let waiting: Vec<i64> = (1..=drawn).map(|id| -id).collect();
    let many = history(&mut browser, &[vec![-(drawn - 1), -drawn, -(drawn + 1), -(drawn + 2)], waiting]);
    assert_eq!(many["taken"], json!([true, true]));
    assert_eq!(many["ids"], json!((1..=drawn).collect::<Vec<_>>()));
}

#[test]
fn figures_are_written_for_people() {
    let Some((mut browser, _running)) = browser() else { return };
    let told = with(
        &mut browser,
        "dom.js",
        "const { bytes, duration, number, rate, uptime, batchTime } = module; return { \
           durations: [null, 0, 0.5, 12, 1500, 90000, 7200000, 259200000].map(duration), \
           uptimes: [-5, 999, 1000, 61000, 7500000, 93600000].map(uptime), \
           numbers: [null, 0, 1234567].map((value) => number(value)), rates: [undefined, 0.1234, 12.34, 1234.5].map(rate), \
           bytes: [0, 1023, 1024, 1536, 1048576, 5 * 2 ** 40].map(bytes), \
           times: [batchTime(5, 100).slice(-4), batchTime(5, 1000).includes('.')] };",
    );
    assert_eq!(told["durations"], json!(["-", "0 ms", "0.5 ms", "12 ms", "1.5 sec", "1.5 min", "2 hrs", "3 days"]));
    let uptimes = ["0 seconds", "0 seconds", "1 second", "1 minute 1 second", "2 hours 5 minutes", "1 day 2 hours"];
    assert_eq!(told["uptimes"], json!(uptimes));
    assert_eq!(
        (&told["numbers"], &told["rates"]),
        (&json!(["-", "0", "1,234,567"]), &json!(["-", "0.12", "12.3", "1,235"]))
    );
    assert_eq!(told["bytes"], json!(["0 B", "1,023 B", "1 KiB", "1.5 KiB", "1 MiB", "5 TiB"]));
    assert_eq!(told["times"], json!([".005", false]), "fractions are shown where batches come more often than seconds");
}

#[test]
fn every_shuffle_begins_a_stage_and_what_waits_of_a_stream_is_added_up() {
    let Some((mut browser, _running)) = browser() else { return };
    let stages = with(
        &mut browser,
        "graph.js",
        "const operator = (operatorId, inputs, numShuffles) => ({ operatorId, inputs, numShuffles }); \
         return [...module.stages([operator(0, [], 0), operator(1, [0], 1), operator(2, [1, 0], 0), operator(3, [2], 1), operator(4, [0, 9], 0)])];",
    );
    assert_eq!(stages, json!([[0, 1], [1, 2], [2, 2], [3, 3], [4, 1]]));
    let told = with(
        &mut browser,
        "queues.js",
        "const amount = (blocks, records, bytes) => ({ blocks, records, bytes }); \
         const stream = { intake: amount(1, 2, 3), waiting: amount(4, 5, 6), allocated: amount(7, 8, 9) }; \
         return [module.unprocessed(stream), module.unprocessed({ intake: null, waiting: null, allocated: null }), \
           module.amount(amount(1, 2000, 2048)), module.amount(amount(2, 2, 5)), module.amount(amount(0, 0, 0))];",
    );
    assert_eq!(told, json!([15, null, "2,000 in 1 block, 2 KiB", "2 in 2 blocks, 5 B", "0"]));
}
