//! Groups the views of a clickstream into sessions: the views of one user that are no more than two batches apart.
//!
//! The state of a user is the session under way. It times out when no view has come for longer than two batches; the session is
//! over then, and printed with the number of its views and how long it took. Every batch also says how many sessions are under
//! way, from the snapshot of all states. States need a checkpoint directory; this program takes a new one and removes it.
//!
//! Without an address it reads from a server of page views inside this program and ends after ten batches. With one it reads
//! from there until Ctrl-C: run `nc -lk 9999` in one terminal and `sessions localhost:9999` in another, and type page, status,
//! zip code and user, separated by tabs. Other lines are left out.

use examples::cli;
use examples::feed::Feed;
use examples::page_views::{PageView, PageViews};
use examples::run::run;
use serde::{Deserialize, Serialize};
use waterwheel::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Batches without a view after which a session is over.
const IDLE: u32 = 2;

/// Lines that a batch prints at most; the outside world decides how many users there are.
const LINES: usize = 20;

/// Page views that the server inside sends in a second.
const VIEWS_PER_SECOND: u32 = 50;

/// Batches after which the program ends when it feeds itself.
const BATCHES: u64 = 10;

/// Views of a user, one soon after the other.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Session {
    views: u64,
    /// The batches of its first and its last view.
    first: Time,
    last: Time,
}

impl Session {
    fn new(batch: Time) -> Session {
        Session { views: 0, first: batch, last: batch }
    }
}

/// Adds a view to the session of its user; tells of a session that is over.
fn follow(batch: Time, user: &u32, view: Option<()>, session: &mut State<Session>) -> Option<String> {
    if session.is_timing_out() {
        let Session { views, first, last } = session.get_option()?;
        return Some(format!("user {user}: {views} views in {}", last.since(*first).pretty()));
    }
    let before = session.get_option().copied().unwrap_or(Session::new(batch));
    if view.is_some() {
        session.update(Session { views: before.views + 1, last: batch, ..before });
    }
    None
}

fn main() -> anyhow::Result<()> {
    let cli = cli::parse("Groups the views of a clickstream into sessions");
    cli::init_logging();
    let ssc = StreamingContext::new(cli.config("Sessions")?, cli.interval)?;
    let directory = tempfile::tempdir()?;
    ssc.checkpoint(directory.path());
    let feed = Feed::new(&cli, VIEWS_PER_SECOND, || PageViews::new(1).map(|view| view.to_string()))?;
    let idle = IDLE * cli.interval;
    println!("Sessions in the page views {feed}, each over when its user has not been seen for more than {idle:?}.");

    let views = ssc.socket_text_stream(feed.address()).flat_map(|line| line.parse::<PageView>().ok());
    let sessions = views
        .map(|view| (view.user, ()))
        .map_with_state(StateSpec::function_with_time(follow).timeout(idle))
        .named("sessions");
    let under_way = sessions.state_snapshots().count().map(|count| format!("sessions under way: {count}"));
    under_way.union(&sessions).print_n(LINES);

    run(ssc, feed.batches(&cli, BATCHES))?;
    feed.tell_how("sessions");
    Ok(())
}
