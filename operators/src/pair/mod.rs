//! Operators on streams of (key, value).

mod reduce_by_key;
