//! The stream of overviews that keeps a page live, as server-sent events.

use crate::api::{ApiError, Known, of};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Bytes, Data, Path};
use futures::stream::unfold;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

/// The shortest time between two overviews, in real time.
const PACE: Duration = Duration::from_millis(250);

/// After so much real time an overview is sent although nothing was told: whether the program has ended is not an event, and
/// whether the page is still there shows only when something is sent.
const STILLNESS: Duration = Duration::from_secs(3);

/// Pages that are kept live at a time.
const MOST_PAGES: usize = 32;

/// How many pages are kept live at present.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages(Arc<AtomicUsize>);

/// A page that is counted until it is gone.
struct Page(Pages);

impl Pages {
    fn enter(&self) -> Option<Page> {
        let before = self.0.fetch_add(1, Ordering::AcqRel);
        let page = Page(self.clone());
        (before < MOST_PAGES).then_some(page)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

struct Sending {
    known: Known,
    version: watch::Receiver<u64>,
    pace: Interval,
    first: bool,
    _page: Page,
}

/// Answers with an overview at once, and with another whenever something has happened.
pub(crate) async fn live(known: Known, pages: Data<Pages>, path: Path<String>) -> Result<HttpResponse, ApiError> {
    of(&known, &path)?;
    let full = || {
        let message = format!("{MOST_PAGES} pages are kept live already; close one, or ask for the overview");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
    };
    let page = pages.enter().ok_or_else(full)?;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sending = Sending { version: known.watch(), known, pace, first: true, _page: page };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(unfold(sending, next)))
}

async fn next(mut sending: Sending) -> Option<(Result<Bytes, Infallible>, Sending)> {
    sending.pace.tick().await;
    if !std::mem::replace(&mut sending.first, false) {
        let waited = timeout(STILLNESS, sending.version.changed()).await;
        // The monitor is gone, and with it whoever could tell more.
        if matches!(waited, Ok(Err(_))) {
            return None;
        }
    }
    sending.version.mark_unchanged();
    let text = serde_json::to_string(&sending.known.overview()).ok()?;
    Some((Ok(Bytes::from(format!("event: overview\ndata: {text}\n\n"))), sending))
}
