//! The life of a context: starting, waiting, stopping, failing, telling. Spark's `StreamingContextSuite` and
//! `StreamingListenerSuite`, as far as our design has the row.

mod common;
mod engines;
mod failing;
mod listening;
mod misuse;
mod order;
mod stopping;
mod stopping_gracefully;
mod stopping_inside;
