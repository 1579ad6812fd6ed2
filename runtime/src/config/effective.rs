//! What follows from the settings: values for those that were left open, and whether all are in range.

use std::env;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use super::error::{ConfigError, ConfigSource, Problem};
use super::table::SETTINGS;
use super::{Config, ReceiverConfig, StorageConfig};
use crate::time::{milliseconds, seconds};

impl Config {
    /// The defaults under the given name, with as many cores as the machine has: Spark's `local[*]`.
    ///
    /// ```
    /// use waterwheel_runtime::config::Config;
    ///
    /// let config = Config::local("word count").with_cores(2);
    /// assert_eq!(config.parallelism(), 2);
    /// ```
    pub fn local(app_name: impl Into<String>) -> Config {
        Config { app_name: app_name.into(), ..Config::default() }
    }

    /// How many partitions an operation makes when nobody says: `default_parallelism`, or else `cores`.
    pub fn parallelism(&self) -> usize {
        self.default_parallelism.unwrap_or(self.cores)
    }

    /// The block interval under batches of the given length: as set, or else 200 ms but no longer than the batch.
    pub fn block_interval_for(&self, batch_interval: Duration) -> Duration {
        self.block_interval.unwrap_or_else(|| batch_interval.min(milliseconds(200)))
    }

    /// How long a graceful stop waits under batches of the given length: as set, or else ten batches but no less than
    /// ten seconds.
    pub fn graceful_stop_timeout_for(&self, batch_interval: Duration) -> Duration {
        self.graceful_stop_timeout.unwrap_or_else(|| batch_interval.saturating_mul(10).max(seconds(10)))
    }

    /// Checks every setting. The runtime calls this once, before it starts anything.
    ///
    /// Files and variables are checked as they are read, so what is found here was set in code.
    ///
    /// # Errors
    ///
    /// All problems at once.
    ///
    /// ```
    /// use waterwheel_runtime::config::Config;
    ///
    /// let error = Config::local("").with_cores(0).validate().unwrap_err();
    /// assert_eq!(error.problems().len(), 2);
    /// ```
    pub fn validate(&self) -> Result<(), ConfigError> {
        let refused = SETTINGS.iter().filter(|setting| !setting.is_acceptable(self));
        ConfigError::unless_empty(
            refused
                .map(|setting| Problem::Refused {
                    key: setting.key,
                    value: (setting.field)(self).shown().unwrap_or_default(),
                    source: ConfigSource::Code,
                    accepted: setting.accepted(),
                })
                .collect(),
        )
    }
}

impl ReceiverConfig {
    /// The limit on a receiver's records per second, if there is one.
    pub fn rate_limit(&self) -> Option<NonZeroU64> {
        self.max_rate.and_then(NonZeroU64::new)
    }

    /// The number of arbiters that run receivers: `threads`, or else one.
    pub fn thread_count(&self) -> usize {
        self.threads.unwrap_or(1)
    }
}

impl StorageConfig {
    /// The directory that blocks spill to: `dir`, or else the system's temporary directory.
    pub fn spill_dir(&self) -> PathBuf {
        self.dir.clone().unwrap_or_else(env::temp_dir)
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::config::{FailurePolicy, UiConfig};

    #[test]
    fn defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
        assert!(Config::default().cores >= 1);
    }

    #[test]
    fn block_interval_is_never_longer_than_the_batch_unless_set() {
        let config = Config::default();
        assert_eq!(config.block_interval_for(seconds(1)), milliseconds(200));
        assert_eq!(config.block_interval_for(milliseconds(50)), milliseconds(50));
        assert_eq!(config.with_block_interval(seconds(3)).block_interval_for(seconds(1)), seconds(3));
    }

    #[test]
    fn graceful_stop_waits_for_ten_batches_and_at_least_ten_seconds() {
        let config = Config::default();
        assert_eq!(config.graceful_stop_timeout_for(milliseconds(500)), seconds(10));
        assert_eq!(config.graceful_stop_timeout_for(seconds(2)), seconds(20));
        assert_eq!(config.graceful_stop_timeout_for(Duration::MAX), Duration::MAX);
        let config = config.with_graceful_stop_timeout(Duration::ZERO);
        assert_eq!(config.graceful_stop_timeout_for(seconds(2)), Duration::ZERO);
    }

    #[test]
    fn unset_values_follow_from_others() {
        let config = Config::default().with_cores(3);
        assert_eq!(config.parallelism(), 3);
        assert_eq!(config.with_default_parallelism(7).parallelism(), 7);
        assert_eq!(ReceiverConfig::default().thread_count(), 1);
        assert_eq!(StorageConfig::default().spill_dir(), env::temp_dir());
        assert_eq!(StorageConfig::default().with_dir("/spill").spill_dir(), PathBuf::from("/spill"));
    }

    #[test]
    fn rate_of_zero_is_no_limit() {
        let receiver = ReceiverConfig::default();
        assert_eq!(receiver.rate_limit(), None);
        assert_eq!(receiver.clone().with_max_rate(0).rate_limit(), None);
        assert_eq!(receiver.with_max_rate(5).rate_limit(), NonZeroU64::new(5));
    }

    #[test]
    fn zero_is_refused_or_allowed_key_by_key() {
        let mut config = Config::local("")
            .with_cores(0)
            .with_default_parallelism(0)
            .with_block_interval(Duration::from_micros(999))
            .with_block_max_bytes(ByteSize(0))
            .with_block_queue_size(0)
            .with_concurrent_jobs(0)
            .with_task_max_failures(0)
            .with_failure_policy(FailurePolicy::Retry { attempts: 0, delay: Duration::ZERO })
            .with_max_pending_batches(0)
            .with_remember(Duration::ZERO);
        config.checkpoint = config.checkpoint.with_interval(Duration::ZERO);
        config.receiver = config
            .receiver
            .with_max_pending(ByteSize(0))
            .with_max_spill(ByteSize(0))
            .with_threads(0)
            .with_store_timeout(Duration::ZERO)
            .with_max_line(ByteSize(0))
            .with_max_raw_block(ByteSize(0));
        config.backpressure = config.backpressure.with_initial_rate(0).with_min_rate(0);
        config.storage = config.storage.with_memory(ByteSize(0)).with_dir("");
        config.ui = config.ui.with_token("");
        let refused: Vec<_> = config.validate().unwrap_err().problems().iter().filter_map(Problem::key).collect();
        let all_but_allowed: Vec<_> = Config::known_keys()
            .filter(|key| {
                ![
                    "graceful_stop_timeout",
                    "stop_gracefully_on_shutdown",
                    "handle_signals",
                    "checkpoint.catch_up",
                    "checkpoint.accept_loss",
                    "checkpoint.sync",
                    "receiver.max_rate",
                    "receiver.restart_delay",
                    "receiver.block_log",
                    "backpressure.estimator",
                    "backpressure.pid_proportional",
                    "backpressure.pid_integral",
                    "backpressure.pid_derived",
                    "ui.retained_batches",
                    "ui.enabled",
                    "ui.bind",
                    "ui.allow_stop",
                ]
                .contains(key)
            })
            .collect();
        assert_eq!(refused, all_but_allowed);

        let zeros = Config::default()
            .with_graceful_stop_timeout(Duration::ZERO)
            .with_receiver(ReceiverConfig::default().with_max_rate(0).with_restart_delay(Duration::ZERO))
            .with_ui(UiConfig::default().with_retained_batches(0));
        assert_eq!(zeros.validate(), Ok(()));
    }

    #[test]
    fn problems_are_told_one_per_line_with_source_and_remedy() {
        let error = Config::local("").with_cores(0).with_block_interval(Duration::ZERO).validate().unwrap_err();
        assert_eq!(
            error.to_string(),
            "code: `app_name` cannot be ``: expected a text, not empty\n\
             code: `cores` cannot be `0`: expected a whole number, at least 1\n\
             code: `block_interval` cannot be `0s`: expected a duration such as \"200ms\" or \"1m 30s\", at least 1ms"
        );
    }
}
