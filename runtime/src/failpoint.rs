//! Named places at which a test can have the process fail or die.
//!
//! Without the feature `failpoints` a call is nothing at all. With it, the `fail` crate says what happens there.

/// Passes the place called `name`.
#[inline]
pub fn fail_point(name: &'static str) {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(name);
    #[cfg(not(feature = "failpoints"))]
    let _ = name;
}
