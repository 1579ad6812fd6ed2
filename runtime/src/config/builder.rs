//! Setters that can be chained, one per field.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

use super::{
    BackpressureConfig, CatchUp, CheckpointConfig, Config, Estimator, FailurePolicy, Gain, ReceiverConfig, Secret,
    StorageConfig, UiConfig,
};

macro_rules! setters {
    ($config:ident { $($setter:ident($field:ident: $value:ty)),+ $(,)? }) => {
        impl $config {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $setter(mut self, $field: $value) -> Self {
                    self.$field = $field.into();
                    self
                }
            )+
        }
    };
}

setters!(Config {
    with_app_name(app_name: impl Into<String>),
    with_cores(cores: usize),
    with_default_parallelism(default_parallelism: usize),
    with_block_interval(block_interval: Duration),
    with_block_max_bytes(block_max_bytes: ByteSize),
    with_block_queue_size(block_queue_size: usize),
    with_concurrent_jobs(concurrent_jobs: usize),
    with_task_max_failures(task_max_failures: usize),
    with_failure_policy(failure_policy: FailurePolicy),
    with_graceful_stop_timeout(graceful_stop_timeout: Duration),
    with_stop_gracefully_on_shutdown(stop_gracefully_on_shutdown: bool),
    with_handle_signals(handle_signals: bool),
    with_max_pending_batches(max_pending_batches: usize),
    with_remember(remember: Duration),
    with_checkpoint(checkpoint: CheckpointConfig),
    with_receiver(receiver: ReceiverConfig),
    with_backpressure(backpressure: BackpressureConfig),
    with_storage(storage: StorageConfig),
    with_ui(ui: UiConfig),
});

setters!(CheckpointConfig {
    with_interval(interval: Duration),
    with_catch_up(catch_up: CatchUp),
    with_accept_loss(accept_loss: bool),
    with_sync(sync: bool),
});

setters!(ReceiverConfig {
    with_max_rate(max_rate: u64),
    with_restart_delay(restart_delay: Duration),
    with_max_pending(max_pending: ByteSize),
    with_max_spill(max_spill: ByteSize),
    with_block_log(block_log: bool),
    with_threads(threads: usize),
    with_store_timeout(store_timeout: Duration),
    with_max_line(max_line: ByteSize),
    with_max_raw_block(max_raw_block: ByteSize),
});

setters!(BackpressureConfig {
    with_estimator(estimator: Estimator),
    with_initial_rate(initial_rate: u64),
    with_min_rate(min_rate: u64),
    with_pid_proportional(pid_proportional: Gain),
    with_pid_integral(pid_integral: Gain),
    with_pid_derived(pid_derived: Gain),
});

setters!(StorageConfig {
    with_memory(memory: ByteSize),
});

impl StorageConfig {
    /// Sets [`dir`](StorageConfig::dir).
    #[must_use]
    pub fn with_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }
}

setters!(UiConfig {
    with_retained_batches(retained_batches: usize),
    with_enabled(enabled: bool),
    with_bind(bind: SocketAddr),
    with_allow_stop(allow_stop: bool),
});

impl UiConfig {
    /// Sets [`token`](UiConfig::token).
    #[must_use]
    pub fn with_token(mut self, token: impl Into<Secret>) -> Self {
        self.token = Some(token.into());
        self
    }
}
