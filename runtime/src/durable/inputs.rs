//! What the records of received blocks, and the ranges of replayable sources, consist of: stored bytes do not say it themselves.

use crate::state::{TypeDifference, TypeSchema, compare};
use std::collections::BTreeMap;
use thiserror::Error;

/// A stream whose stored input the program cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "what the stream {name:?} left in the checkpoint was written as {}, and the program reads it as {} ({difference}): restore the type, or give the stream another name (`.named(..)`) to begin with nothing",
    stored.type_name, current.type_name
)]
pub struct ChangedInput {
    /// The stream.
    pub name: String,
    /// What is stored.
    pub stored: TypeSchema,
    /// What the program has.
    pub current: TypeSchema,
    /// The first difference.
    pub difference: TypeDifference,
}

/// Whether a program whose input streams have the types `current` can read what those of `stored` left. Streams that left nothing,
/// by `has_left`, may have any type.
///
/// ```
/// use std::collections::BTreeMap;
/// use waterwheel_runtime::durable::check_inputs;
/// use waterwheel_runtime::state::TypeSchema;
///
/// let stored = BTreeMap::from([("clicks".to_owned(), TypeSchema::of::<u32>())]);
/// let current = BTreeMap::from([("clicks".to_owned(), TypeSchema::of::<i32>())]);
/// assert!(check_inputs(&stored, &current, |_| false).is_ok());
/// let error = check_inputs(&stored, &current, |_| true).unwrap_err();
/// assert_eq!(error.name, "clicks");
/// ```
///
/// # Errors
/// The first stream whose type is another.
pub fn check_inputs(
    stored: &BTreeMap<String, TypeSchema>,
    current: &BTreeMap<String, TypeSchema>,
    has_left: impl Fn(&str) -> bool,
) -> Result<(), Box<ChangedInput>> {
    for (name, current) in current.iter().filter(|(name, _)| has_left(name)) {
        let Some(stored) = stored.get(name) else { continue };
        if let Err(difference) = compare(stored, current) {
            let (name, stored, current) = (name.clone(), stored.clone(), current.clone());
            return Err(Box::new(ChangedInput { name, stored, current, difference }));
        }
    }
    Ok(())
}
