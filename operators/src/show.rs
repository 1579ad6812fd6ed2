//! The text form of records, as `print` and `save_as_text_files` write them.

use std::fmt;

/// A record's text form: a string as it is, a pair as `(hello,1)`, a list as `[a, b]`.
///
/// For your own types, [`show_as_display!`](crate::show_as_display) and [`show_as_debug!`](crate::show_as_debug) take what is
/// there already:
///
/// ```
/// use waterwheel_operators::{prelude::*, show_as_debug};
///
/// #[derive(Debug)]
/// struct Reading(u32);
/// show_as_debug!(Reading);
///
/// assert_eq!(("roof".to_owned(), Reading(7)).to_text(), "(roof,Reading(7))");
/// ```
pub trait Show {
    /// Writes the text form.
    ///
    /// # Errors
    /// Only those of the formatter.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The text form as a string.
    fn to_text(&self) -> String {
        Shown(self).to_string()
    }
}

/// Displays a record in its text form.
pub struct Shown<'a, T: ?Sized>(pub &'a T);

impl<T: Show + ?Sized> fmt::Display for Shown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

/// Shows types as their `Display`.
#[macro_export]
macro_rules! show_as_display {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::show::Show for $type {
            fn show(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }
    )+};
}

/// Shows types as their `Debug`.
#[macro_export]
macro_rules! show_as_debug {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::show::Show for $type {
            fn show(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(self, f)
            }
        }
    )+};
}

show_as_display!(
    bool,
    char,
    str,
    String,
    compact_str::CompactString,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    waterwheel_runtime::time::Time,
);
// `Debug` keeps the point in 1.0.
show_as_debug!(f32, f64, (), std::time::Duration);

impl<T: Show + ?Sized> Show for &T {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).show(f)
    }
}

impl<T: Show + ?Sized> Show for Box<T> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).show(f)
    }
}

impl<T: Show + ?Sized> Show for std::sync::Arc<T> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).show(f)
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => write!(f, "Some({})", Shown(value)),
            None => f.write_str("None"),
        }
    }
}

impl<T: Show> Show for [T] {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (position, value) in self.iter().enumerate() {
            f.write_str(if position == 0 { "" } else { ", " })?;
            value.show(f)?;
        }
        f.write_str("]")
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().show(f)
    }
}

macro_rules! show_tuple {
    ($first:ident $(, $rest:ident)*) => {
        impl<$first: Show $(, $rest: Show)*> Show for ($first, $($rest,)*) {
            #[allow(non_snake_case, reason = "one variable per type parameter, by its name")]
            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let ($first, $($rest,)*) = self;
                write!(f, "({}", Shown($first))?;
                $(write!(f, ",{}", Shown($rest))?;)*
                f.write_str(")")
            }
        }
    };
}

show_tuple!(A);
show_tuple!(A, B);
show_tuple!(A, B, C);
show_tuple!(A, B, C, D);
show_tuple!(A, B, C, D, E);
show_tuple!(A, B, C, D, E, F);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_text_form_of_the_guide() {
        assert_eq!(("hello".to_owned(), 1u64).to_text(), "(hello,1)");
        assert_eq!(("a", (Some(1), None::<i32>)).to_text(), "(a,(Some(1),None))");
        assert_eq!(("a", vec![1, 1], vec!["x"]).to_text(), "(a,[1, 1],[x])");
        assert_eq!((1.0, true, 'c').to_text(), "(1.0,true,c)");
        assert_eq!(compact_str::CompactString::from("wheel").to_text(), "wheel");
    }
}
