//! Rows: the values for the parameters of a statement.

use rusqlite::types::Value;

/// The values for the parameters of the statement, in their order: a tuple of up to eight, or a `Vec` of any number.
///
/// What a [`Value`] can be made of will do: integers up to `i64` and `u32`, floating point numbers, `String`, `Vec<u8>`, `bool`, and
/// an `Option` of each.
pub trait IntoRow {
    /// The values.
    fn into_row(self) -> Vec<Value>;
}

impl IntoRow for Vec<Value> {
    fn into_row(self) -> Vec<Value> {
        self
    }
}

macro_rules! tuples {
    ($(($($value:ident),+))+) => {$(
        impl<$($value: Into<Value>),+> IntoRow for ($($value,)+) {
            #[expect(non_snake_case, reason = "the values are called as their types are")]
            fn into_row(self) -> Vec<Value> {
                let ($($value,)+) = self;
                vec![$($value.into()),+]
            }
        }
    )+};
}

tuples! { (A) (A, B) (A, B, C) (A, B, C, D) (A, B, C, D, E) (A, B, C, D, E, F) (A, B, C, D, E, F, G) (A, B, C, D, E, F, G, H) }
