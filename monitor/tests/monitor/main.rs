//! The monitor of real running programs, seen from outside: over HTTP, and in a browser.
//!
//! The rows of Spark's suites on listeners, pages and scopes, and where each is tested (files of this folder, unless they have a path).
//!
//! | suite | row | here |
//! | --- | --- | --- |
//! | `StreamingListenerSuite` | batch info reporting | `spark`, `operators/tests/lifecycle/listening.rs`; what a batch reads: `operators/tests/lifecycle/inputs.rs`, `receivers/tests/files/rows.rs` |
//! | | receiver info reporting | `spark`: a receiver that ends with its error, and one that goes on; the events: `operators/tests/lifecycle/inputs.rs` |
//! | | output operation reporting | `spark`, `operators/tests/lifecycle/listening.rs` |
//! | | don't call ssc.stop in listener | `operators/tests/lifecycle/stopping_inside.rs` |
//! | | onBatchCompleted: successful, failed and one failed job, multiple failed jobs | `spark`, `monitor/src/store/tests.rs`, `operators/tests/lifecycle/listening.rs` |
//! | | receives no events after stopping | `operators/tests/lifecycle/listening.rs`, `runtime/src/event/bus.rs` |
//! | `StreamingJobProgressListenerSuite` | four rows | `monitor/src/store/tests.rs`; the limit over HTTP as well: `spark` |
//! | `UIUtilsSuite` | three rows | `monitor/src/format.rs`; what the page writes: `modules` |
//! | `UISeleniumSuite` | attaching and detaching a Streaming tab | `spark`, `browser`, `rest`; headings and columns: `live_page` |
//! | `DStreamScopeSuite` | six rows | `spark`: operators are named after the user's methods, compound ones by the outer name; their datasets have the user's line and no name of their own |
//! | `DStreamClosureSuite` | one row | `misuses/tests/compile_fail/`: a closure that could not be sent to a task does not compile |
//! | `ExecutorAllocationManagerSuite` | six rows | none: a program is one process with the cores that it is given; there are no executors to ask for or to give back, and so no such settings |
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod browser;
mod chromium;
mod document;
mod following;
mod live_page;
mod metrics;
mod modules;
mod queues;
mod rest;
mod safety;
mod spark;
mod support;
mod vendored;
