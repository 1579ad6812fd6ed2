//! Seeing the wheel: a page, a REST interface and metrics for every running program of streams.
//!
//! The monitor hangs on the event bus: it is a listener like any other, and the crates that run programs do not know it. What it
//! is told goes into one store, from which all figures come. It never waits for a batch, and no batch waits for it; what it could
//! not be told in time is counted.
//!
//! ```
//! use waterwheel_monitor::StartMonitored;
//! use waterwheel_operators::prelude::*;
//! use waterwheel_operators::testkit::Scripted;
//!
//! let mut config = Config::local("Doc");
//! config.ui = config.ui.with_bind("127.0.0.1:0".parse()?); // any free port; without this, 4040 or one behind it
//! let ssc = StreamingContext::new(config, milliseconds(10))?;
//! ssc.input_stream(Scripted::new([vec!["drop"]])).count().foreach_rdd(|_| {});
//! let running = ssc.start_monitored()?;
//! println!("to be seen at {}", running.url().unwrap_or_default());
//! running.stop(Stop::Graceful)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | path | what is there |
//! | --- | --- |
//! | `/` | the page |
//! | `/batch?id=TIME` | the page of a batch |
//! | `/api/v1/...` | REST, with Spark's paths; `/api/v1/openapi.json` describes it |
//! | `/metrics` | metrics for Prometheus |
//! | `/health`, `/ready` | whether the program has not ended, and whether it has started and not ended |
//!
//! To change it, begin with `src/store/mod.rs`.

mod api;
pub mod format;
mod graph;
mod guard;
mod live;
mod meters;
mod page;
mod queue_meters;
mod report;
mod server;
mod shared;
mod store;
pub mod terminal;
#[cfg(test)]
mod testing;

pub use report::StatsReportListener;
pub use server::MonitorError;

use server::Server;
use shared::{Shared, Told};
use std::fmt;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use waterwheel_operators::{Error, RunningContext, StreamingContext};

/// Starts programs that can be looked at.
pub trait StartMonitored {
    /// As [`start`](StreamingContext::start), with a monitor: the page, the REST interface and the metrics are served where the
    /// section `ui` of the configuration says, from before the start until what is returned is dropped. Where that is, is logged as
    /// information, or said on standard error when the log does not show that. With `ui.enabled` off nothing is served.
    ///
    /// # Errors
    /// As [`start`](StreamingContext::start); an address that cannot be served at, or that others could reach without a token.
    #[track_caller]
    fn start_monitored(self) -> Result<Monitored, Error>;
}

impl StartMonitored for StreamingContext {
    #[track_caller]
    fn start_monitored(self) -> Result<Monitored, Error> {
        let monitor = if self.config().ui.enabled { Some(Monitor::attach(&self)?) } else { None };
        let running = self.start()?;
        if let Some(monitor) = &monitor {
            monitor.shared.started(running.remote());
        }
        let monitored = Monitored { running, monitor };
        if let Some(url) = monitored.url() {
            announce(&url);
        }
        Ok(monitored)
    }
}

/// Says where the program is to be seen: in the log, or on standard error where the log does not show what is only good to know.
fn announce(url: &str) {
    if log::log_enabled!(log::Level::Info) {
        log::info!("the program is to be seen at {url}");
    } else {
        // Nobody may be reading: that is no reason to end.
        let _ = writeln!(std::io::stderr(), "The program is to be seen at {url}");
    }
}

/// A running program with its monitor. Dropping it stops the program at once, then the monitor.
pub struct Monitored {
    // Dropped in this order: whoever looks sees the end.
    running: RunningContext,
    monitor: Option<Monitor>,
}

impl Monitored {
    /// Where the page is served; `None` when it is off (`ui.enabled`).
    pub fn address(&self) -> Option<SocketAddr> {
        Some(self.monitor.as_ref()?.server.address())
    }

    /// The page's address, to be opened in a browser on this machine; `None` when it is off.
    pub fn url(&self) -> Option<String> {
        let address = self.address()?;
        let here = match address.ip() {
            IpAddr::V4(all) if all.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(all) if all.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            one => one,
        };
        Some(format!("http://{}/", SocketAddr::new(here, address.port())))
    }
}

impl Deref for Monitored {
    type Target = RunningContext;

    fn deref(&self) -> &RunningContext {
        &self.running
    }
}

impl AsRef<RunningContext> for Monitored {
    fn as_ref(&self) -> &RunningContext {
        &self.running
    }
}

impl fmt::Debug for Monitored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Monitored({:?}, {:?})", self.running, self.url())
    }
}

/// What watches one program.
struct Monitor {
    shared: Arc<Shared>,
    server: Server,
}

impl Monitor {
    fn attach(ssc: &StreamingContext) -> Result<Monitor, MonitorError> {
        let shared = Arc::new(Shared::new(ssc)?);
        let server = Server::start(shared.clone())?;
        ssc.add_streaming_listener(Told(shared.clone()));
        Ok(Monitor { shared, server })
    }
}

impl From<MonitorError> for Error {
    fn from(error: MonitorError) -> Error {
        Error::Attached(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use waterwheel_operators::prelude::*;
    use waterwheel_operators::testkit::Scripted;

    /// What the monitor knows holds the way to the bus that holds the monitor: for asking how many events were dropped.
    #[test]
    fn on_an_engine_that_goes_on_nothing_of_a_monitor_is_left_when_its_program_has_gone() {
        let clock = ManualClock::new(Time::ZERO);
        let options = EngineOptions { cores: 1, clock: Arc::new(clock), ..EngineOptions::default() };
        let engine = Engine::start(options).unwrap();
        let mut config = Config::local("Gone").with_handle_signals(false);
        config.ui = config.ui.with_bind("127.0.0.1:0".parse().unwrap());
        let ssc = StreamingContext::on(&engine, config, seconds(1)).unwrap();
        ssc.input_stream(Scripted::new([vec![1]])).foreach_rdd(|_| {});
        let running = ssc.start_monitored().unwrap();
        let known = Arc::downgrade(&running.monitor.as_ref().unwrap().shared);
        running.stop(Stop::Graceful).unwrap();
        assert!(known.upgrade().is_some(), "the page tells of the end");
        drop(running);
        // The listeners' thread lets it go when it gets to it: behind what it is given now, or a few turns later.
        for _ in 0..1000 {
            let (turn, turned) = channel();
            assert!(engine.core().events.spawn_fn(move || turn.send(()).unwrap()));
            turned.recv().unwrap();
        }
        assert!(known.upgrade().is_none(), "it is held by {} more", known.strong_count());
    }
}
