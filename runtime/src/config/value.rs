//! How a setting of each type is read, shown and checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::{CatchUp, Estimator, FailurePolicy, Gain, Secret};

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What can be written for it, for people.
    const FORM: &str;
    /// The least value of a setting that must not be zero, for people.
    const LEAST: &str;

    /// Reads it from an environment variable.
    fn from_text(text: &str) -> Option<Self>;

    /// Reads it from a TOML value; a string, unless the type says otherwise.
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_str().and_then(Self::from_text)
    }

    /// As it could be written; `None` if it is not set.
    fn show(&self) -> Option<String>;

    /// Whether it is at least [`LEAST`](Value::LEAST).
    fn is_above_zero(&self) -> bool;
}

/// A setting whose type has been forgotten, so that all settings fit in one table.
pub(super) trait Field {
    /// Takes the value of an environment variable; `false` if it is not one for this type.
    #[must_use]
    fn read_text(&mut self, text: &str) -> bool;
    /// Takes a TOML value; `false` if it is not one for this type.
    #[must_use]
    fn read_toml(&mut self, value: &toml::Value) -> bool;
    fn shown(&self) -> Option<String>;
    fn above_zero(&self) -> bool;
    fn form(&self) -> &'static str;
    fn least(&self) -> &'static str;
}

impl<T: Value> Field for T {
    fn read_text(&mut self, text: &str) -> bool {
        T::from_text(text).map(|value| *self = value).is_some()
    }

    fn read_toml(&mut self, value: &toml::Value) -> bool {
        T::from_toml(value).map(|value| *self = value).is_some()
    }

    fn shown(&self) -> Option<String> {
        self.show()
    }

    fn above_zero(&self) -> bool {
        self.is_above_zero()
    }

    fn form(&self) -> &'static str {
        T::FORM
    }

    fn least(&self) -> &'static str {
        T::LEAST
    }
}

/// Not set is written by leaving the setting out.
impl<T: Value> Value for Option<T> {
    const FORM: &str = T::FORM;
    const LEAST: &str = T::LEAST;

    fn from_text(text: &str) -> Option<Self> {
        T::from_text(text).map(Some)
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        T::from_toml(value).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }

    fn is_above_zero(&self) -> bool {
        self.as_ref().is_none_or(T::is_above_zero)
    }
}

macro_rules! whole_number {
    ($number:ty) => {
        impl Value for $number {
            const FORM: &str = "a whole number";
            const LEAST: &str = "at least 1";

            fn from_text(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }

            fn from_toml(value: &toml::Value) -> Option<Self> {
                value.as_integer().and_then(|number| number.try_into().ok())
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }

            fn is_above_zero(&self) -> bool {
                *self > 0
            }
        }
    };
}

whole_number!(usize);
whole_number!(u64);

impl Value for bool {
    const FORM: &str = "true or false";
    const LEAST: &str = "";

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn is_above_zero(&self) -> bool {
        true
    }
}

impl Value for String {
    const FORM: &str = "a text";
    const LEAST: &str = "not empty";

    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(self.clone())
    }

    fn is_above_zero(&self) -> bool {
        !self.trim().is_empty()
    }
}

impl Value for Secret {
    const FORM: &str = "a text";
    const LEAST: &str = "not empty";

    fn from_text(text: &str) -> Option<Self> {
        Some(Secret::from(text))
    }

    /// Whatever it is: it must not get into messages, nor into a checkpoint directory.
    fn show(&self) -> Option<String> {
        Some("***".to_owned())
    }

    fn is_above_zero(&self) -> bool {
        !self.is_blank()
    }
}

impl Value for SocketAddr {
    const FORM: &str = "an address such as \"127.0.0.1:4040\"";
    const LEAST: &str = "";

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn is_above_zero(&self) -> bool {
        true
    }
}

impl Value for PathBuf {
    const FORM: &str = "a path";
    const LEAST: &str = "not empty";

    fn from_text(text: &str) -> Option<Self> {
        Some(PathBuf::from(text))
    }

    fn show(&self) -> Option<String> {
        Some(self.display().to_string())
    }

    fn is_above_zero(&self) -> bool {
        !self.as_os_str().is_empty()
    }
}

impl Value for Duration {
    const FORM: &str = "a duration such as \"200ms\" or \"1m 30s\"";
    const LEAST: &str = "at least 1ms";

    fn from_text(text: &str) -> Option<Self> {
        humantime::parse_duration(text.trim()).ok()
    }

    fn show(&self) -> Option<String> {
        Some(humantime::format_duration(*self).to_string())
    }

    /// Time is counted in whole milliseconds.
    fn is_above_zero(&self) -> bool {
        self.as_millis() > 0
    }
}

impl Value for ByteSize {
    const FORM: &str = "a size such as \"256MiB\" or a number of bytes";
    const LEAST: &str = "at least 1 byte";

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::Integer(bytes) => u64::try_from(*bytes).ok().map(ByteSize),
            other => other.as_str().and_then(Self::from_text),
        }
    }

    /// Exact, in the largest 1024-based unit that divides it; `ByteSize`'s own display rounds.
    fn show(&self) -> Option<String> {
        let units = [(bytesize::GIB, "GiB"), (bytesize::MIB, "MiB"), (bytesize::KIB, "KiB")];
        let unit = units.into_iter().find(|(unit, _)| self.0 > 0 && self.0.is_multiple_of(*unit));
        Some(unit.map_or_else(|| format!("{}B", self.0), |(unit, name)| format!("{}{name}", self.0 / unit)))
    }

    fn is_above_zero(&self) -> bool {
        self.0 > 0
    }
}

impl Value for CatchUp {
    const FORM: &str = CatchUp::FORMS;
    const LEAST: &str = "";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn is_above_zero(&self) -> bool {
        true
    }
}

impl Value for Estimator {
    const FORM: &str = Estimator::FORMS;
    const LEAST: &str = "";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn is_above_zero(&self) -> bool {
        true
    }
}

impl Value for Gain {
    const FORM: &str = "a number, 0 or more";
    const LEAST: &str = "above 0";

    fn from_text(text: &str) -> Option<Self> {
        text.trim().parse().ok().and_then(Gain::new)
    }

    fn from_toml(value: &toml::Value) -> Option<Self> {
        let whole = || value.as_integer().map(|number| number as f64);
        value.as_float().or_else(whole).and_then(Gain::new)
    }

    fn show(&self) -> Option<String> {
        Some(self.get().to_string())
    }

    fn is_above_zero(&self) -> bool {
        self.get() > 0.0
    }
}

impl Value for FailurePolicy {
    const FORM: &str = FailurePolicy::FORMS;
    const LEAST: &str = "at least 1 attempt";

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn is_above_zero(&self) -> bool {
        !matches!(self, FailurePolicy::Retry { attempts: 0, .. })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::{milliseconds, minutes};

    #[test]
    fn texts_are_read_by_type() {
        assert_eq!(usize::from_text(" 4 "), Some(4));
        assert_eq!(bool::from_text("false"), Some(false));
        assert_eq!(Duration::from_text("1m 30s"), Some(minutes(1) + milliseconds(30_000)));
        assert_eq!(ByteSize::from_text("256MiB"), Some(ByteSize::mib(256)));
        assert_eq!(ByteSize::from_text("256MB"), Some(ByteSize::mb(256)));
        assert_eq!(ByteSize::from_text("4096"), Some(ByteSize(4096)));
        assert_eq!(Option::<u64>::from_text("0"), Some(Some(0)));
    }

    #[test]
    fn wrong_texts_are_refused_by_type() {
        for text in ["", "-1", "1.5", "ten"] {
            assert_eq!(usize::from_text(text), None, "{text}");
            assert_eq!(Option::<u64>::from_text(text), None, "{text}");
        }
        for text in ["", "200", "-200ms", "200 bananas"] {
            assert_eq!(Duration::from_text(text), None, "{text}");
        }
        for text in ["", "-1", "-8MiB", "8 bananas"] {
            assert_eq!(ByteSize::from_text(text), None, "{text}");
        }
        assert_eq!(bool::from_text("yes"), None);
    }

    #[test]
    fn toml_values_keep_their_types() {
        let text = |text: &str| toml::Value::from(text);
        assert_eq!(usize::from_toml(&toml::Value::from(4)), Some(4));
        assert_eq!(usize::from_toml(&toml::Value::from(-4)), None);
        assert_eq!(usize::from_toml(&text("4")), None);
        assert_eq!(bool::from_toml(&text("true")), None);
        assert_eq!(Duration::from_toml(&toml::Value::from(200)), None);
        assert_eq!(Duration::from_toml(&text("200ms")), Some(milliseconds(200)));
        assert_eq!(ByteSize::from_toml(&toml::Value::from(4096)), Some(ByteSize(4096)));
        assert_eq!(ByteSize::from_toml(&toml::Value::from(-1)), None);
        assert_eq!(String::from_toml(&toml::Value::from(1)), None);
        assert_eq!(Gain::from_toml(&toml::Value::from(2)), Gain::new(2.0));
        assert_eq!(Gain::from_toml(&toml::Value::from(0.2)), Gain::new(0.2));
        assert_eq!(Gain::from_toml(&toml::Value::from(-0.2)), None);
    }

    proptest! {
        #[test]
        fn shown_sizes_and_durations_read_back(bytes in 0..u64::MAX, millis in 0..u64::from(u32::MAX)) {
            for size in [ByteSize(bytes), ByteSize::mib(bytes % 1_000)] {
                prop_assert_eq!(ByteSize::from_text(&size.show().unwrap()), Some(size));
            }
            let duration = milliseconds(millis);
            prop_assert_eq!(Duration::from_text(&duration.show().unwrap()), Some(duration));
        }
    }
}
