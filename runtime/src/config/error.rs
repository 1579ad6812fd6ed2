//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

/// Everything that is wrong with a configuration; shown with one problem per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn unless_empty(problems: Vec<Problem>) -> Result<(), ConfigError> {
        if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
    }

    /// The problems; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There is no such setting.
    Unknown {
        /// The key or variable as it was written.
        name: String,
        /// Where it was written.
        source: ConfigSource,
        /// The known key or variable that it is most like, if it is like any.
        nearest: Option<String>,
    },
    /// The setting cannot have this value.
    Refused {
        /// The key of the setting.
        key: &'static str,
        /// The value as it was written.
        value: String,
        /// Where it was written.
        source: ConfigSource,
        /// What the setting can have.
        accepted: String,
    },
    /// The text is not TOML.
    Malformed {
        /// Where the text came from.
        source: ConfigSource,
        /// The number of the line, from 1, if it is known.
        line: Option<usize>,
        /// What is wrong with it.
        reason: String,
    },
    /// The file could not be read.
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The operating system's reason.
        reason: String,
    },
}

impl Problem {
    /// The key of the known setting that this is about, if there is one.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Problem::Refused { key, .. } => Some(key),
            Problem::Unknown { .. } | Problem::Malformed { .. } | Problem::Unreadable { .. } => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unknown { name, source, nearest } => {
                write!(f, "{source}: there is no setting `{name}`")?;
                nearest.as_ref().map_or(Ok(()), |nearest| write!(f, ", did you mean `{nearest}`?"))
            }
            Problem::Refused { key, value, source, accepted } => {
                write!(f, "{source}: `{key}` cannot be `{value}`: expected {accepted}")
            }
            Problem::Malformed { source, line: Some(line), reason } => write!(f, "{source}, line {line}: {reason}"),
            Problem::Malformed { source, line: None, reason } => write!(f, "{source}: {reason}"),
            Problem::Unreadable { path, reason } => write!(f, "{}: cannot be read: {reason}", path.display()),
        }
    }
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigSource {
    /// The program.
    Code,
    /// A TOML text without a file.
    Toml,
    /// A TOML file.
    File(PathBuf),
    /// The environment variable of this name.
    Variable(String),
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigSource::Code => f.write_str("code"),
            ConfigSource::Toml => f.write_str("toml"),
            ConfigSource::File(path) => write!(f, "{}", path.display()),
            ConfigSource::Variable(name) => f.write_str(name),
        }
    }
}
