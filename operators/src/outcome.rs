//! What a closure that is called for its effect may return: nothing, or a `Result`.

use std::error::Error;

/// The error of a closure of the user.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The result of a closure that is called for its effect: `()`, or a `Result<(), E>` whose error fails the task.
///
/// ```
/// use waterwheel_operators::outcome::Outcome;
///
/// assert!(().into_result().is_ok());
/// let refused: Result<(), String> = Err("the disk is full".to_owned());
/// assert_eq!(refused.into_result().map_err(|error| error.to_string()), Err("the disk is full".to_owned()));
/// ```
#[diagnostic::on_unimplemented(
    message = "the closure has to return `()` or a `Result<(), E>`, not `{Self}`",
    note = "end the closure with a semicolon to ignore the value"
)]
pub trait Outcome {
    /// Whether it went well.
    ///
    /// # Errors
    /// The closure's own error.
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
