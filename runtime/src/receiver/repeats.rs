//! Keeps a receiver that fails every two seconds for a day from filling the log. Pure: asked with the time.
//!
//! Messages are the same to this when they differ in numbers or in quoted text alone: a peer that sends garbage is told of at a
//! new position, and with other bytes, each time that it is connected to.

use log::Level;
use std::collections::VecDeque;
use std::time::Duration;

/// A message that goes on repeating is a warning again after this long.
const REMIND: Duration = Duration::from_secs(60);

/// Kinds of messages that are remembered: two that take turns are no news either.
const REMEMBERED: usize = 8;

/// The kinds of messages that were last logged of a receiver, and when.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    logged: VecDeque<(String, Duration)>,
}

impl Repeats {
    /// At which level `message` has to be logged at time `now`: a warning when it is news, or after a minute of repetition.
    pub(super) fn level(&mut self, message: &str, now: Duration) -> Level {
        self.logged.retain(|(_, since)| now.saturating_sub(*since) < REMIND);
        let kind = kind(message);
        if self.logged.iter().any(|(logged, _)| *logged == kind) {
            return Level::Debug;
        }
        if self.logged.len() == REMEMBERED {
            self.logged.pop_front();
        }
        self.logged.push_back((kind, now));
        Level::Warn
    }
}

/// `message` without its numbers, and without what stands in quotes.
fn kind(message: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let outside = message.chars().filter(|c| {
        let shown = !quoted && !c.is_ascii_digit();
        quoted ^= *c == '"' && !escaped;
        escaped = quoted && *c == '\\' && !escaped;
        shown
    });
    outside.collect()
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
        assert_eq!(level("refused", 64), Level::Debug);
        assert_eq!(level("closed", 122), Level::Debug);
        assert_eq!(level("closed", 123), Level::Warn);
    }

    #[test]
    fn messages_that_differ_in_numbers_and_quoted_text_alone_are_repetitions() {
        let mut repeats = Repeats::default();
        let mut level = |message: &str| repeats.level(message, Duration::ZERO);
        assert_eq!(level(r#"a line of 12 bytes begins with "x""#), Level::Warn);
        assert_eq!(level(r#"a line of 7 bytes begins with "\"y\" or z""#), Level::Debug);
        assert_eq!(level(r#"a line of 7 bytes begins with "x", and ends"#), Level::Warn);
    }

    #[test]
    fn a_peer_that_thinks_of_ever_new_messages_is_remembered_within_bounds() {
        let mut repeats = Repeats::default();
        for n in 0..1000 {
            repeats.level(&"x".repeat(n), Duration::ZERO);
        }
        assert_eq!(repeats.logged.len(), REMEMBERED);
    }
}
