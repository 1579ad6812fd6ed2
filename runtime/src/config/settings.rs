//! The settings and their defaults.
//!
//! The last line of each field's documentation is compared with the table of keys by a test.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use bytesize::ByteSize;

use super::{CatchUp, Estimator, FailurePolicy, Gain, Secret};
use crate::time::seconds;

/// Everything that can be set about a streaming application.
///
/// Settings of one subject stand together in a section, which is a table of the same name in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The name of the application in logs, metrics and pages.
    ///
    /// Unit: text. Default: `waterwheel`. Spark: `spark.app.name`.
    pub app_name: String,

    /// How many tasks run at the same time: Spark's `local[n]`. A receiver occupies no core.
    ///
    /// Unit: threads. Default: as many as the machine has. Spark: `spark.master`.
    pub cores: usize,

    /// How many partitions an operation makes when nobody says.
    ///
    /// Unit: partitions. Default: as `cores`. Spark: `spark.default.parallelism`.
    pub default_parallelism: Option<usize>,

    /// How long a receiver fills a block before it starts the next one; each block of a batch becomes a partition.
    ///
    /// Unit: duration. Default: 200ms or the batch interval if shorter. Spark: `spark.streaming.blockInterval`.
    pub block_interval: Option<Duration>,

    /// How large a block grows before the next one is started ahead of time.
    ///
    /// Unit: bytes. Default: `8MiB`. Spark: none.
    pub block_max_bytes: ByteSize,

    /// How many finished blocks of a receiver may wait to be stored before it is held back.
    ///
    /// Unit: blocks. Default: `10`. Spark: `spark.streaming.blockQueueSize`.
    pub block_queue_size: usize,

    /// How many output operations run at the same time. Batches are still committed in order, and each output sees them in order.
    ///
    /// Unit: jobs. Default: `1`. Spark: `spark.streaming.concurrentJobs`.
    pub concurrent_jobs: usize,

    /// How often a task is attempted in all before its batch fails.
    ///
    /// Unit: attempts. Default: `4`. Spark: `spark.task.maxFailures`.
    pub task_max_failures: usize,

    /// What becomes of the application when a batch fails.
    ///
    /// Unit: policy. Default: `stop`. Spark: none.
    pub failure_policy: FailurePolicy,

    /// How long a graceful stop waits for received data to be processed before it stops anyway.
    ///
    /// Unit: duration. Default: 10 batch intervals, at least 10s. Spark: `spark.streaming.gracefulStopTimeout`.
    pub graceful_stop_timeout: Option<Duration>,

    /// Whether SIGTERM and Ctrl-C let received data be processed first. Deliberately not Spark's default, `false`.
    ///
    /// Unit: boolean. Default: `true`. Spark: `spark.streaming.stopGracefullyOnShutdown`.
    pub stop_gracefully_on_shutdown: bool,

    /// Whether SIGTERM and Ctrl-C stop the application; otherwise they are left to the program.
    ///
    /// Unit: boolean. Default: `true`. Spark: none.
    pub handle_signals: bool,

    /// How many batches may be waiting or running before further ones wait to be made.
    ///
    /// Unit: batches. Default: `1000`. Spark: none.
    pub max_pending_batches: usize,

    /// How long the data of a batch is kept at least. Never less than the operators need.
    ///
    /// Unit: duration. Default: what the operators need. Spark: none.
    pub remember: Option<Duration>,

    /// Section `checkpoint`: how what survives the application is written and taken up. In effect with a checkpoint directory.
    pub checkpoint: CheckpointConfig,

    /// Section `receiver`: how data comes in.
    pub receiver: ReceiverConfig,

    /// Section `backpressure`: how the rates of receivers follow from the batches that are done.
    pub backpressure: BackpressureConfig,

    /// Section `storage`: where blocks are kept.
    pub storage: StorageConfig,

    /// Section `ui`: what is shown of the application, and to whom. In effect when the application is monitored.
    pub ui: UiConfig,
}

/// Section `checkpoint`: how what survives the application is written and taken up. In effect with a checkpoint directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointConfig {
    /// How often batches become durable: those between two times go with the later one, and are run again after a crash.
    ///
    /// Unit: duration. Default: every batch. Spark: none.
    pub interval: Option<Duration>,

    /// What becomes of batches whose time came while the application was down.
    ///
    /// Unit: policy. Default: `coalesce`. Spark: none.
    pub catch_up: CatchUp,

    /// Whether the application starts although received records are gone, or have no stream in the program any more.
    ///
    /// Unit: boolean. Default: `false`. Spark: none.
    pub accept_loss: bool,

    /// Whether every commit waits for the disk. Without it a crash of the machine (not of the application) may lose the last of them.
    ///
    /// Unit: boolean. Default: `true`. Spark: none.
    pub sync: bool,
}

/// Section `receiver`: how data comes in. Limits are per receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiverConfig {
    /// How fast a receiver may accept records; `0` does not limit it either.
    ///
    /// Unit: records per second. Default: not limited. Spark: `spark.streaming.receiver.maxRate`.
    pub max_rate: Option<u64>,

    /// How long a receiver that ended rests before it is started again. While it stores nothing the pauses grow, to four times this.
    ///
    /// Unit: duration. Default: `2s`. Spark: `spark.streaming.receiverRestartDelay`.
    pub restart_delay: Duration,

    /// How much received and not yet processed data a receiver may have. Beyond it the receiver waits.
    ///
    /// Unit: bytes. Default: `512MiB`. Spark: none.
    pub max_pending: ByteSize,

    /// How much a receiver that spills may have in files and not yet processed. Beyond it the receiver waits.
    ///
    /// Unit: bytes. Default: `1GiB`. Spark: none.
    pub max_spill: ByteSize,

    /// Whether the records of received blocks are kept in the checkpoint directory until their batch is committed.
    ///
    /// Unit: boolean. Default: `true`. Spark: `spark.streaming.receiver.writeAheadLog.enable`.
    pub block_log: bool,

    /// How many arbiters, each a thread, run the receivers.
    ///
    /// Unit: threads. Default: 1. Spark: none.
    pub threads: Option<usize>,

    /// How long a receiver that stores for good (`store_reliably`) waits for its block to be stored before it is told that it was
    /// not. Storing itself goes on; what waits to be taken in waits without this limit. A block that is waited for is cut after half of
    /// this, so that no block interval is too long for it.
    ///
    /// Unit: duration. Default: `30s`. Spark: `spark.streaming.receiver.blockStoreTimeout`.
    pub store_timeout: Duration,

    /// The longest line of text that is accepted as a record.
    ///
    /// Unit: bytes. Default: `1MiB`. Spark: none.
    pub max_line: ByteSize,

    /// The longest serialised block that is accepted from a raw socket, and the most memory that its records may take. What they own
    /// beside their own sizes (text, lists, boxes) may take four times as much.
    ///
    /// Unit: bytes. Default: `16MiB`. Spark: none.
    pub max_raw_block: ByteSize,
}

/// Section `backpressure`: how the rates of receivers follow from the batches that are done. Rates are per receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackpressureConfig {
    /// How the rates are found. Deliberately not Spark's default, which is to find none (`spark.streaming.backpressure.enabled`).
    ///
    /// Unit: policy. Default: `service_time`. Spark: `spark.streaming.backpressure.rateEstimator`.
    pub estimator: Estimator,

    /// The rate before a batch is done.
    ///
    /// Unit: records per second. Default: 100, 10,000 of a stream that sheds, not limited with `pid`. Spark: `spark.streaming.backpressure.initialRate`.
    pub initial_rate: Option<u64>,

    /// The rate below which no estimator holds a receiver. While three batches wait to be computed, nothing is let in all the same.
    ///
    /// Unit: records per second. Default: `100`. Spark: `spark.streaming.backpressure.pid.minRate`.
    pub min_rate: u64,

    /// How much `pid` answers to a rate that was too high or too low.
    ///
    /// Unit: number. Default: `1`. Spark: `spark.streaming.backpressure.pid.proportional`.
    pub pid_proportional: Gain,

    /// How much `pid` answers to the waiting that has added up.
    ///
    /// Unit: number. Default: `0.2`. Spark: `spark.streaming.backpressure.pid.integral`.
    pub pid_integral: Gain,

    /// How much `pid` answers to changes.
    ///
    /// Unit: number. Default: `0`. Spark: `spark.streaming.backpressure.pid.derived`.
    pub pid_derived: Gain,
}

/// Section `storage`: where blocks are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageConfig {
    /// How much memory blocks may take before they spill to disk.
    ///
    /// Unit: bytes. Default: `1GiB`. Spark: none.
    pub memory: ByteSize,

    /// The directory that blocks spill to.
    ///
    /// Unit: path. Default: the system's temporary directory. Spark: `spark.local.dir`.
    pub dir: Option<PathBuf>,
}

/// Section `ui`: what is shown of the application, and to whom. In effect when the application is monitored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UiConfig {
    /// How many completed batches are kept to be shown.
    ///
    /// Unit: batches. Default: `1000`. Spark: `spark.streaming.ui.retainedBatches`.
    pub retained_batches: usize,

    /// Whether a monitored application serves its page.
    ///
    /// Unit: boolean. Default: `true`. Spark: `spark.ui.enabled`.
    pub enabled: bool,

    /// Where the page is served. If the port is taken, the next free one of the sixteen behind it is, or else any; 0 is any free port.
    ///
    /// Unit: address. Default: `127.0.0.1:4040`. Spark: `spark.ui.port`.
    pub bind: SocketAddr,

    /// What whoever looks has to know. Without it the page is served to this machine only.
    ///
    /// Unit: secret. Default: none. Spark: none.
    pub token: Option<Secret>,

    /// Whether the application can be stopped over HTTP. Deliberately not Spark's default, `true`.
    ///
    /// Unit: boolean. Default: `false`. Spark: `spark.ui.killEnabled`.
    pub allow_stop: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            app_name: "waterwheel".to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            default_parallelism: None,
            block_interval: None,
            block_max_bytes: ByteSize::mib(8),
            block_queue_size: 10,
            concurrent_jobs: 1,
            task_max_failures: 4,
            failure_policy: FailurePolicy::Stop,
            graceful_stop_timeout: None,
            stop_gracefully_on_shutdown: true,
            handle_signals: true,
            max_pending_batches: 1000,
            remember: None,
            checkpoint: CheckpointConfig::default(),
            receiver: ReceiverConfig::default(),
            backpressure: BackpressureConfig::default(),
            storage: StorageConfig::default(),
            ui: UiConfig::default(),
        }
    }
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        CheckpointConfig { interval: None, catch_up: CatchUp::Coalesce, accept_loss: false, sync: true }
    }
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        ReceiverConfig {
            max_rate: None,
            restart_delay: seconds(2),
            max_pending: ByteSize::mib(512),
            max_spill: ByteSize::gib(1),
            block_log: true,
            threads: None,
            store_timeout: seconds(30),
            max_line: ByteSize::mib(1),
            max_raw_block: ByteSize::mib(16),
        }
    }
}

impl Default for StorageConfig {
    fn default() -> Self {
        StorageConfig { memory: ByteSize::gib(1), dir: None }
    }
}

impl Default for UiConfig {
    fn default() -> Self {
        let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 4040));
        UiConfig { retained_batches: 1000, enabled: true, bind, token: None, allow_stop: false }
    }
}
