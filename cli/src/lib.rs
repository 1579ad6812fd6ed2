//! A look into checkpoint directories and at running applications, for those who run pipelines: what `waterwheel inspect`,
//! `verify`, `state` and `top` do.
//!
//! Nothing is ever changed, and the application may be running. Keys and values are read by the shapes that are recorded beside
//! them ([`value`]), without the program that wrote them.

pub mod contents;
pub mod dump;
pub mod inspect;
pub mod looking;
pub mod top;
pub mod value;
pub mod verify;

use std::time::{Duration, UNIX_EPOCH};
use waterwheel_runtime::time::Time;

/// A time for people: the date, and the milliseconds that it has in logs.
pub(crate) fn date(time: Time) -> String {
    let since =
        u64::try_from(time.millis()).ok().and_then(|millis| UNIX_EPOCH.checked_add(Duration::from_millis(millis)));
    // Dates after the year 9999 cannot be written.
    match since.filter(|_| time.millis() < 253_402_300_800_000) {
        Some(date) => format!("{} ({time})", humantime::format_rfc3339_millis(date)),
        None => time.to_string(),
    }
}

/// Bytes for people.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number of things for people.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
