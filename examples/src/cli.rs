//! The command line of the examples, the same for all of them.

use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser};
use waterwheel::prelude::*;
use waterwheel::runtime::config::ConfigError;

/// What an example was told; everything is optional.
///
/// ```
/// use std::time::Duration;
/// use clap::Parser;
/// use examples::cli::Cli;
///
/// let cli = Cli::try_parse_from(["network_word_count", "localhost:9999", "--interval", "500ms"])?;
/// assert_eq!(cli.address.as_deref(), Some("localhost:9999"));
/// assert_eq!(cli.interval, Duration::from_millis(500));
/// assert_eq!(cli.batches, None);
/// # Ok::<(), clap::Error>(())
/// ```
#[derive(Clone, Debug, Parser, PartialEq, Eq)]
#[command(version, about = "An example of Waterwheel. Everything is optional.", long_about = None, allow_negative_numbers = true)]
pub struct Cli {
    /// Where to read text from; without it, from a small text server inside the example
    #[arg(value_name = "HOST:PORT", value_parser = parse_address)]
    pub address: Option<String>,

    /// How much time a batch covers, such as 1s, 500ms or 1min
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_interval)]
    pub interval: Duration,

    /// How many cores to work on; all of them, if not given
    #[arg(long, value_name = "N", value_parser = parse_count::<usize>)]
    pub cores: Option<usize>,

    /// After how many batches to end; if not given, the example decides
    #[arg(long, value_name = "N", value_parser = parse_count::<u64>)]
    pub batches: Option<u64>,

    /// Whether to show rate, delays and batches in a live line on the terminal
    #[arg(long)]
    pub progress: bool,
}

impl Cli {
    /// The configuration of the example `name`: the defaults, changed by the `WATERWHEEL_*` variables and then by `--cores`.
    ///
    /// # Errors
    ///
    /// All the problems of the variables.
    pub fn config(&self, name: &str) -> Result<Config, ConfigError> {
        let mut config = Config::local(name).overlay_env()?;
        if let Some(cores) = self.cores {
            config.cores = cores;
        }
        Ok(config)
    }
}

/// Reads the command line of the example that is described by `about`; prints help or an error and exits if it must.
pub fn parse(about: &'static str) -> Cli {
    parse_as(about)
}

/// As [`parse`], for an example that has arguments of its own beside [`Cli`].
pub fn parse_as<A: CommandFactory + FromArgMatches>(about: &'static str) -> A {
    let matches = A::command().about(about).get_matches();
    A::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Lets warnings and errors through to standard error, or what the variable `RUST_LOG` says.
///
/// A second call changes nothing.
pub fn init_logging() {
    let environment = env_logger::Env::default().default_filter_or("warn");
    if env_logger::Builder::from_env(environment).try_init().is_err() {
        log::debug!("logging has been set up before");
    }
}

fn parse_address(text: &str) -> Result<String, String> {
    const ACCEPTED: &str = "expected HOST:PORT, such as localhost:9999 or [::1]:9999";
    let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("there is no port; {ACCEPTED}"))?;
    if host.is_empty() {
        return Err(format!("there is no host; {ACCEPTED}"));
    }
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Err(format!("an IPv6 address stands in brackets; {ACCEPTED}"));
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(text.to_owned()),
        _ => Err(format!("the port is {port:?}, not a number from 1 to 65535; {ACCEPTED}")),
    }
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    const ACCEPTED: &str = "expected a time longer than zero with its unit, such as 1s, 500ms or 1min";
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err(format!("a batch cannot cover no time; {ACCEPTED}")),
        Ok(interval) => Ok(interval),
        Err(error) => Err(format!("{error}; {ACCEPTED}")),
    }
}

fn parse_count<N: std::str::FromStr + PartialOrd + Default>(text: &str) -> Result<N, String> {
    let count = text.parse().ok().filter(|count| *count > N::default());
    count.ok_or_else(|| "expected a whole number of at least 1".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("example").chain(words.split_whitespace()))
    }

    #[test]
    fn definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_is_needed() {
        let expected =
            Cli { address: None, interval: Duration::from_secs(1), cores: None, batches: None, progress: false };
        assert_eq!(parse_words("").unwrap(), expected);
    }

    #[test]
    fn every_argument_is_understood() {
        let cli = parse_words("[::1]:9999 --interval 1min --cores 2 --batches 30 --progress").unwrap();
        let address = Some("[::1]:9999".to_owned());
        assert_eq!(
            cli,
            Cli { address, interval: Duration::from_secs(60), cores: Some(2), batches: Some(30), progress: true }
        );
    }

    #[test]
    fn wrong_argument_is_named_together_with_what_is_accepted() {
        for (words, argument, accepted) in [
            ("localhost", "[HOST:PORT]", "localhost:9999"),
            (":9999", "[HOST:PORT]", "localhost:9999"),
            ("::1:9999", "[HOST:PORT]", "brackets"),
            ("localhost:http", "[HOST:PORT]", "from 1 to 65535"),
            ("localhost:0", "[HOST:PORT]", "from 1 to 65535"),
            ("localhost:65536", "[HOST:PORT]", "from 1 to 65535"),
            ("--interval 0s", "--interval <TIME>", "longer than zero"),
            ("--interval 0", "--interval <TIME>", "longer than zero"),
            ("--interval 1", "--interval <TIME>", "with its unit"),
            ("--interval soon", "--interval <TIME>", "500ms"),
            ("--cores 0", "--cores <N>", "at least 1"),
            ("--cores two", "--cores <N>", "at least 1"),
            ("--batches -1", "--batches <N>", "at least 1"),
            ("--batches 1.5", "--batches <N>", "at least 1"),
        ] {
            let message = parse_words(words).unwrap_err().to_string();
            assert!(message.contains(argument) && message.contains(accepted), "{words}: {message}");
        }
    }
}
