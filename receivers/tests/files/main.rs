//! Streams of files: whole programs on a manual clock over real directories.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking; clippy knows that of the test functions only"
)]
#![expect(clippy::disallowed_methods, reason = "tests write, rename and remove the files that programs read")]

mod failures;
mod lost;
mod pressure;
mod rows;
mod settling;
mod strange;
mod support;
mod tail;
mod ten_thousand;
