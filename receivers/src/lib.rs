//! Part of Waterwheel.
