//! What a benchmark prints: one JSON object a line on stdout, a table with ratios on stderr.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::Peer;
use crate::stats::Percentiles;

/// One result line. The names are a contract with scripts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    /// `w1` to `w6`, `store`, `files` or `overload`.
    pub(crate) workload: &'static str,
    /// The engine.
    pub(crate) peer: Peer,
    /// Processing threads it was given.
    pub(crate) cores: usize,
    /// Input records (lines) of one run.
    pub(crate) records: u64,
    /// Input records a second, median of the runs.
    pub(crate) records_per_s: f64,
    /// Words a second, median of the runs.
    pub(crate) words_per_s: f64,
    /// How long a batch took, over the batches of all runs.
    pub(crate) batch_ms: Percentiles,
    /// Peak resident memory of the peer's process, median of the runs.
    pub(crate) rss_mb: f64,
    /// The workload's parameters and further measurements.
    #[serde(flatten)]
    pub(crate) more: Map<String, Value>,
}

impl Line {
    /// Print the JSON object on a line of its own.
    pub(crate) fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, self)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }

    /// The peer, and the form of the workload if it has several.
    pub(crate) fn label(&self) -> String {
        match self.more.get("form").and_then(Value::as_str) {
            Some(form) => format!("{}, {form}", self.peer),
            None => self.peer.to_string(),
        }
    }

    /// A further measurement as a number, for the table; NaN if there is none.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.more.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }
}

/// Make the map of further fields.
pub(crate) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Print the table for people, with each peer's speed as a ratio to the hand-written loop's.
pub(crate) fn table(title: &str, lines: &[Line]) {
    let base = lines.iter().find(|line| line.peer == Peer::Handwritten).map(|line| line.records_per_s);
    eprintln!("\n{title}");
    eprintln!(
        "{:<22} {:>10} {:>10} {:>13} {:>9} {:>9} {:>9} {:>8} {:>9}",
        "peer", "M recs/s", "M words/s", "x handwritten", "p50 ms", "p95 ms", "max ms", "cpu busy", "RSS MB"
    );
    for line in lines {
        let ratio = base.filter(|base| *base > 0.0).map_or(f64::NAN, |base| line.records_per_s / base);
        eprintln!(
            "{:<22} {:>10.3} {:>10.2} {:>13.2} {:>9.2} {:>9.2} {:>9.2} {:>8.2} {:>9.0}",
            line.label(),
            line.records_per_s / 1e6,
            line.words_per_s / 1e6,
            ratio,
            line.batch_ms.p50,
            line.batch_ms.p95,
            line.batch_ms.max,
            line.number("cpu_busy"),
            line.rss_mb,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_fields_scripts_rely_on() {
        let line = Line {
            workload: "w1",
            peer: Peer::Handwritten,
            cores: 2,
            records: 10,
            records_per_s: 1.0,
            words_per_s: 10.0,
            batch_ms: Percentiles { p50: 1.0, p95: 2.0, p99: 3.0, max: 4.0 },
            rss_mb: 5.0,
            more: fields([("seed", 7.into())]),
        };
        let json: Value = serde_json::to_value(&line).unwrap();
        for name in
            ["workload", "peer", "cores", "records", "records_per_s", "words_per_s", "batch_ms", "rss_mb", "seed"]
        {
            assert!(json.get(name).is_some(), "{name} is missing in {json}");
        }
        for name in ["p50", "p95", "p99", "max"] {
            assert!(json["batch_ms"].get(name).is_some(), "batch_ms.{name} is missing in {json}");
        }
        assert_eq!(json["peer"], "handwritten");
        assert_eq!(line.number("seed"), 7.0);
    }
}
