//! Benchmarks of Waterwheel next to other engines: one binary, one allocator, the same input for every peer.
//!
//! Each subcommand is a workload and prints one JSON object a line on stdout; the table for people goes to stderr.
//! Every peer runs in a child process of its own, so that its peak memory is its own. See `benchmarks --help`.
#![allow(clippy::disallowed_methods, reason = "benchmarks measure real time, sleep to pace a sender, and write files")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod batches;
mod child;
mod cli;
mod count;
mod directory;
mod driven;
mod files;
mod latency;
mod overload;
mod page;
mod report;
mod stability;
mod stats;
mod store;
mod tcp;
mod text;
mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod watched;
mod workers;

/// One allocator for all peers: the allocator alone changes their order.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Benchmarks of Waterwheel next to other engines.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    /// What to run.
    #[command(subcommand)]
    command: Command,
}

/// The subcommands.
#[derive(Subcommand)]
enum Command {
    /// Print the deterministic text that the workloads read.
    Text(text::Args),
    /// Word count over text in memory, batch by batch.
    W1(w1::Args),
    /// A running count per key that survives the process.
    W2(w2::Args),
    /// Counts per key over sliding windows.
    W3(w3::Args),
    /// Lines over TCP to word counts, end to end.
    W4(w4::Args),
    /// Smallest stable batch interval, and end-to-end latency at each interval.
    W5(w5::Args),
    /// Killed with a large state and started again: time to the first batch.
    W6(w6::Args),
    /// What it costs a receiver to store records.
    Store(store::Args),
    /// What a batch costs whose directory has many files that were read already.
    Files(files::Args),
    /// More than can be computed: a backlog at the start, and a producer that is faster all the time.
    Overload(overload::Args),
    /// How quickly the monitor answers, and what it holds, with as many batches as are retained.
    Page(page::Args),
    /// Listen on an address and send text to the first client (what w4 and w5 read from).
    Send(tcp::send::Args),
}

fn main() -> ExitCode {
    env_logger::init();
    let done = match Cli::parse().command {
        Command::Text(args) => text::print(&args),
        Command::W1(args) => w1::main(&args),
        Command::W2(args) => w2::main(&args),
        Command::W3(args) => w3::main(&args),
        Command::W4(args) => w4::main(&args),
        Command::W5(args) => w5::main(&args),
        Command::W6(args) => w6::main(&args),
        Command::Store(args) => store::main(&args),
        Command::Files(args) => files::main(&args),
        Command::Overload(args) => overload::main(&args),
        Command::Page(args) => page::main(&args),
        Command::Send(args) => tcp::send::main(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
