//! Each peer runs in a process of its own: its peak memory is its own, and so is its allocator's state.

use std::fmt::Display;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::Peer;

/// Run this binary again with `args` and take the JSON object it prints as its result. Its stderr is ours.
pub(crate) fn run<R: DeserializeOwned>(peer: impl Display, args: &[String]) -> Result<R> {
    run_in(&[], peer, args)
}

/// [`run`] with variables of the environment set.
pub(crate) fn run_in<R: DeserializeOwned>(
    environment: &[(&str, &str)],
    peer: impl Display,
    args: &[String],
) -> Result<R> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let output = Command::new(program)
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start the process of {peer}"))?;
    if !output.status.success() {
        bail!("{peer} failed ({})", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{peer} printed no result"))
}

/// The other side of [`run`]: print the result.
pub(crate) fn answer<R: Serialize>(result: &R) -> Result<()> {
    Ok(serde_json::to_writer(std::io::stdout().lock(), result)?)
}

/// Runs of several peers, interleaved so that a slow minute of the machine hits all of them, and rotated so that none
/// always comes first. A peer that fails is reported and left out; the others still run.
pub(crate) struct Interleaved<R, P = Peer> {
    /// Each peer with the results of its runs.
    pub(crate) results: Vec<(P, Vec<R>)>,
    /// What went wrong, first failure of each peer.
    pub(crate) failures: Vec<(P, anyhow::Error)>,
}

impl<R, P: Copy + PartialEq + Display> Interleaved<R, P> {
    /// Call `run` for each peer `runs` times.
    pub(crate) fn run(peers: &[P], runs: usize, mut run: impl FnMut(P) -> Result<R>) -> Self {
        let mut all = Self { results: peers.iter().map(|peer| (*peer, Vec::new())).collect(), failures: Vec::new() };
        for round in 0..runs {
            for i in 0..peers.len() {
                let (peer, results) = &mut all.results[(i + round) % peers.len()];
                if all.failures.iter().any(|(failed, _)| failed == peer) {
                    continue;
                }
                match run(*peer) {
                    Ok(result) => results.push(result),
                    Err(error) => all.failures.push((*peer, error)),
                }
            }
        }
        all.results.retain(|(peer, _)| !all.failures.iter().any(|(failed, _)| failed == peer));
        all
    }

    /// An error if any peer failed, or if none was asked for.
    pub(crate) fn check(self) -> Result<()> {
        if self.results.is_empty() && self.failures.is_empty() {
            bail!("this workload has no such peer, or --runs is 0");
        }
        if self.failures.is_empty() {
            return Ok(());
        }
        let all: Vec<String> = self.failures.iter().map(|(peer, error)| format!("{peer}: {error:#}")).collect();
        bail!("{}", all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_interleave_and_a_failure_leaves_the_others() {
        let mut order = Vec::new();
        let all = Interleaved::run(&[Peer::Handwritten, Peer::Renoir, Peer::Timely], 2, |peer| {
            order.push(peer);
            if peer == Peer::Renoir { bail!("no") } else { Ok(order.len()) }
        });
        use Peer::{Handwritten as H, Renoir as R, Timely as T};
        assert_eq!(order, [H, R, T, T, H]);
        assert_eq!(all.results, [(H, vec![1, 5]), (T, vec![3, 4])]);
        assert!(all.check().unwrap_err().to_string().contains("renoir: no"));
    }
}
