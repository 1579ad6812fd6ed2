//! What programs see of the sources: whole contexts, started, fed, disturbed and stopped.
//!
//! One binary for all, which is quicker to link than one per source. Nothing sleeps: tests turn a manual clock, or wait with a
//! deadline for what the program does.
//!
//! The rows of Spark's suites on receivers and blocks, and where each is tested (files of this folder, unless they have a path). All
//! of them are on a clock that is turned by hand, those with sockets and threads of their own as well: they wait until the records are
//! there and turn it then. On the machine's clock, with short batches, are only tests of what Spark has no row for: of peers that
//! fail, flood or linger and connect again and again (`http`, `raw`, `remote`, `hostile`, `socket_faults`), of sources that Spark does
//! not have (`actors`, `generator`), and two of `back_pressure`, which are about the sender's and the timers' own time.
//!
//! | suite | row | here |
//! | --- | --- | --- |
//! | `InputStreamsSuite` | socket input stream, and with no block in a batch | `socket` |
//! | | multi-thread receiver | `blocking`; with handles instead of threads that block: `lifecycle` |
//! | | queue input stream: two rows | `queue` |
//! | | track the number of input stream | `input_streams` |
//! | | file and binary streams: five rows | `receivers/tests/files/rows.rs` |
//! | `ReceiverSuite` | receiver life cycle | `restarting`, `lifecycle`, `reliable`; the order of events in the first test of `restarting` |
//! | | block generator throttling | `throttling`; the arithmetic alone: `runtime/src/receiver/limiter.rs` |
//! | | write ahead log: generating and cleaning | `retention`, `operators/tests/recovery/blocks.rs` |
//! | `ReceiverInputDStreamSuite` | without WAL: no block info, with block info | `blocks` |
//! | | without WAL: filters blocks that do not exist | none: a block is in the ledger only when it is stored; one that is gone after a crash is told (`operators/tests/recovery/blocks.rs`) |
//! | | with WAL: three rows | `operators/tests/recovery/blocks.rs` |
//! | `BlockGeneratorSuite` | block generation and data callbacks | `blocks`, `runtime/src/receiver/assembler.rs`; metadata is the position of `reliable` |
//! | | stop ensures correct shutdown | `shutdown` |
//! | | block push errors are reported | the last test of `reliable` |
//! | `RateLimiterSuite` | three rows | `runtime/src/receiver/intake/tests.rs` |
//! | `RecurringTimerSuite` | basic | `timers`; a block interval that was missed has no block, so nothing is to be made up for |
//! | | callback after stopping | none: the last block is cut by the stop itself, not by a timer (`timers`) |
//! | `ReceivedBlockHandlerSuite` | store blocks, without the log and with it | `storing` |
//! | | handle errors in storing block | `storing`; when there is no room yet, the receiver waits (`back_pressure`) |
//! | | clean old blocks | `operators/tests/recovery/blocks.rs` |
//! | | count messages | `storing`; every block has its count, there is none of unknown size |
//! | | isFullyConsumed | `storing`; with the log also where Spark refuses a block because even its bytes have no room |
//! | `ReceivedBlockTrackerSuite` | seven rows | `runtime/src/block/ledger/tests.rs`, `runtime/src/durable/tests/` |
//! | `ReceiverTrackerSuite` | send rate update to receivers | `runtime/src/receiver/intake/tests.rs`: one intake, and so one limit, for all handles |
//! | | should restart receiver after stopping it | `restarting` |
//! | | preferred locations, allocated executors | none: one process, no executors |
//! | `ReceiverSchedulingPolicySuite` | nine rows | none: receivers are not scheduled on executors |
//! | `InputInfoTrackerSuite` | report and get, clean up | the counts travel with the allocation: `runtime/src/block/ledger/tests.rs`, `blocks` |
//! | `JobGeneratorSuite` | SPARK-6222 | `runtime/src/block/ledger/tests.rs` |
//! | `RateControllerSuite` | two rows | `flow`, `runtime/src/flow/controller.rs` |
//! | `PIDRateEstimatorSuite` | eleven rows | `runtime/src/flow/pid.rs`, the right estimator: `runtime/src/flow/controller.rs` |
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
