//! How a receiver's stream is kept, supervised and held back.

use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::flow::Overload;
use waterwheel_runtime::receiver::SupervisorPolicy;

/// How a receiver's stream is kept, supervised and held back. Where a method takes these, a [`StorageLevel`] alone will do.
///
/// ```
/// use waterwheel_operators::prelude::*;
///
/// let options = ReceiverOptions::new().overload(Overload::Shed);
/// assert_eq!(options.level, StorageLevel::MemoryAndDisk);
/// assert_eq!(ReceiverOptions::from(StorageLevel::MemoryOnly).overload, Overload::Block);
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ReceiverOptions {
    /// How its blocks are kept until their batch is done. Default: `MEMORY_AND_DISK`.
    pub level: StorageLevel,
    /// How often, and after which pause, it is made anew. Default: for ever, first after `receiver.restart_delay`.
    pub policy: Option<SupervisorPolicy>,
    /// What becomes of records for which there is no room. Default: storing them waits.
    pub overload: Overload,
}

impl Default for ReceiverOptions {
    fn default() -> ReceiverOptions {
        ReceiverOptions::new()
    }
}

impl From<StorageLevel> for ReceiverOptions {
    fn from(level: StorageLevel) -> ReceiverOptions {
        ReceiverOptions { level, policy: None, overload: Overload::Block }
    }
}

impl ReceiverOptions {
    /// The defaults.
    pub fn new() -> ReceiverOptions {
        ReceiverOptions::from(StorageLevel::MemoryAndDisk)
    }

    /// Sets how its blocks are kept.
    #[must_use]
    pub fn level(self, level: StorageLevel) -> ReceiverOptions {
        ReceiverOptions { level, ..self }
    }

    /// Sets how often, and after which pause, it is made anew.
    #[must_use]
    pub fn policy(self, policy: SupervisorPolicy) -> ReceiverOptions {
        ReceiverOptions { policy: Some(policy), ..self }
    }

    /// Sets what becomes of records for which there is no room.
    #[must_use]
    pub fn overload(self, overload: Overload) -> ReceiverOptions {
        ReceiverOptions { overload, ..self }
    }
}
