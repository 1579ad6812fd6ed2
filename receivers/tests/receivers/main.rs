//! What programs see of the sources: whole contexts, started, fed, disturbed and stopped.
//!
//! One binary for all, which is quicker to link than one per source. Nothing sleeps: tests turn a manual clock, or wait with a
//! deadline for what the program does.
//!
//! The rows of Spark's suites on receivers and blocks, and where each is tested (files of this folder, unless they have a path):
//!
//! | suite | row | here |
//! | --- | --- | --- |
//! | `ReceiverSuite` | receiver life cycle | `restarting`, `lifecycle`, `reliable`; the order of events in the first test of `restarting` |
//! | | block generator throttling | `back_pressure`, `runtime/src/receiver/limiter.rs` |
//! | | write ahead log: generating and cleaning | `retention`, `operators/tests/recovery/blocks.rs` |
//! | `ReceiverInputDStreamSuite` | without WAL: no block info, with block info | `blocks` |
//! | | without WAL: filters blocks that do not exist | none: a block is in the ledger only when it is stored; one that is gone after a crash is told (`operators/tests/recovery/blocks.rs`) |
//! | | with WAL: three rows | `operators/tests/recovery/blocks.rs` |
//! | `BlockGeneratorSuite` | block generation and data callbacks | `blocks`, `runtime/src/receiver/assembler.rs`; metadata is the position of `reliable` |
//! | | stop ensures correct shutdown | `stopping`, `runtime/src/receiver/intake/tests.rs` |
//! | | block push errors are reported | the last test of `reliable` |
//! | `RateLimiterSuite` | three rows | `runtime/src/receiver/limiter.rs` |
//! | `RecurringTimerSuite` | basic | `runtime/src/time/point.rs`, `runtime/src/batch/ticks.rs`; a block interval that was missed has no block, so nothing is to be made up for |
//! | | callback after stopping | none: the last block is cut by the stop itself, not by a timer (`stopping`) |
//! | `ReceivedBlockHandlerSuite` | store blocks, handle errors, block that does not fit | `runtime/src/block/store/tests.rs`; a receiver waits for room instead (`back_pressure`) |
//! | | with the log; clean old blocks | `operators/tests/recovery/blocks.rs` |
//! | | count messages | `blocks`; every block has its count, there is none of unknown size |
//! | `ReceivedBlockTrackerSuite` | seven rows | `runtime/src/block/ledger/tests.rs`, `runtime/src/durable/tests/` |
//! | `ReceiverTrackerSuite` | send rate update to receivers | `runtime/src/receiver/intake/tests.rs`: one intake, and so one limit, for all handles |
//! | | should restart receiver after stopping it | `restarting` |
//! | | preferred locations, allocated executors | none: one process, no executors |
//! | `ReceiverSchedulingPolicySuite` | nine rows | none: receivers are not scheduled on executors |
//! | `InputInfoTrackerSuite` | report and get, clean up | the counts travel with the allocation: `runtime/src/block/ledger/tests.rs`, `blocks` |
//! | `JobGeneratorSuite` | SPARK-6222 | `runtime/src/block/ledger/tests.rs` |
//! | `StreamingContextSuite` | stop gracefully (three rows) | `stopping` |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy knows that of the test functions only"
)]

mod actors;
mod back_pressure;
mod blocking;
mod blocks;
mod flow;
mod generator;
mod hostile;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod http_client;
#[cfg(feature = "http")]
mod http_faults;
#[cfg(feature = "http")]
mod http_pressure;
mod input_streams;
mod lifecycle;
mod queue;
mod raw;
mod reliable;
mod remote;
mod restarting;
mod retention;
mod shutdown;
mod socket;
mod socket_faults;
mod stopping;
mod storing;
mod support;
mod throttling;
mod timers;
