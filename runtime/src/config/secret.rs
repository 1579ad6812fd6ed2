//! A setting that is not to be read over somebody's shoulder.

use std::fmt;

/// A text that no message, log or page shows.
///
/// ```
/// use waterwheel_runtime::config::Secret;
///
/// let token = Secret::from("open sesame");
/// assert_eq!(format!("{token:?}"), "***");
/// assert!(token.is(b"open sesame") && !token.is(b"open"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Whether `guess` is it. How long the answer takes says nothing of how much of the guess is right.
    pub fn is(&self, guess: &[u8]) -> bool {
        let known = self.0.as_bytes();
        let different = known.iter().zip(guess).fold(0u8, |different, (one, other)| different | (one ^ other));
        different == 0 && known.len() == guess.len()
    }

    /// Whether there is nothing in it.
    pub(super) fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Secret {
        Secret(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
