//! `waterwheel`: a look into checkpoint directories, and at running applications.

use clap::{Parser, Subcommand};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use waterwheel_cli::dump::{Question, state};
use waterwheel_cli::inspect::inspect;
use waterwheel_cli::top::top;
use waterwheel_cli::verify::verify;

/// Looks into the checkpoint directory of a Waterwheel application, or at the application itself. Nothing is changed, and the
/// application may be running.
#[derive(Parser)]
#[command(
    version,
    after_help = "Ends with 0; with 1 when something is wrong or not there; with 2 when it could not answer, and says why."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What the directory holds: application, batches, blocks, sources, operators and their state.
    Inspect {
        /// The checkpoint directory.
        directory: PathBuf,
        /// As JSON, with times in milliseconds.
        #[arg(long)]
        json: bool,
    },
    /// Whether all is there that a restart would read, and fits together. Ends with 1 when something is wrong.
    ///
    /// Every value that is live is read, so that its checksum is compared, and decoded where its shape is recorded; the ledger is
    /// replayed; the records of blocks are compared with their length and checksum; the rows of state with their listings.
    /// What is deleted or overwritten and still lies in some file is not read: damage to it does not matter to a restart.
    Verify {
        /// The checkpoint directory.
        directory: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// A running application in one line that follows it: records per second, delays, batches, and how many of those wait.
    Top {
        /// Where its page is, as it says when it starts: http://127.0.0.1:4040.
        url: String,
        /// Its token, if it has one (`ui.token`).
        #[arg(long, env = "WATERWHEEL_UI__TOKEN", hide_env_values = true)]
        token: Option<String>,
        /// Only the present figures.
        #[arg(long)]
        once: bool,
    },
    /// The state of an operator after the last committed batch, or that of one key. Ends with 1 when the key has no state.
    State {
        /// The checkpoint directory.
        directory: PathBuf,
        /// The name of the operator, as `inspect` shows it.
        operator: String,
        /// Only this key: a text, or JSON for other types: '["de",7]'.
        key: Option<String>,
        /// At most so many keys.
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Whoever reads the errors may have gone.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Inspect { directory, json } => print(&inspect(&directory)?, json).map(|()| true),
        Command::Verify { directory, json } => {
            let verified = verify(&directory)?;
            print(&verified, json)?;
            Ok(verified.wrong.is_empty())
        }
        Command::State { directory, operator, key, limit, json } => {
            let is_one = key.is_some();
            let state = state(&directory, &Question { operator, key, limit })?;
            print(&state, json)?;
            Ok(!is_one || !state.entries.is_empty())
        }
        Command::Top { url, token, once } => top(&url, token, once, &mut io::stdout().lock()).map(|()| true),
    }
}

fn print(answer: &(impl Display + Serialize), json: bool) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match json {
        true => serde_json::to_writer_pretty(&mut out, answer).map_err(io::Error::from).and_then(|()| writeln!(out)),
        false => write!(out, "{answer}"),
    };
    match written.and_then(|()| out.flush()) {
        // `waterwheel state ... | head` is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Into::into),
    }
}
