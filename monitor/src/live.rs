//! The stream of overviews that keeps a page live, as server-sent events.

use crate::api::{ApiError, Known, of};
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use futures::future::{Either, select};
use futures::stream::{empty, unfold};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

/// The shortest time between two overviews, in real time.
const PACE: Duration = Duration::from_millis(250);

/// After so much real time an overview is sent although nothing was told: whether the program has ended is not an event, and
/// whether the page is still there shows only when something is sent.
const STILLNESS: Duration = Duration::from_secs(3);

/// After so much real time the stream ends, and a page that is still there asks for the next: one whose machine has gone away
/// without a word does not take a place for ever.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// Pages that are kept live at a time.
const MOST_PAGES: usize = 32;

/// How many pages are kept live at present.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages(Arc<Count>);

#[derive(Debug, Default)]
struct Count {
    pages: Mutex<usize>,
    gone: Condvar,
}

/// A page that is counted until it is gone.
struct Page(Pages);

impl Pages {
    fn enter(&self) -> Option<Page> {
        let mut pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
        (*pages < MOST_PAGES).then(|| {
            *pages += 1;
            Page(self.clone())
        })
    }

    /// Waits until all are gone, or for so much real time.
    pub(crate) fn wait_gone(&self, patience: Duration) {
        let pages = self.0.pages.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.gone.wait_timeout_while(pages, patience, |pages| *pages > 0));
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        *self.0.0.pages.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.0.gone.notify_all();
    }
}

struct Sending {
    known: Known,
    version: watch::Receiver<u64>,
    pace: Interval,
    first: bool,
    closing: watch::Receiver<bool>,
    /// The last overview has been sent.
    last: bool,
    until: Option<Instant>,
    _page: Page,
}

/// Answers with an overview at once, and with another whenever something has happened.
pub(crate) async fn live(
    known: Known,
    pages: Data<Pages>,
    path: Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    of(&known, &path)?;
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/event-stream").insert_header((header::CACHE_CONTROL, "no-store"));
    if request.method() == Method::HEAD {
        // Whoever asks for the head alone is not to wait for the end of a body that has none.
        return Ok(answer.streaming(empty::<Result<Bytes, Infallible>>()));
    }
    let full = || {
        let message = format!("{MOST_PAGES} pages are kept live already; close one, or ask for the overview");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
    };
    let page = match pages.enter() {
        Some(page) => page,
        // By this a browser's EventSource is told not to come back, and puts no error on the console; the page asks from then on.
        None if wants_events(&request) => return Ok(HttpResponse::NoContent().finish()),
        None => return Err(full()),
    };
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (version, closing) = (known.watch(), known.closing());
    let sending = Sending { version, closing, last: false, known, pace, first: true, until: None, _page: page };
    Ok(answer.streaming(unfold(sending, next)))
}

/// Whether events were asked for by name, as browsers do.
fn wants_events(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/event-stream"))
}

impl Sending {
    /// Waits until there is something to send; whether the stream goes on.
    async fn wait(&mut self) -> bool {
        let now = self.pace.tick().await;
        if now >= *self.until.get_or_insert(now + LONGEST) {
            return false;
        }
        if !std::mem::replace(&mut self.first, false) {
            // What is waited for cannot go away: it is among what is known here.
            let _ = timeout(STILLNESS, self.version.changed()).await;
        }
        true
    }
}

async fn next(mut sending: Sending) -> Option<(Result<Bytes, Infallible>, Sending)> {
    if std::mem::replace(&mut sending.last, *sending.closing.borrow()) {
        return None;
    }
    if !sending.last {
        let mut closing = sending.closing.clone();
        let goes_on = {
            let (closed, waited) = (pin!(closing.wait_for(|closed| *closed)), pin!(sending.wait()));
            match select(closed, waited).await {
                Either::Left(_) => None,
                Either::Right((goes_on, _)) => Some(goes_on),
            }
        };
        match goes_on {
            Some(true) => {}
            Some(false) => return None,
            None => sending.last = true,
        }
    }
    sending.version.mark_unchanged();
    let overview = sending.known.overview_event()?;
    Some((Ok(overview), sending))
}
