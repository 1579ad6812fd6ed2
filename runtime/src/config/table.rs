//! The table of all settings: what the sources look keys up in, and what the reference page is made from.

use std::collections::BTreeMap;

use super::Config;
use super::value::Field;

/// All that is known about one setting besides its type.
pub(super) struct Setting {
    pub(super) key: &'static str,
    unit: &'static str,
    default: DefaultIs,
    spark: Option<&'static str>,
    zero: Zero,
    meaning: &'static str,
    pub(super) field: fn(&Config) -> &dyn Field,
    pub(super) field_mut: fn(&mut Config) -> &mut dyn Field,
}

enum DefaultIs {
    /// The value that `Config::default()` has.
    Constant,
    /// Something that depends on the machine, the batch interval or another setting.
    Described(&'static str),
}

enum Zero {
    Allowed,
    Refused,
}

const PREFIX: &str = "WATERWHEEL_";

impl Setting {
    /// The environment variable: the key in capitals, with two underscores for the dot.
    pub(super) fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key.to_uppercase().replace('.', "__"))
    }

    /// Whether the configuration has a value in this setting's range.
    pub(super) fn is_acceptable(&self, config: &Config) -> bool {
        matches!(self.zero, Zero::Allowed) || (self.field)(config).above_zero()
    }

    /// What the setting can have, for people.
    pub(super) fn accepted(&self) -> String {
        let blank = Config::default();
        let field = (self.field)(&blank);
        match (&self.zero, field.least()) {
            (Zero::Allowed, _) => field.form().to_owned(),
            (Zero::Refused, least) => format!("{}, {least}", field.form()),
        }
    }

    fn default_shown(&self) -> String {
        match self.default {
            DefaultIs::Constant => format!("`{}`", (self.field)(&Config::default()).shown().unwrap_or_default()),
            DefaultIs::Described(description) => description.to_owned(),
        }
    }

    fn spark_shown(&self) -> String {
        self.spark.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"))
    }
}

/// The setting with this key.
pub(super) fn by_key(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key == key)
}

/// Whether some settings have keys that begin with this name and a dot.
pub(super) fn is_section(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// Whether the environment variable is meant for Waterwheel.
pub(super) fn is_ours(variable: &str) -> bool {
    variable.starts_with(PREFIX)
}

/// The setting with this environment variable.
pub(super) fn by_variable(variable: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.variable() == variable)
}

/// The setting that someone who wrote this environment variable probably meant.
pub(super) fn nearest_to_variable(variable: &str) -> Option<&'static Setting> {
    let key = variable.strip_prefix(PREFIX).unwrap_or(variable).to_lowercase().replace("__", ".");
    nearest_to_key(&key)
}

/// Below this likeness a suggestion would confuse more than it helps.
const LEAST_LIKENESS: f64 = 0.6;

/// The setting that someone who wrote this key probably meant.
pub(super) fn nearest_to_key(key: &str) -> Option<&'static Setting> {
    let scored = SETTINGS.iter().map(|setting| (setting, likeness(key, setting)));
    let (nearest, score) = scored.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    (score >= LEAST_LIKENESS).then_some(nearest)
}

/// From 0 to 1. A key in the wrong section, or Spark's name for it, is as good as the key with one slip.
fn likeness(written: &str, setting: &Setting) -> f64 {
    if setting.spark == Some(written) {
        return 1.0;
    }
    let whole = strsim::normalized_damerau_levenshtein(written, setting.key);
    let without_section = strsim::normalized_damerau_levenshtein(last_part(written), last_part(setting.key));
    whole.max(without_section * 0.9)
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

impl Config {
    /// The keys of all settings, section by section.
    ///
    /// ```
    /// use waterwheel_runtime::config::Config;
    ///
    /// assert!(Config::known_keys().any(|key| key == "receiver.max_rate"));
    /// ```
    pub fn known_keys() -> impl Iterator<Item = &'static str> {
        SETTINGS.iter().map(|setting| setting.key)
    }

    /// What is set, as text by key: for telling what is different from an earlier run.
    ///
    /// ```
    /// use waterwheel_runtime::config::Config;
    ///
    /// let settings = Config::local("wheel").with_cores(2).in_text();
    /// assert_eq!(settings["cores"], "2");
    /// assert!(!settings.contains_key("receiver.max_rate"), "it is not set");
    /// ```
    pub fn in_text(&self) -> BTreeMap<String, String> {
        let shown = |setting: &Setting| Some((setting.key.to_owned(), (setting.field)(self).shown()?));
        SETTINGS.iter().filter_map(shown).collect()
    }

    /// All settings as a table in Markdown, the one of `docs/configuration.md`.
    pub fn reference() -> String {
        let mut table = "| key | environment variable | unit | default | Spark | meaning |\n".to_owned();
        table.push_str("|---|---|---|---|---|---|\n");
        for setting in SETTINGS {
            let (key, variable, unit) = (setting.key, setting.variable(), setting.unit);
            let (default, spark, meaning) = (setting.default_shown(), setting.spark_shown(), setting.meaning);
            table.push_str(&format!("| `{key}` | `{variable}` | {unit} | {default} | {spark} | {meaning} |\n"));
        }
        table
    }
}

macro_rules! setting {
    ($field:ident, $($about:tt)+) => {
        setting!(@ stringify!($field), [$field], $($about)+)
    };
    ($section:ident.$field:ident, $($about:tt)+) => {
        setting!(@ concat!(stringify!($section), ".", stringify!($field)), [$section.$field], $($about)+)
    };
    (@ $key:expr, [$($path:tt)+], $unit:literal, $default:expr, $spark:expr, $zero:expr, $meaning:literal) => {
        Setting {
            key: $key,
            unit: $unit,
            default: $default,
            spark: $spark,
            zero: $zero,
            meaning: $meaning,
            field: |config| &config.$($path)+,
            field_mut: |config| &mut config.$($path)+,
        }
    };
}

use DefaultIs::{Constant, Described};
use Zero::{Allowed, Refused};

/// Every setting, in the order of the fields.
#[rustfmt::skip]
pub(super) const SETTINGS: &[Setting] = &[
    setting!(app_name, "text", Constant, Some("spark.app.name"), Refused,
        "the name of the application in logs, metrics and pages"),
    setting!(cores, "threads", Described("as many as the machine has"), Some("spark.master"), Refused,
        "how many tasks run at the same time; a receiver occupies no core"),
    setting!(default_parallelism, "partitions", Described("as `cores`"), Some("spark.default.parallelism"), Refused,
        "how many partitions an operation makes when nobody says"),
    setting!(block_interval, "duration", Described("200ms or the batch interval if shorter"),
        Some("spark.streaming.blockInterval"), Refused,
        "how long a receiver fills a block before it starts the next one"),
    setting!(block_max_bytes, "bytes", Constant, None, Refused,
        "how large a block grows before the next one is started ahead of time"),
    setting!(block_queue_size, "blocks", Constant, Some("spark.streaming.blockQueueSize"), Refused,
        "how many finished blocks of a receiver may wait to be stored before it is held back"),
    setting!(concurrent_jobs, "jobs", Constant, Some("spark.streaming.concurrentJobs"), Refused,
        "how many output operations run at the same time"),
    setting!(task_max_failures, "attempts", Constant, Some("spark.task.maxFailures"), Refused,
        "how often a task is attempted in all before its batch fails"),
    setting!(failure_policy, "policy", Constant, None, Refused,
        "what becomes of the application when a batch fails: `stop`, `skip` or `retry(attempts, delay)`"),
    setting!(graceful_stop_timeout, "duration", Described("10 batch intervals, at least 10s"),
        Some("spark.streaming.gracefulStopTimeout"), Allowed,
        "how long a graceful stop waits for received data to be processed"),
    setting!(stop_gracefully_on_shutdown, "boolean", Constant,
        Some("spark.streaming.stopGracefullyOnShutdown"), Allowed,
        "whether SIGTERM and Ctrl-C let received data be processed first (Spark: `false`)"),
    setting!(handle_signals, "boolean", Constant, None, Allowed,
        "whether SIGTERM and Ctrl-C stop the application"),
    setting!(max_pending_batches, "batches", Constant, None, Refused,
        "how many batches may be waiting or running before further ones wait to be made"),
    setting!(remember, "duration", Described("what the operators need"), None, Refused,
        "how long the data of a batch is kept at least"),
    setting!(checkpoint.interval, "duration", Described("every batch"), None, Refused,
        "how often batches become durable; those between go with the later one"),
    setting!(checkpoint.catch_up, "policy", Constant, None, Allowed,
        "what becomes of batches missed while down: `coalesce`, `each_interval` (Spark's) or `skip`"),
    setting!(checkpoint.accept_loss, "boolean", Constant, None, Allowed,
        "whether to start although received records are gone, or have no stream any more"),
    setting!(checkpoint.sync, "boolean", Constant, None, Allowed,
        "whether every commit waits for the disk"),
    setting!(receiver.max_rate, "records per second", Described("not limited"),
        Some("spark.streaming.receiver.maxRate"), Allowed,
        "how fast a receiver may accept records; `0` does not limit it either"),
    setting!(receiver.restart_delay, "duration", Constant, Some("spark.streaming.receiverRestartDelay"), Allowed,
        "how long a receiver that ended rests before it is started again; then up to four times as long"),
    setting!(receiver.max_pending, "bytes", Constant, None, Refused,
        "how much received and not yet processed data a receiver may have before it waits"),
    setting!(receiver.max_spill, "bytes", Constant, None, Refused,
        "how much received and not yet processed data a receiver that spills may have in files before it waits"),
    setting!(receiver.block_log, "boolean", Constant, Some("spark.streaming.receiver.writeAheadLog.enable"), Allowed,
        "whether the records of received blocks are kept in the checkpoint directory (Spark: `false`)"),
    setting!(receiver.threads, "threads", Described("1"), None, Refused,
        "how many arbiters run the receivers"),
    setting!(receiver.store_timeout, "duration", Constant, Some("spark.streaming.receiver.blockStoreTimeout"), Refused,
        "how long `store_reliably` waits for its block to be stored before it returns an error; a block that is waited for is cut after half of this, however long `block_interval` is, and waiting for room is no part of it"),
    setting!(receiver.max_line, "bytes", Constant, None, Refused,
        "the longest line of text that is accepted as a record"),
    setting!(receiver.max_raw_block, "bytes", Constant, None, Refused,
        "the longest serialised block that is accepted from a raw socket, and the most memory that its records may take; what they own may take four times as much"),
    setting!(backpressure.estimator, "policy", Constant, Some("spark.streaming.backpressure.rateEstimator"), Allowed,
        "how the rates of receivers follow from the batches done: `service_time`, `pid` (Spark's) or `none` (Spark's default)"),
    setting!(backpressure.initial_rate, "records per second", Described("100, 10,000 of a stream that sheds, not limited with `pid`"),
        Some("spark.streaming.backpressure.initialRate"), Refused,
        "how fast a receiver may accept records before a batch is done"),
    setting!(backpressure.min_rate, "records per second", Constant,
        Some("spark.streaming.backpressure.pid.minRate"), Refused,
        "the rate below which no estimator holds a receiver; while three batches wait to be computed, nothing is let in"),
    setting!(backpressure.pid_proportional, "number", Constant,
        Some("spark.streaming.backpressure.pid.proportional"), Allowed,
        "how much `pid` answers to a rate that was too high or too low"),
    setting!(backpressure.pid_integral, "number", Constant,
        Some("spark.streaming.backpressure.pid.integral"), Allowed,
        "how much `pid` answers to the waiting that has added up"),
    setting!(backpressure.pid_derived, "number", Constant,
        Some("spark.streaming.backpressure.pid.derived"), Allowed,
        "how much `pid` answers to changes"),
    setting!(storage.memory, "bytes", Constant, None, Refused,
        "how much memory blocks may take before they spill to disk"),
    setting!(storage.dir, "path", Described("the system's temporary directory"), Some("spark.local.dir"), Refused,
        "the directory that blocks spill to"),
    setting!(ui.retained_batches, "batches", Constant, Some("spark.streaming.ui.retainedBatches"), Allowed,
        "how many completed batches are kept to be shown"),
    setting!(ui.enabled, "boolean", Constant, Some("spark.ui.enabled"), Allowed,
        "whether a monitored application serves its page"),
    setting!(ui.bind, "address", Constant, Some("spark.ui.port"), Allowed,
        "where the page is served: the next free port, if this one is taken, or any"),
    setting!(ui.token, "secret", Described("none"), None, Refused,
        "what whoever looks has to know; required where others than this machine can look"),
    setting!(ui.allow_stop, "boolean", Constant, Some("spark.ui.killEnabled"), Allowed,
        "whether the application can be stopped over HTTP (Spark: `true`)"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"));
    const FIELDS: &str = include_str!("settings.rs");

    #[test]
    fn docs_in_sync() {
        let table = Config::reference();
        assert!(PAGE.contains(&table), "docs/configuration.md should contain\n\n{table}");
        for key in Config::known_keys() {
            let rows = PAGE.lines().filter(|line| line.starts_with(&format!("| `{key}` |")));
            assert_eq!(rows.count(), 1, "rows of `{key}`");
        }
    }

    #[test]
    fn example_file_of_the_docs_is_accepted() {
        let example = PAGE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let config = Config::from_toml(example).unwrap();
        assert_ne!(config, Config::default());
    }

    #[test]
    fn field_documentation_agrees_with_the_table() {
        for setting in SETTINGS {
            let (default, spark) = (setting.default_shown(), setting.spark_shown());
            let expected = format!("/// Unit: {}. Default: {default}. Spark: {spark}.", setting.unit);
            let field = format!("pub {}: ", last_part(setting.key));
            let lines = FIELDS.lines().map(str::trim);
            let last_line_of_doc = lines.clone().zip(lines.skip(1)).find(|(_, next)| next.starts_with(&field));
            assert_eq!(last_line_of_doc.map(|(line, _)| line), Some(expected.as_str()), "field of {}", setting.key);
        }
    }

    #[test]
    fn every_setting_has_a_default_to_show() {
        for setting in SETTINGS {
            let is_set = (setting.field)(&Config::default()).shown().is_some();
            assert!(is_set || matches!(setting.default, Described(_)), "{}", setting.key);
        }
    }

    #[test]
    fn keys_and_variables_lead_back_to_their_setting() {
        for setting in SETTINGS {
            assert_eq!(by_key(setting.key).map(|found| found.key), Some(setting.key));
            assert_eq!(by_variable(&setting.variable()).map(|found| found.key), Some(setting.key));
        }
        assert_eq!(Config::known_keys().collect::<HashSet<_>>().len(), SETTINGS.len());
    }

    #[test]
    fn nearest_key_forgives_slips_sections_and_spark_names() {
        let cases = [
            ("coers", Some("cores")),
            ("receiver.max_rat", Some("receiver.max_rate")),
            ("reciever.max_rate", Some("receiver.max_rate")),
            ("max_rate", Some("receiver.max_rate")),
            ("receiver.block_interval", Some("block_interval")),
            ("spark.streaming.blockInterval", Some("block_interval")),
            ("spark.default.parallelism", Some("default_parallelism")),
            ("colour", None),
        ];
        for (written, expected) in cases {
            assert_eq!(nearest_to_key(written).map(|setting| setting.key), expected, "{written}");
        }
    }
}
