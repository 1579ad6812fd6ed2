//! What can go wrong before, while and after a context runs.

use crate::checkpoint::CheckpointError;
use crate::testkit::TestRunError;
use std::fmt;
use waterwheel_runtime::config::ConfigError;
use waterwheel_runtime::engine::EngineError;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::faults::Fault;
use waterwheel_runtime::running::StopFromInside;
use waterwheel_runtime::site::Site;

/// Any error of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is not usable; every problem is listed.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The program of streams is not usable; every misuse is listed.
    #[error(transparent)]
    Misuse(#[from] MisuseError),
    /// The checkpoint cannot be used, or the program cannot go on from it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The engine could not be started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The context was given an engine that has been stopped.
    #[error("the engine has been stopped")]
    EngineStopped,
    /// What ended the context.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The job of an action failed.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A stop that could not be waited for.
    #[error(transparent)]
    StopFromInside(#[from] StopFromInside),
    /// A test run did not finish, or left something behind.
    #[error(transparent)]
    TestRun(#[from] TestRunError),
    /// Something that is attached to a context could not be started, such as its monitor.
    #[error(transparent)]
    Attached(Box<dyn std::error::Error + Send + Sync>),
}

/// One mistake in a program of streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misuse {
    /// The operator and the user's line.
    pub site: Site,
    /// What is wrong and how to put it right.
    pub problem: String,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.site, self.problem)
    }
}

/// Every mistake that `start` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MisuseError {
    /// The mistakes, in order of definition; at least one.
    pub misuses: Vec<Misuse>,
}

impl fmt::Display for MisuseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.misuses.as_slice() {
            [one] => one.fmt(f),
            many => {
                write!(f, "{} problems:", many.len())?;
                many.iter().try_for_each(|misuse| write!(f, "\n  {misuse}"))
            }
        }
    }
}

impl std::error::Error for MisuseError {}
