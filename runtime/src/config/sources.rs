//! Reading settings from TOML and from the environment.

use std::env;
use std::fs;
use std::path::Path;

use super::Config;
use super::error::{ConfigError, ConfigSource, Problem};
use super::table::{self, Setting};
use super::value::Field;

impl Config {
    /// The defaults, changed by a TOML file.
    ///
    /// # Errors
    ///
    /// All the problems of the file: unreadable, not TOML, unknown keys, refused values.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Config, ConfigError> {
        let path = path.as_ref();
        let mut reading = Reading::of(Config::default());
        match fs::read_to_string(path) {
            Ok(text) => reading.text(&text, &ConfigSource::File(path.to_owned())),
            Err(error) => {
                reading.problems.push(Problem::Unreadable { path: path.to_owned(), reason: error.to_string() });
            }
        }
        reading.done()
    }

    /// The defaults, changed by a TOML text.
    ///
    /// # Errors
    ///
    /// All the problems of the text: not TOML, unknown keys, refused values.
    ///
    /// ```
    /// use waterwheel_runtime::config::Config;
    ///
    /// let error = Config::from_toml("coers = 4").unwrap_err();
    /// assert_eq!(error.to_string(), "toml: there is no setting `coers`, did you mean `cores`?");
    /// ```
    pub fn from_toml(text: &str) -> Result<Config, ConfigError> {
        let mut reading = Reading::of(Config::default());
        reading.text(text, &ConfigSource::Toml);
        reading.done()
    }

    /// This configuration, changed by the environment variables of the process that start with `WATERWHEEL_`.
    ///
    /// # Errors
    ///
    /// All the problems of these variables: unknown names, refused values. A value that is not Unicode is refused.
    pub fn overlay_env(self) -> Result<Config, ConfigError> {
        let mut reading = Reading::of(self);
        for (name, value) in env::vars_os() {
            let name = name.to_string_lossy();
            match value.to_str() {
                Some(text) => reading.variable(&name, text.to_owned(), |field| field.read_text(text)),
                None => reading.variable(&name, value.to_string_lossy().into_owned(), |_| false),
            }
        }
        reading.done()
    }

    /// This configuration, changed by those of the given environment variables that start with `WATERWHEEL_`.
    ///
    /// # Errors
    ///
    /// All the problems of these variables: unknown names, refused values.
    ///
    /// ```
    /// use waterwheel_runtime::config::Config;
    ///
    /// let vars = [("WATERWHEEL_CORES".to_string(), "2".to_string()), ("HOME".to_string(), "/root".to_string())];
    /// assert_eq!(Config::default().overlay_vars(vars)?.cores, 2);
    /// # Ok::<(), waterwheel_runtime::config::ConfigError>(())
    /// ```
    pub fn overlay_vars(self, vars: impl IntoIterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let mut reading = Reading::of(self);
        for (name, text) in vars {
            reading.variable(&name, text.clone(), |field| field.read_text(&text));
        }
        reading.done()
    }
}

/// A configuration while a source is being read into it. It goes on after a problem, to find them all.
struct Reading {
    config: Config,
    problems: Vec<Problem>,
}

impl Reading {
    fn of(config: Config) -> Reading {
        Reading { config, problems: Vec::new() }
    }

    fn done(self) -> Result<Config, ConfigError> {
        ConfigError::unless_empty(self.problems).map(|()| self.config)
    }

    fn text(&mut self, text: &str, source: &ConfigSource) {
        match text.parse::<toml::Table>() {
            Ok(root) => self.toml_table("", &root, source),
            Err(error) => self.problems.push(Problem::Malformed {
                source: source.clone(),
                line: error.span().and_then(|span| line_of(text, span.start)),
                reason: error.message().to_owned(),
            }),
        }
    }

    /// Every value of the table, with the keys of inner tables joined by dots.
    fn toml_table(&mut self, section: &str, table: &toml::Table, source: &ConfigSource) {
        for (name, value) in table {
            let key = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            match (table::by_key(&key), value) {
                (Some(setting), _) => {
                    self.set(setting, value.to_string(), source.clone(), |field| field.read_toml(value));
                }
                (None, toml::Value::Table(inner)) if !inner.is_empty() || table::is_section(&key) => {
                    self.toml_table(&key, inner, source);
                }
                (None, _) => {
                    let nearest = table::nearest_to_key(&key).map(|setting| setting.key.to_owned());
                    self.problems.push(Problem::Unknown { name: key, source: source.clone(), nearest });
                }
            }
        }
    }

    fn variable(&mut self, name: &str, shown: String, read: impl FnOnce(&mut dyn Field) -> bool) {
        if !table::is_ours(name) {
            return;
        }
        let source = ConfigSource::Variable(name.to_owned());
        match table::by_variable(name) {
            Some(setting) => self.set(setting, shown, source, read),
            None => {
                let nearest = table::nearest_to_variable(name).map(Setting::variable);
                self.problems.push(Problem::Unknown { name: name.to_owned(), source, nearest });
            }
        }
    }

    fn set(
        &mut self,
        setting: &Setting,
        shown: String,
        source: ConfigSource,
        read: impl FnOnce(&mut dyn Field) -> bool,
    ) {
        let taken = read((setting.field_mut)(&mut self.config)) && setting.is_acceptable(&self.config);
        if !taken {
            self.problems.push(Problem::Refused {
                key: setting.key,
                value: shown,
                source,
                accepted: setting.accepted(),
            });
        }
    }
}

/// The number of the line that holds the byte at `offset`, from 1.
fn line_of(text: &str, offset: usize) -> Option<usize> {
    Some(text.get(..offset)?.matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use bytesize::ByteSize;

    use super::*;
    use crate::config::{CatchUp, Estimator, FailurePolicy, Gain};
    use crate::time::{milliseconds, seconds};

    fn vars<const N: usize>(vars: [(&str, &str); N]) -> impl Iterator<Item = (String, String)> {
        vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter()
    }

    const FULL: &str = r#"
        app_name = "word count"
        cores = 3
        default_parallelism = 6
        block_interval = "100ms"
        block_max_bytes = "4MiB"
        block_queue_size = 20
        concurrent_jobs = 2
        task_max_failures = 1
        failure_policy = "retry(3, 1s)"
        graceful_stop_timeout = "1m"
        stop_gracefully_on_shutdown = false
        handle_signals = false
        max_pending_batches = 5
        remember = "2m 30s"

        [checkpoint]
        interval = "30s"
        catch_up = "each_interval"
        accept_loss = true
        sync = false

        [receiver]
        max_rate = 1000
        restart_delay = "500ms"
        max_pending = 65536
        max_spill = "2MiB"
        block_log = false
        threads = 2
        store_timeout = "5s"
        max_line = "64KiB"
        max_raw_block = "2MiB"

        [backpressure]
        estimator = "pid"
        initial_rate = 500
        min_rate = 10
        pid_proportional = 2
        pid_integral = 0.1
        pid_derived = 0.5

        [storage]
        memory = "1GiB"
        dir = "/spill"

        [ui]
        retained_batches = 50
        enabled = false
        bind = "[::1]:4141"
        token = "***"
        allow_stop = true
    "#;

    fn full() -> Config {
        let mut config = Config::local("word count")
            .with_cores(3)
            .with_default_parallelism(6)
            .with_block_interval(milliseconds(100))
            .with_block_max_bytes(ByteSize::mib(4))
            .with_block_queue_size(20)
            .with_concurrent_jobs(2)
            .with_task_max_failures(1)
            .with_failure_policy(FailurePolicy::Retry { attempts: 3, delay: seconds(1) })
            .with_graceful_stop_timeout(seconds(60))
            .with_stop_gracefully_on_shutdown(false)
            .with_handle_signals(false)
            .with_max_pending_batches(5)
            .with_remember(seconds(150));
        config.checkpoint = config
            .checkpoint
            .with_interval(seconds(30))
            .with_catch_up(CatchUp::EachInterval)
            .with_accept_loss(true)
            .with_sync(false);
        config.receiver = config
            .receiver
            .with_max_rate(1000)
            .with_restart_delay(milliseconds(500))
            .with_max_pending(ByteSize::kib(64))
            .with_max_spill(ByteSize::mib(2))
            .with_block_log(false)
            .with_threads(2)
            .with_store_timeout(seconds(5))
            .with_max_line(ByteSize::kib(64))
            .with_max_raw_block(ByteSize::mib(2));
        config.backpressure = config
            .backpressure
            .with_estimator(Estimator::Pid)
            .with_initial_rate(500)
            .with_min_rate(10)
            .with_pid_proportional(Gain::new(2.0).unwrap())
            .with_pid_integral(Gain::new(0.1).unwrap())
            .with_pid_derived(Gain::new(0.5).unwrap());
        config.storage = config.storage.with_memory(ByteSize::gib(1)).with_dir("/spill");
        config.ui = config
            .ui
            .with_retained_batches(50)
            .with_enabled(false)
            .with_bind("[::1]:4141".parse().unwrap())
            // As it is shown, so that it is read back.
            .with_token("***")
            .with_allow_stop(true);
        config
    }

    #[test]
    fn every_key_is_read_from_toml() {
        assert_eq!(Config::from_toml(FULL), Ok(full()));
    }

    #[test]
    fn every_key_is_read_from_its_variable() {
        let full = full();
        let all = table::SETTINGS.iter().map(|setting| {
            let value = (setting.field)(&full).shown().unwrap();
            (setting.variable(), value)
        });
        assert_eq!(Config::default().overlay_vars(all), Ok(full.clone()));
    }

    #[test]
    fn empty_toml_leaves_the_defaults() {
        assert_eq!(Config::from_toml("[receiver]\n[ui]"), Ok(Config::default()));
    }

    #[test]
    fn file_is_read_and_named_in_problems() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"cores = 2\n").unwrap();
        assert_eq!(Config::from_file(file.path()).map(|config| config.cores), Ok(2));

        file.write_all(b"block_queue_size = \"many\"\n").unwrap();
        let expected = format!(
            "{}: `block_queue_size` cannot be `\"many\"`: expected a whole number, at least 1",
            file.path().display()
        );
        assert_eq!(Config::from_file(file.path()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn missing_file_is_a_problem() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("absent.toml");
        let error = Config::from_file(&path).unwrap_err();
        assert!(matches!(error.problems(), [Problem::Unreadable { path: named, .. }] if *named == path));
    }

    #[test]
    fn malformed_toml_is_told_with_its_line() {
        let error = Config::from_toml("cores = 2\n\nblock_interval = \n").unwrap_err();
        assert!(matches!(error.problems(), [Problem::Malformed { line: Some(3), .. }]), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }

    #[test]
    fn variables_win_over_the_file() {
        let config = Config::from_toml("cores = 2\n[receiver]\nmax_rate = 10").unwrap();
        let config = config.overlay_vars(vars([("WATERWHEEL_RECEIVER__MAX_RATE", "1000"), ("OTHER", "x")])).unwrap();
        assert_eq!((config.cores, config.receiver.max_rate), (2, Some(1000)));
    }

    #[test]
    fn process_environment_is_read_without_change_when_it_holds_no_variable_of_ours() {
        let ours = env::vars_os().any(|(name, _)| table::is_ours(&name.to_string_lossy()));
        let config = Config::local("quiet").overlay_env();
        assert!(ours || config == Ok(Config::local("quiet")));
    }

    #[test]
    fn unknown_variable_suggests_a_variable() {
        let cases = [
            ("WATERWHEEL_COERS", Some("WATERWHEEL_CORES")),
            ("WATERWHEEL_RECEIVER_MAX_RATE", Some("WATERWHEEL_RECEIVER__MAX_RATE")),
            ("WATERWHEEL_QQQ", None),
        ];
        for (name, expected) in cases {
            let error = Config::default().overlay_vars(vars([(name, "1")])).unwrap_err();
            let [Problem::Unknown { nearest, .. }] = error.problems() else { panic!("{error}") };
            assert_eq!(nearest.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn all_problems_of_a_text_are_told_at_once() {
        let text =
            "cores = -1\nconcurrent_jobs = 0\nsection = {}\nui = 3\n\n[receiver]\nmax_rat = 5\nrestart_delay = 2";
        let error = Config::from_toml(text).unwrap_err();
        let mut lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
        lines.sort();
        let expected = [
            "toml: `concurrent_jobs` cannot be `0`: expected a whole number, at least 1",
            "toml: `cores` cannot be `-1`: expected a whole number, at least 1",
            "toml: `receiver.restart_delay` cannot be `2`: expected a duration such as \"200ms\" or \"1m 30s\"",
            "toml: there is no setting `receiver.max_rat`, did you mean `receiver.max_rate`?",
            "toml: there is no setting `section`",
            "toml: there is no setting `ui`",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn wrong_variable_is_told_with_key_value_and_remedy() {
        let bad = vars([("WATERWHEEL_BLOCK_INTERVAL", "0s"), ("WATERWHEEL_HANDLE_SIGNALS", "yes")]);
        assert_eq!(
            Config::default().overlay_vars(bad).unwrap_err().to_string(),
            "WATERWHEEL_BLOCK_INTERVAL: `block_interval` cannot be `0s`: \
             expected a duration such as \"200ms\" or \"1m 30s\", at least 1ms\n\
             WATERWHEEL_HANDLE_SIGNALS: `handle_signals` cannot be `yes`: expected true or false"
        );
    }
}
