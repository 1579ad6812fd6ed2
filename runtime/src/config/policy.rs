//! What becomes of the application when a batch fails.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What becomes of the application when a batch fails, after its tasks have used up their attempts.
///
/// As text, and so in a file or variable, it is `stop`, `skip` or `retry(attempts, delay)`.
///
/// ```
/// use waterwheel_runtime::config::FailurePolicy;
/// use waterwheel_runtime::time::seconds;
///
/// assert_eq!("retry(3, 1s)".parse(), Ok(FailurePolicy::Retry { attempts: 3, delay: seconds(1) }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// The application stops and reports the failure. Nothing after the failed batch is processed.
    #[default]
    Stop,
    /// What failed (building the batch's datasets, or one output) is run again, with a pause before each attempt; if it still
    /// fails, the application stops. Outputs that succeeded are not run again, and later batches wait.
    Retry {
        /// How often it is run again; at least 1.
        attempts: u32,
        /// How long the pause before each attempt is.
        delay: Duration,
    },
    /// The failure is reported, the batch is given up, and the next one runs.
    Skip,
}

/// The text is not `stop`, `skip` or `retry(attempts, delay)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a failure policy: expected {}", FailurePolicy::FORMS)]
pub struct NotAFailurePolicy;

impl FailurePolicy {
    pub(super) const FORMS: &str = "\"stop\", \"skip\" or \"retry(attempts, delay)\" such as \"retry(3, 1s)\"";
}

impl FromStr for FailurePolicy {
    type Err = NotAFailurePolicy;

    fn from_str(text: &str) -> Result<Self, NotAFailurePolicy> {
        match text.trim() {
            "stop" => Ok(FailurePolicy::Stop),
            "skip" => Ok(FailurePolicy::Skip),
            retry => parse_retry(retry).ok_or(NotAFailurePolicy),
        }
    }
}

fn parse_retry(text: &str) -> Option<FailurePolicy> {
    let (attempts, delay) = text.strip_prefix("retry(")?.strip_suffix(')')?.split_once(',')?;
    Some(FailurePolicy::Retry {
        attempts: attempts.trim().parse().ok()?,
        delay: humantime::parse_duration(delay.trim()).ok()?,
    })
}

impl fmt::Display for FailurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FailurePolicy::Stop => f.write_str("stop"),
            FailurePolicy::Skip => f.write_str("skip"),
            FailurePolicy::Retry { attempts, delay } => {
                write!(f, "retry({attempts}, {})", humantime::format_duration(*delay))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{milliseconds, seconds};

    #[test]
    fn policies_read_back_from_their_text() {
        let retry = FailurePolicy::Retry { attempts: 3, delay: milliseconds(90_500) };
        for policy in [FailurePolicy::Stop, FailurePolicy::Skip, retry] {
            assert_eq!(policy.to_string().parse(), Ok(policy));
        }
        let spaced = " retry( 2 ,1s ) ".parse();
        assert_eq!(spaced, Ok(FailurePolicy::Retry { attempts: 2, delay: seconds(1) }));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "Stop", "retry", "retry()", "retry(3)", "retry(-1, 1s)", "retry(3, soon)", "retry(3, 1s"] {
            assert_eq!(text.parse::<FailurePolicy>(), Err(NotAFailurePolicy), "{text}");
        }
    }
}
