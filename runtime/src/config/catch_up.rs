//! What becomes of the batches whose time came while the application was down.

use std::fmt;
use std::str::FromStr;

/// What becomes of the batches whose time came while the application was down. Received and unprocessed data is processed under
/// every policy; they differ in the batches it comes in.
///
/// As text, and so in a file or variable, it is `coalesce`, `each_interval` or `skip`.
///
/// ```
/// use waterwheel_runtime::config::CatchUp;
///
/// assert_eq!("each_interval".parse(), Ok(CatchUp::EachInterval));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// One batch at once, of the last time that was missed: it takes everything that waits. Where windows slide more rarely
    /// than batches come, the first slide that was missed of each length comes before it (and takes what waits): what was committed
    /// since the window slid last has to get into it.
    #[default]
    Coalesce,
    /// One batch for every time that was missed, as Spark does it: the first takes everything that waits. Timeouts and windows see
    /// every interval.
    EachInterval,
    /// None. The next regular batch takes everything that waits. What was committed since a window slid last is in none that begins
    /// with the next slide, and never in one with an inverse.
    Skip,
}

/// The text is not `coalesce`, `each_interval` or `skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a way to catch up: expected {}", CatchUp::FORMS)]
pub struct NotAWayToCatchUp;

impl CatchUp {
    pub(super) const FORMS: &str = "\"coalesce\", \"each_interval\" or \"skip\"";
}

impl FromStr for CatchUp {
    type Err = NotAWayToCatchUp;

    fn from_str(text: &str) -> Result<Self, NotAWayToCatchUp> {
        match text.trim() {
            "coalesce" => Ok(CatchUp::Coalesce),
            "each_interval" => Ok(CatchUp::EachInterval),
            "skip" => Ok(CatchUp::Skip),
            _ => Err(NotAWayToCatchUp),
        }
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CatchUp::Coalesce => "coalesce",
            CatchUp::EachInterval => "each_interval",
            CatchUp::Skip => "skip",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_catch_up_read_back_from_their_text() {
        for way in [CatchUp::Coalesce, CatchUp::EachInterval, CatchUp::Skip] {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        assert_eq!("each".parse::<CatchUp>(), Err(NotAWayToCatchUp));
    }
}
