//! `waterwheel top`: a running application in one line.

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;
use ureq::Agent;
use waterwheel_monitor::terminal::ProgressLine;

/// How long an answer may take, and how long a stream of figures may tell nothing: it tells something every few seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an overview tells, as far as the line shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overview {
    name: String,
    state: String,
    statistics: Statistics,
    completed: Vec<Batch>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    num_total_completed_batches: u64,
    num_failed_batches: u64,
    num_active_batches: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    batch_duration: u64,
    input_size: u64,
    processing_time: Option<u64>,
    total_delay: Option<u64>,
}

impl Overview {
    fn line(&self) -> String {
        let last = self.completed.first();
        let millis = |of: fn(&Batch) -> Option<u64>| Duration::from_millis(last.and_then(of).unwrap_or(0));
        let per_second = |batch: &Batch| batch.input_size as f64 * 1000.0 / batch.batch_duration.max(1) as f64;
        let line = ProgressLine {
            rate: last.map_or(0.0, per_second),
            processing: millis(|batch| batch.processing_time),
            total_delay: millis(|batch| batch.total_delay),
            completed: self.statistics.num_total_completed_batches,
            failed: self.statistics.num_failed_batches,
            behind: self.statistics.num_active_batches,
            ..ProgressLine::default()
        };
        format!("{} {}: {line}", self.name, self.state.to_lowercase())
    }
}

/// Where an application is, and what it wants to be told.
struct Server {
    agent: Agent,
    root: String,
    token: Option<String>,
}

impl Server {
    fn ask(&self, path: &str, patience: Option<Duration>) -> anyhow::Result<ureq::Body> {
        let address = format!("{}{path}", self.root);
        let mut request =
            self.agent.get(&address).config().timeout_recv_response(Some(PATIENCE)).timeout_global(patience).build();
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().with_context(|| format!("{address} does not answer"))?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        let told =
            serde_json::from_str::<Value>(&text).ok().and_then(|body| Some(body["message"].as_str()?.to_owned()));
        bail!("{address} answers {}: {}", answer.status(), told.unwrap_or(text))
    }

    /// Shows what a stream of figures tells; whether the application has said that it has ended.
    fn follow(&self, figures: &str, show: &mut dyn FnMut(&Overview) -> anyhow::Result<()>) -> anyhow::Result<bool> {
        let gone = || format!("{} is gone, and has not said that the application has stopped", self.root);
        let lines = lines_of(self.ask(&format!("{figures}/live"), None).with_context(gone)?);
        let mut any = false;
        loop {
            let line = match lines.recv_timeout(PATIENCE) {
                Ok(Ok(line)) => line,
                // Whether anybody is there is seen by asking again, which one that tells nothing is not.
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) if any => return Ok(false),
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => bail!(gone()),
                Err(RecvTimeoutError::Timeout) => bail!("{} has told nothing for {PATIENCE:?}", self.root),
            };
            let Some(data) = line.strip_prefix("data: ") else { continue };
            let overview: Overview = serde_json::from_str(data)?;
            any = true;
            show(&overview)?;
            if overview.state == "STOPPED" {
                return Ok(true);
            }
        }
    }

    /// Where the figures of the application are.
    fn figures(&self) -> anyhow::Result<String> {
        let text = self.ask("/api/v1/applications", Some(PATIENCE))?.read_to_string()?;
        let applications: Vec<Value> = serde_json::from_str(&text).context("this is no Waterwheel application")?;
        let id = applications.first().and_then(|application| application["id"].as_str());
        Ok(format!("/api/v1/applications/{}/streaming", id.context("there is no application here")?))
    }
}

/// The lines of a stream, read by a thread: a host that has vanished ends no stream.
fn lines_of(body: ureq::Body) -> Receiver<io::Result<String>> {
    let (told, lines) = sync_channel(1);
    std::thread::spawn(move || {
        for line in BufReader::new(body.into_reader()).lines() {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Shows the application at `url` in a line that follows it, until it ends; only its present figures with `once`.
///
/// # Errors
/// When nobody answers there, or something else than a Waterwheel application, or when it is gone without a word.
pub fn top(url: &str, token: Option<String>, once: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let agent = Agent::config_builder().http_status_as_error(false).build().into();
    let server = Server { agent, root: with_scheme.trim_end_matches('/').to_owned(), token };
    let figures = server.figures()?;
    if once {
        let text = server.ask(&format!("{figures}/overview"), Some(PATIENCE))?.read_to_string()?;
        writeln!(out, "{}", serde_json::from_str::<Overview>(&text)?.line())?;
        return Ok(());
    }
    let live = std::io::stderr().is_terminal().then(|| {
        let style =
            ProgressStyle::with_template("{spinner} {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        ProgressBar::new_spinner().with_style(style)
    });
    let mut told = None;
    let mut show = |overview: &Overview| -> anyhow::Result<()> {
        match &live {
            Some(live) => {
                live.set_message(overview.line());
                live.tick();
            }
            // A line a batch, where lines stay.
            None => {
                let completed = Some(overview.statistics.num_total_completed_batches);
                if completed != told {
                    told = completed;
                    writeln!(out, "{}", overview.line())?;
                }
            }
        }
        Ok(())
    };
    // A stream of figures ends after some minutes, and the next one is asked for.
    while !server.follow(&figures, &mut show)? {}
    if let Some(live) = live {
        let last = live.message();
        live.finish_and_clear();
        writeln!(std::io::stderr(), "{last}")?;
    }
    Ok(())
}
