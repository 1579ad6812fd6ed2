//! Keeps a receiver that fails every two seconds for a day from filling the log. Pure: asked with the time.

use log::Level;
use std::time::Duration;

/// A message that goes on repeating is a warning again after this long.
const REMIND: Duration = Duration::from_secs(60);

/// What was last logged of a receiver, and when.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    last: Option<(String, Duration)>,
}

impl Repeats {
    /// At which level `message` has to be logged at time `now`: a warning when it is news, or after a minute of repetition.
    pub(super) fn level(&mut self, message: &str, now: Duration) -> Level {
        match &self.last {
            Some((last, since)) if last == message && now.saturating_sub(*since) < REMIND => Level::Debug,
            _ => {
                self.last = Some((message.to_owned(), now));
                Level::Warn
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_message_is_a_warning_once_a_minute_and_another_one_at_once() {
        let mut repeats = Repeats::default();
        let mut level = |message, second| repeats.level(message, Duration::from_secs(second));
        assert_eq!(level("refused", 0), Level::Warn);
        assert_eq!(level("refused", 2), Level::Debug);
        assert_eq!(level("refused", 59), Level::Debug);
        assert_eq!(level("refused", 60), Level::Warn);
        assert_eq!(level("refused", 62), Level::Debug);
        assert_eq!(level("closed", 63), Level::Warn);
        assert_eq!(level("refused", 64), Level::Warn);
    }
}
