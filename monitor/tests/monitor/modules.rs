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
        "format.js",
        "const { bytes, duration, interval, inUnit, number, rate, unitOf, uptime } = module; return { \
           durations: [null, 0, 0.5, 12, 1500, 90000, 7200000, 259200000].map(duration), \
           uptimes: [-5, 999, 1000, 61000, 7500000, 93600000].map(uptime), \
           numbers: [null, 0, 1234567].map((value) => number(value)), rates: [undefined, 0.1234, 12.34, 1234.5].map(rate), \
           bytes: [0, 1023, 1024, 1536, 1048576, 5 * 2 ** 40].map(bytes), \
           intervals: [1, 500, 1000, 1234, 1500, 60000, 90000, 100000, 120000, 3600000, 86400000].map(interval), \
           inUnits: [null, 0, 12.344, 1500, 0.5].map((value) => inUnit(value, unitOf(1500))) };",
    );
    assert_eq!(told["durations"], json!(["-", "0 ms", "0.5 ms", "12 ms", "1.5 sec", "1.5 min", "2 hrs", "3 days"]));
    let uptimes = ["0 seconds", "0 seconds", "1 second", "1 minute 1 second", "2 hours 5 minutes", "1 day 2 hours"];
    assert_eq!(told["uptimes"], json!(uptimes));
    assert_eq!(
        (&told["numbers"], &told["rates"]),
        (&json!(["-", "0", "1,234,567"]), &json!(["-", "0.12", "12.3", "1,235"]))
    );
    assert_eq!(told["bytes"], json!(["0 B", "1,023 B", "1 KiB", "1.5 KiB", "1 MiB", "5 TiB"]));
    let intervals = [
        "1 ms",
        "500 ms",
        "1 second",
        "1.234 seconds",
        "1.5 seconds",
        "1 minute",
        "1.5 minutes",
        "100 seconds",
        "2 minutes",
        "1 hour",
        "1 day",
    ];
    assert_eq!(told["intervals"], json!(intervals));
    assert_eq!(told["inUnits"], json!(["-", "0 sec", "0.01 sec", "1.5 sec", "0.0005 sec"]));
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
    let lines = with(
        &mut browser,
        "graph.js",
        "return [25, 13, 12].map((length) => module.line('filter at examples/src/words.rs:63:18', length));",
    );
    assert_eq!(lines, json!(["words.rs:63", "words.rs:63", "words.rs:63"]));
    let long = with(&mut browser, "graph.js", "return module.line('join at src/a_long_name.rs:7:1', 12);");
    assert_eq!(long, "…g_name.rs:7");
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

/// `UIUtilsSuite`: formatBatchTime.
#[test]
fn batch_times_show_milliseconds_only_where_batches_do_not_come_at_whole_seconds() {
    let Some((mut browser, _running)) = browser() else { return };
    browser.look_from("America/Los_Angeles");
    for (interval, with_date, expected) in [
        (1000, true, "2015/05/14 14:04:40"),
        (999, true, "2015/05/14 14:04:40.452"),
        (1000, false, "14:04:40"),
        (999, false, "14:04:40.452"),
        // Not of the suite, whose times would be the same for every second of these batches.
        (1500, false, "14:04:40.452"),
    ] {
        let body = format!("return module.batchTime(1431637480452, {interval}, {with_date});");
        assert_eq!(with(&mut browser, "format.js", &body), expected, "{interval} ms");
    }
}

#[test]
fn the_page_tells_apart_whether_the_application_has_stopped_or_nobody_answers() {
    let Some((mut browser, _running)) = browser() else { return };
    browser.look_from("America/Los_Angeles");
    for (state, how, badge, told) in [
        ("null", "beginning", "CONNECTING", ""),
        ("'STARTING'", "told", "STARTING", ""),
        ("'RUNNING'", "told", "RUNNING", ""),
        ("'RUNNING'", "asking", "RUNNING", "it asks every 2 seconds"),
        ("'STOPPING'", "told", "STOPPING", "what it has received is processed first"),
        ("'STOPPED'", "told", "STOPPED", "The application has stopped"),
        ("'STOPPED'", "lost", "STOPPED", "no longer served"),
        ("'RUNNING'", "lost", "NO ANSWER", "no answer since 14:04:40. The figures are those of then."),
        ("null", "lost", "NO ANSWER", "no answer since 14:04:40. The page asks again every 2 seconds."),
    ] {
        let found = with(
            &mut browser,
            "link.js",
            &format!("return module.condition({state} ?? undefined, '{how}', 1431637480452);"),
        );
        assert_eq!(found["badge"][0], badge, "{state} {how}");
        let message = found["message"].as_str().unwrap();
        assert!(message.contains(told) && message.is_empty() == told.is_empty(), "{state} {how}: {message}");
    }
}

#[test]
fn what_fails_is_said_once_and_figures_are_not_said() {
    let Some((mut browser, _running)) = browser() else { return };
    browser.look_from("America/Los_Angeles");
    let told = with(
        &mut browser,
        "news.js",
        "const batch = (batchId, firstFailureReason) => ({ batchId, batchDuration: 1000, firstFailureReason }); \
         const gauge = (numErrors, isActive) => [{ streamId: 1, streamName: 'gauge', isActive, numErrors, lastError: numErrors ? 'broken\\nat all' : null }]; \
         const overview = (numFailedBatches, completed, receivers, state = 'RUNNING') => \
           ({ state, statistics: { numFailedBatches, numDroppedEvents: 0 }, completed, receivers }); \
         const first = overview(0, [batch(1431637480452, null)], gauge(0, true)); \
         const failed = overview(1, [batch(1431637482452, null), batch(1431637481452, 'Oops')], gauge(1, false)); \
         const more = overview(4, [batch(1431637489452, 'Oops again')], gauge(1, false)); \
         const place = document.createElement('div'); const announcer = new module.Announcer(place); \
         const said = [[first, 0], [first, 100], [failed, 200], [more, 300], [more, 9000], [more, 20000], [more, 40000]].map(([told, at]) => { \
           announcer.told(told, at); return [...place.children].map((it) => it.textContent).join(' | '); }); \
         return { said, quiet: module.news(failed, { ...failed, state: 'STOPPED', receivers: gauge(1, true) }) };",
    );
    let once = "A batch failed at 14:04:41: Oops | Receiver gauge: broken | Receiver gauge is inactive.";
    let more = "3 batches failed, the last at 14:04:49: Oops again";
    assert_eq!(told["said"], json!(["", "", once, once, once, more, more]));
    assert_eq!(told["quiet"], json!([]), "receivers end with the application");
    let missing = with(
        &mut browser,
        "news.js",
        "return [[0, 0], [1, 0], [2000, 1]].map(([numDroppedEvents, numUntoldBatches]) => module.missing({ numDroppedEvents, numUntoldBatches }));",
    );
    let behind = "because the listeners were behind: figures are missing.";
    let told = [
        String::new(),
        format!("1 event was not told {behind}"),
        format!("2,000 events were not told {behind} The end of 1 batch was not told."),
    ];
    assert_eq!(missing, json!(told));
}

#[test]
fn rows_that_stay_keep_the_focus_and_what_is_opened_however_the_others_change() {
    let Some((mut browser, _running)) = browser() else { return };
    let told = with(
        &mut browser,
        "dom.js",
        "document.body.innerHTML = '<div tabindex=\"0\" id=\"around\"><table><thead><tr><th></th><th></th></tr></thead><tbody></tbody></table></div>'; \
         const body = document.querySelector('tbody'); \
         const show = (items, text = 'short') => module.rows(body, items, (item) => item, (item) => ({ cells: [ \
           { text: `batch ${item}`, href: `/batch?id=${item}`, head: true }, { text, details: `${text} and long` }] }), 'nothing'); \
         const keys = () => [...body.children].map((row) => row.dataset.key ?? row.textContent).join(' '); \
         const told = []; const note = () => told.push([keys(), document.activeElement.textContent.trim().slice(0, 8), document.querySelectorAll('details[open]').length]); \
         show([3, 2, 1]); body.rows[1].querySelector('a').focus(); body.rows[1].querySelector('details').open = true; \
         show([4, 3, 2, 1]); note(); show([5, 4, 3, 2], 'other'); note(); show([2, 5, 4, 3]); note(); show([9, 8, 2, 7]); note(); \
         body.rows[2].querySelector('summary').focus(); show([9, 2], 'third'); note(); \
         const all = body.rows[1].textContent; show([9]); const around = document.activeElement.id; show([]); note(); \
         return { told, all, around };",
    );
    let kept = |keys: &str, focused: &str| json!([keys, focused, 1]);
    let expected = json!([
        kept("4 3 2 1", "batch 2"),
        kept("5 4 3 2", "batch 2"),
        kept("2 5 4 3", "batch 2"),
        kept("9 8 2 7", "batch 2"),
        kept("9 2", "third"),
        ["nothing", "nothing", 0]
    ]);
    assert_eq!(told["told"], expected);
    assert_eq!(told["all"], "batch 2thirdthird and long");
    assert_eq!(told["around"], "around", "what is gone leaves the focus with what it was scrolled in");
}

#[test]
fn the_times_of_a_graph_are_in_the_unit_of_its_longest() {
    let Some((mut browser, _running)) = browser() else { return };
    let told = with(
        &mut browser,
        "charts.js",
        "return [[12.344, null, 900], [12.344, 1500], [], [120000, 1]].map((values) => { const { describe, tick } = module.times(values); \
           return [describe(12.344), tick(60000), tick(0.015)]; });",
    );
    let expected = [
        ["12.34 ms", "60,000 ms", "0.015 ms"],
        ["0.01 sec", "60 sec", "0.000015 sec"],
        ["12.34 ms", "60,000 ms", "0.015 ms"],
        ["0.00021 min", "1 min", "0.00000025 min"],
    ];
    assert_eq!(told, json!(expected));
}

#[test]
fn jobs_that_no_output_ran_have_rows_behind_those_of_outputs_and_what_is_left_out_is_said() {
    let Some((mut browser, _running)) = browser() else { return };
    let told = with(
        &mut browser,
        "batch.js",
        "const job = (jobId, outputOpId, failureReason = null) => ({ jobId, outputOpId, failureReason, description: `count ${jobId}`, duration: 2, \
           numCompletedStages: 1, numTotalStages: 2, numCompletedTasks: 3, numFailedTasks: jobId === 0 ? 1 : 0, numTotalTasks: 4, stages: [{ shuffle: 'x' }, {}] }); \
         const jobs = [job(0, null, 'Oops'), job(1, 0), job(2, 0), job(3, null)]; \
         const operation = (outputOpId) => ({ outputOpId, description: `output ${outputOpId}`, duration: 5, status: 'SUCCEEDED', failureReason: null, \
           jobs: jobs.filter((job) => job.outputOpId === outputOpId) }); \
         return module.lines([operation(0), operation(1)], jobs).map((line) => { const { className, cells } = module.cells(line); \
           return [className, ...cells.map((cell) => cell.text ?? cell)].join(', '); });",
    );
    let metadata = with(
        &mut browser,
        "batch.js",
        "const told = (parts, numOmittedParts = 0) => { const { text, details } = module.metadata({ parts, description: parts.join('\\n'), numOmittedParts }); return [text, details ?? null]; }; \
         return [told([]), told(['a.txt']), told(['a.txt', 'b.txt']), told(['a.txt', 'b.txt'], 98)];",
    );
    let more = "a.txt\nb.txt\nand 98 more";
    let expected =
        json!([["", null], ["a.txt", null], ["a.txt and 1 more", "a.txt\nb.txt"], ["a.txt and 99 more", more]]);
    assert_eq!(metadata, expected);
    let omitted = with(
        &mut browser,
        "batch.js",
        "return [[0, 0, 0], [1, 0, 0], [900, 1, 2]].map(([numOmittedJobs, numOmittedStages, numShortenedFailures]) => \
           module.omitted({ numOmittedJobs, numOmittedStages, numShortenedFailures }));",
    );
    let much = "900 jobs and 1 stage more are not kept. Of 2 failures only the beginning is kept.";
    assert_eq!(omitted, json!(["", "1 job more is not kept.", much]));
    let expected = [
        ", 0, output 0, 5 ms, succeeded, 1, 2 ms, 1/2, 1 shuffle, 3/4, ",
        ", , · count 2, , , 2, 2 ms, 1/2, 1 shuffle, 3/4, ",
        ", 1, output 1, 5 ms, succeeded, -, -, -, -, ",
        "failed, -, count 0, -, failed, 0, 2 ms, 1/2, 1 shuffle, 3/4 (1 failed), Oops",
        ", -, count 3, -, succeeded, 3, 2 ms, 1/2, 1 shuffle, 3/4, ",
    ];
    assert_eq!(told, json!(expected));
}
