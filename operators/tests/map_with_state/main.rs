//! `map_with_state`: on the data of Spark's `MapWithStateSuite` and `MapWithStateRDDSuite`, and against a model.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
mod failing;
mod oracle;
mod rows;
mod streams;
mod timeouts;
