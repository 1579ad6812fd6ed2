//! The program that `chaos` kills; see `waterwheel_chaos::subject`.

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use waterwheel_chaos::source::Source;
use waterwheel_chaos::subject::inputs::Inputs;
use waterwheel_chaos::subject::pipeline::{Home, Settings, program};

/// The program that `chaos` kills.
#[derive(Parser)]
struct Cli {
    /// Where its checkpoint and its outputs lie.
    home: PathBuf,
    /// Where its feeders listen; where it listens itself, when it is them who connect.
    addresses: Vec<SocketAddr>,
    /// How it receives.
    #[arg(long, value_enum, default_value_t)]
    source: Source,
    /// Which run of it this is.
    #[arg(long, default_value_t = 1)]
    run: u32,
    /// Adds an output that fails now and then and is skipped.
    #[arg(long)]
    skipping: bool,
    /// Partitions of a shuffle, and of the states.
    #[arg(long, default_value_t = 2)]
    partitions: usize,
    /// Batches that become durable together.
    #[arg(long, default_value_t = 1)]
    batches_a_checkpoint: u32,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info"))
        .format_timestamp_millis()
        .init();
    let settings = Settings {
        skipping: cli.skipping,
        partitions: cli.partitions,
        batches_a_checkpoint: cli.batches_a_checkpoint,
        run: cli.run,
    };
    let inputs = Inputs::new(cli.source, &cli.addresses).map_err(anyhow::Error::msg)?;
    let running = program(&Home::new(cli.home), inputs, settings)?.start()?;
    running.await_termination()?;
    Ok(())
}
