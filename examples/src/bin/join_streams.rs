//! Joins two streams, batch by batch and over a window: advertisements that were shown with the clicks on them.
//!
//! Ten advertisements are shown in every batch. Each is clicked on once: some in the same batch, some one batch later, some two.
//! A join of the two streams finds only the first; a join of the clicks with the advertisements of the last three batches finds
//! each click exactly once. Both numbers are shown for each batch, with the first rows of the second join.
//!
//! Ends after six batches. The batches are queued beforehand, so that every run shows the same.

use std::time::Duration;

use examples::cli;
use examples::run::run;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches after which the program ends.
const BATCHES: u64 = 6;

/// Advertisements that are shown in a batch.
const SHOWN: u64 = 10;

/// Batches after which an advertisement is clicked on at the latest, counted from 0.
const LATEST: u64 = 2;

/// Rows of the join over the window that are shown.
const ROWS: usize = 3;

/// Where advertisements are shown.
const PLACES: [&str; 4] = ["top", "side", "middle", "end"];

/// What is shown in `batch`, the first being 0: advertisement and place.
fn shown(batch: u64) -> impl Iterator<Item = (u64, String)> {
    let places = PLACES.iter().cycle();
    (batch * SHOWN..(batch + 1) * SHOWN).zip(places.map(|place| (*place).to_owned()))
}

/// What is clicked on in `batch`: advertisement and user.
fn clicked(batch: u64) -> impl Iterator<Item = (u64, u64)> {
    let recent = batch.saturating_sub(LATEST) * SHOWN..(batch + 1) * SHOWN;
    recent
        .filter(move |advertisement| advertisement / SHOWN + delay(*advertisement) == batch)
        .map(|ad| (ad, 1000 + ad * 7))
}

/// After how many batches an advertisement is clicked on.
fn delay(advertisement: u64) -> u64 {
    advertisement % (LATEST + 1)
}

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Joins two streams, batch by batch and over a window");
    cli::init_logging();
    let batches = cli.batches.unwrap_or(BATCHES);
    let ssc = StreamingContext::new(cli.config("JoinStreams")?, cli.interval)?;
    let (shown_queue, clicked_queue) = (RddQueue::new(), RddQueue::new());
    for batch in 0..batches {
        shown_queue.push_records(ssc.engine(), shown(batch), 2);
        clicked_queue.push_records(ssc.engine(), clicked(batch), 2);
    }
    let shown = ssc.queue_stream(&shown_queue, true);
    let clicked = ssc.queue_stream(&clicked_queue, true);
    let window: Duration = u32::try_from(LATEST + 1)? * cli.interval;

    let at_once = shown.join(&clicked);
    let in_time = shown.window(window, cli.interval).join(&clicked);

    let rows = in_time.transform(|rows| rows.sort_by_key(true, 1)).transform(|rows| {
        let first = rows.take(ROWS)?.into_iter();
        let lines = first.map(|(ad, (place, user))| format!("advertisement {ad} at the {place}: user {user}"));
        Ok::<_, JobError>(rows.scope().parallelize(lines, 1))
    });
    let at_once = at_once.count().map(|count| format!("clicks on what was shown in the same batch: {count}"));
    let in_time = in_time.count().map(|count| format!("clicks on what was shown in the last three: {count}"));
    at_once.union(&in_time).union(&rows).print();

    Ok(run(ssc, Some(batches))?)
}
