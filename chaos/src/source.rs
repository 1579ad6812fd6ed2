//! Which of its sources a program is killed over.

use clap::ValueEnum;
use std::fmt;

/// What a program receives its records by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// Receivers that acknowledge to a feeder they connect to: one with positions, one without.
    #[default]
    Reliable,
    /// Actor streams whose actors do the same.
    Actor,
    /// Actor streams that a feeder in another process sends messages to: one with positions, one without.
    Remote,
    /// A stream that clients push lines into by HTTP, each answered when its lines are stored.
    Http,
    /// Directories of files, in a program of their own.
    Files,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Reliable => "reliable",
            Source::Actor => "actor",
            Source::Remote => "remote",
            Source::Http => "http",
            Source::Files => "files",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_called_what_the_command_line_calls_it() {
        for source in Source::value_variants() {
            assert_eq!(Source::from_str(&source.to_string(), false), Ok(*source));
        }
    }
}
