//! What runs beside the streams of a program for as long as it runs: a port that is listened on, for example.

use crate::context::StreamingContext;
use crate::graph::StartStop;
use std::sync::{Mutex, PoisonError};
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// Started once before the first batch and stopped once when the program has ended; dropped without either when the program is
/// never started. For authors of sources.
pub trait Companion: Send + 'static {
    /// The program starts. Called on the driver side.
    ///
    /// # Errors
    /// What keeps it from working: the program then ends before its first batch.
    fn start(&mut self) -> Result<(), String>;

    /// The program has ended. Called on a thread that others need: it must not take long.
    fn stop(&mut self);
}

impl StreamingContext {
    /// Adds what runs beside the streams. `site` is that of the method that the user called.
    ///
    /// ```
    /// use std::sync::mpsc::{Sender, channel};
    /// use waterwheel_operators::{Companion, prelude::*, testkit::TestRun};
    /// use waterwheel_runtime::site::Site;
    ///
    /// struct Bell(Sender<&'static str>);
    ///
    /// impl Companion for Bell {
    ///     fn start(&mut self) -> Result<(), String> {
    ///         self.0.send("opened").map_err(|error| error.to_string())
    ///     }
    ///
    ///     fn stop(&mut self) {
    ///         let _ = self.0.send("closed");
    ///     }
    /// }
    ///
    /// let (bell, heard) = channel();
    /// let input = waterwheel_operators::testkit::TestInput::<u32>::new();
    /// let (mut test, _numbers) = TestRun::new().start(|ssc| {
    ///     ssc.companion(Site::here("bell"), Bell(bell));
    ///     input.stream(ssc).probe()
    /// })?;
    /// test.advance(1)?;
    /// test.stop()?;
    /// assert_eq!(heard.iter().collect::<Vec<_>>(), ["opened", "closed"]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn companion(&self, site: Site, companion: impl Companion) {
        let beside = Beside { site, companion: Mutex::new(companion) };
        self.with_graph(|graph| graph.add_input(Box::new(beside)));
    }
}

struct Beside<C> {
    site: Site,
    companion: Mutex<C>,
}

impl<C: Companion> StartStop for Beside<C> {
    fn site(&self) -> Site {
        self.site
    }

    fn start(&self, _: Time, _: Option<&[u8]>) -> Result<(), JobError> {
        let started = self.companion.lock().unwrap_or_else(PoisonError::into_inner).start();
        started.map_err(|message| JobError::Failed { site: self.site, batch: None, message })
    }

    fn stop(&self) {
        self.companion.lock().unwrap_or_else(PoisonError::into_inner).stop();
    }
}
