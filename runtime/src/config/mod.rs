//! What can be set, and from where.
//!
//! A [`Config`] starts from the defaults, which are Spark's where Spark has the setting, and is changed by code, by a
//! TOML file and by environment variables; whichever comes last wins. Each setting has one *key* (`receiver.max_rate`),
//! which is its path in the file and, in capitals, the name of its variable (`WATERWHEEL_RECEIVER__MAX_RATE`).
//!
//! | kind     | in a file or variable                                                           |
//! |----------|---------------------------------------------------------------------------------|
//! | duration | `"200ms"`, `"2s"`, `"1m 30s"`                                                   |
//! | size     | `"256MiB"` (1024-based), `"256MB"` (1000-based), or a plain number of bytes     |
//! | policy   | `"stop"`, `"skip"`, or `"retry(3, 1s)"`: three more attempts, one second apart  |
//!
//! Nothing wrong is passed over: an unknown key is refused with the nearest known one, a wrong value with its source
//! and what would be right, and all the problems of a source are told together.
//!
//! ```
//! use waterwheel_runtime::config::Config;
//! use waterwheel_runtime::time::{milliseconds, seconds};
//!
//! # fn main() -> Result<(), waterwheel_runtime::config::ConfigError> {
//! let config = Config::from_toml(r#"
//!     app_name = "word count"
//!     block_interval = "100ms"
//!
//!     [receiver]
//!     max_rate = 1000
//! "#)?
//! .overlay_vars([("WATERWHEEL_RECEIVER__MAX_RATE".to_string(), "500".to_string())])?
//! .with_cores(4);
//!
//! config.validate()?;
//! assert_eq!(config.receiver.max_rate, Some(500));
//! assert_eq!(config.block_interval_for(seconds(1)), milliseconds(100));
//! # Ok(())
//! # }
//! ```

mod backpressure;
mod builder;
mod catch_up;
mod effective;
mod error;
mod policy;
mod secret;
mod settings;
mod sources;
mod table;
mod value;

pub use bytesize::ByteSize;

pub use self::backpressure::{Estimator, Gain, NotAnEstimator};
pub use self::catch_up::{CatchUp, NotAWayToCatchUp};
pub use self::error::{ConfigError, ConfigSource, Problem};
pub use self::policy::{FailurePolicy, NotAFailurePolicy};
pub use self::secret::Secret;
pub use self::settings::{BackpressureConfig, CheckpointConfig, Config, ReceiverConfig, StorageConfig, UiConfig};
