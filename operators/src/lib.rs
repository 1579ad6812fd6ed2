//! The operators of Waterwheel.

mod context;
pub mod dstream;
pub mod error;
mod graph;
mod input;
pub mod outcome;
mod output;
mod pair;
pub mod prelude;
pub mod rdd;
pub mod record;
mod running;
pub mod show;
mod stateless;
pub mod testkit;

pub use context::StreamingContext;
pub use dstream::DStream;
pub use error::Error;
pub use graph::InputStream;
pub use running::RunningContext;
pub use waterwheel_runtime::batch::BatchInputs;
