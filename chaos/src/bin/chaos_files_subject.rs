//! The program over directories of files that is killed; see `waterwheel_chaos::files`.

use clap::Parser;
use std::path::PathBuf;
use waterwheel_chaos::files::subject::{Home, program};

/// The program over directories of files that is killed.
#[derive(Parser)]
struct Cli {
    /// Where its directories, its checkpoint and its outputs lie.
    home: PathBuf,
    /// Batches that become durable together.
    #[arg(long, default_value_t = 1)]
    batches_a_checkpoint: u32,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .format_timestamp_millis()
        .init();
    let running = program(&Home::new(cli.home), cli.batches_a_checkpoint)?.start()?;
    running.await_termination()?;
    Ok(())
}
