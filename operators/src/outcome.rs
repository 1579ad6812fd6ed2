//! What a user's closure on the driver side may return: what it made, or a `Result` of it.

use crate::rdd::Rdd;
use crate::record::Data;
use std::error::Error;
use waterwheel_runtime::error::{JobError, in_full};
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// The error of a closure of the user.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The result of a closure that is called for its effect: `()`, or a `Result<(), E>` with any error.
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

/// A dataset, or a `Result` of one with any error: what the function of `transform` returns.
#[diagnostic::on_unimplemented(
    message = "the closure has to return an `Rdd<U>` or a `Result<Rdd<U>, E>`, not `{Self}`"
)]
pub trait DatasetOutcome {
    /// What the dataset holds.
    type Record: Data;

    /// As a result.
    ///
    /// # Errors
    /// The closure's own.
    fn into_dataset(self) -> Result<Rdd<Self::Record>, BoxError>;
}

impl<T: Data> DatasetOutcome for Rdd<T> {
    type Record = T;

    fn into_dataset(self) -> Result<Rdd<T>, BoxError> {
        Ok(self)
    }
}

impl<T: Data, E: Into<BoxError>> DatasetOutcome for Result<Rdd<T>, E> {
    type Record = T;

    fn into_dataset(self) -> Result<Rdd<T>, BoxError> {
        self.map_err(Into::into)
    }
}

/// The error of a closure as a fault of the batch: that of an action which the closure passed on is told as it is, any other
/// with the operator's site.
pub(crate) fn told(error: BoxError, site: Site, batch: impl Into<Option<Time>>) -> JobError {
    match error.downcast::<JobError>() {
        Ok(job) => *job,
        Err(other) => JobError::Failed { site, batch: batch.into(), message: in_full(&*other) },
    }
}
