//! What a user's closure that does something may return.

use std::error::Error;

/// The error of a closure of the user.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// `()`, or a `Result<(), E>` with any error.
pub trait Outcome {
    /// As a result.
    ///
    /// # Errors
    /// The closure's own.
    fn into_result(self) -> Result<(), BoxError>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> Outcome for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}
