//! Reports on a clickstream, every second batch: views of each page in the last ten batches, the share of errors by zip code
//! in the last thirty, the users of the last fifteen, and those of the last two who are known by name.
//!
//! A share of errors over five per cent is marked with asterisks.
//!
//! Without an address it reads from a server of page views inside this program and ends after ten batches. With one it reads
//! from there until Ctrl-C: run `nc -lk 9999` in one terminal and `page_views localhost:9999` in another, and type page, status,
//! zip code and user, separated by tabs. Other lines are left out.

use examples::cli;
use examples::feed::Feed;
use examples::page_views::{PageView, PageViews};
use examples::run::run;
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches from one report to the next.
const SLIDE: u32 = 2;

/// Batches whose views are counted by page.
const PAGES: u32 = 10;

/// Batches whose views are counted by error and zip code.
const ERRORS: u32 = 30;

/// Batches whose users are counted.
const USERS: u32 = 15;

/// The share of errors, in per cent, over which it is marked.
const TOO_MANY_ERRORS: f64 = 5.0;

/// Users who are known by name.
const NAMES: [(u32, &str); 3] = [(1, "Ada"), (2, "Grace"), (3, "Barbara")];

/// Lines that a report has at most; the outside world decides how many pages and zip codes there are.
const LINES: usize = 20;

/// Page views that the server inside sends in a second.
const VIEWS_PER_SECOND: u32 = 50;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 10;

/// A line of the report.
fn error_rate(zip_code: u32, errors: u64, views: u64) -> String {
    let rate = 100.0 * errors as f64 / views as f64;
    let mark = if rate > TOO_MANY_ERRORS { "**" } else { "" };
    format!("errors in {zip_code}: {mark}{rate:.1} %{mark} of {views}")
}

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Reports on a clickstream: views by page, errors by zip code, users");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("PageViews")?, cli.interval)?;
    let feed = Feed::new(&cli, VIEWS_PER_SECOND, || PageViews::new(1).map(|view| view.to_string()))?;
    let over = |batches: u32| batches * cli.interval;
    println!("Reports on the page views {feed}, every {:?}.", over(SLIDE));

    let views = ssc.socket_text_stream(feed.address()).flat_map(|line| line.parse::<PageView>().ok());

    let by_page = views
        .map(|view| (view.page, 1u64))
        .reduce_by_key_and_window(|a, b| a + b, over(PAGES), over(SLIDE))
        .map(|(page, views)| format!("views of {page}: {views}"));
    let by_zip_code = views
        .map(|view| (view.zip_code, (u64::from(view.is_error()), 1u64)))
        .reduce_by_key_and_window(
            |(errors, views), (more, few)| (errors + more, views + few),
            over(ERRORS),
            over(SLIDE),
        )
        .map(|(zip_code, (errors, views))| error_rate(zip_code, errors, views));
    let users = views
        .map(|view| (view.user, ()))
        .reduce_by_key_and_window(|(), ()| (), over(USERS), over(SLIDE))
        .count()
        .map(|users| format!("users: {users}"));
    let names = Dataset::new(NAMES);
    let known = views
        .window(over(SLIDE), over(SLIDE))
        .map(|view| (view.user, ()))
        .reduce_by_key(|(), ()| ())
        .broadcast_join(&names)
        .map(|(_, ((), name))| format!("{name} was here"));

    by_page.union(&by_zip_code).union(&users).union(&known).print_n(LINES);

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("page_views");
    Ok(())
}
