//! The file that says how often each fail point was passed: one line of fixed length per point, so that a count is rewritten
//! in place. What is written is in the system's cache at once and survives the process, however it ends.

use super::FAIL_POINTS;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The environment variable with the path of the file in which a process counts its passings. Written anew by each process.
pub const HITS_VARIABLE: &str = "WATERWHEEL_FAILPOINT_HITS";

/// Digits of a count: enough for any.
#[cfg(feature = "failpoints")]
pub(super) const DIGITS: usize = 20;

/// How often each fail point was passed by the process that wrote `path`; points it never met are in it with 0.
///
/// # Errors
/// When the file cannot be read, or is not one of these.
pub fn read_hits(path: &Path) -> io::Result<BTreeMap<&'static str, u64>> {
    let text = std::fs::read_to_string(path)?;
    let mut hits: BTreeMap<&'static str, u64> = FAIL_POINTS.iter().map(|point| (point.name, 0)).collect();
    for line in text.lines() {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, format!("{line:?} is not a count of a fail point"));
        let (count, name) = line.trim_start().split_once(' ').ok_or_else(wrong)?;
        let known = FAIL_POINTS.iter().find(|point| point.name == name).ok_or_else(wrong)?;
        hits.insert(known.name, count.parse().map_err(|_| wrong())?);
    }
    Ok(hits)
}
