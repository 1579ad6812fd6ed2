//! Counts page views that clients post by HTTP, every second.
//!
//! Without an address it listens on a free port of this machine, posts to itself, and ends after five batches. With one it listens
//! there until Ctrl-C: run `http_ingest localhost:8080`, and the line for `curl` that it prints.

use examples::cli;
use examples::http_feed::HttpFeed;
use examples::page_views::{PageView, PageViews};
use examples::run::{finish, start};
use std::time::Duration;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 5;

/// How often the feed inside posts, and how many views at a time.
const EVERY: Duration = Duration::from_millis(50);
const VIEWS: usize = 10;

/// The views as JSON, one per line, a number of them at a time.
fn bodies() -> impl Iterator<Item = String> {
    let mut lines = PageViews::new(1).filter_map(|view| serde_json::to_string(&view).ok());
    std::iter::repeat_with(move || lines.by_ref().take(VIEWS).map(|line| line + "\n").collect())
}

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Counts page views that clients post by HTTP, every second");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("HttpIngest")?, cli.interval)?;

    // A body of 64 KiB has hundreds of views; whoever has more sends several.
    let options = HttpOptions::default().with_max_body(64 << 10);
    // Whoever names an address means it.
    let options = options.with_beyond_this_machine(cli.address.is_some());
    let views = ssc.http_stream::<PageView>(cli.address.as_deref().unwrap_or("127.0.0.1:0"), options);
    views.map(|view| (view.page, 1u64)).reduce_by_key(|a, b| a + b).print();
    let endpoint = views.endpoint();
    let running = start(ssc)?;

    let url = endpoint.url().unwrap_or_default();
    println!("Counting the page views that are posted to {url}. Try it:");
    println!(
        "  curl -H 'Content-Type: application/json' -d '{{\"page\":\"/home\",\"status\":200,\"zip_code\":94709,\"user\":1}}' \
         '{url}?acknowledge=stored'"
    );
    let feed = match (&cli.address, endpoint.local_addr()) {
        (None, Some(address)) => Some(HttpFeed::start(address, EVERY, bodies())?),
        _ => None,
    };
    finish(running, cli.batches.or(feed.is_some().then_some(BATCHES)))?;
    drop(feed);

    let counts = endpoint.counts();
    println!(
        "{} views came in {} requests, and {} requests were refused.",
        counts.records, counts.stored, counts.refused
    );
    if cli.address.is_none() {
        println!("Feed it yourself: run this in one terminal, and the line for curl, with port 8080, in another");
        println!("  cargo run --profile demo -p examples --bin http_ingest localhost:8080");
    }
    Ok(())
}
