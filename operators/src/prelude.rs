//! What a program needs: `use waterwheel::prelude::*`.

pub use crate::context::StreamingContext;
pub use crate::dstream::DStream;
pub use crate::error::Error;
pub use crate::graph::{InputStream, SliceError, StreamHandle};
pub use crate::input::ReceiverOptions;
pub use crate::outcome::Outcome;
pub use crate::output::{Output, OutputName, TransactionId, TransactionalOutput, WriteId};
pub use crate::pool::ResourcePool;
pub use crate::rdd::{Parallelize, Partitioner, Rdd, ReadFiles};
pub use crate::record::{Data, Key, Record};
pub use crate::running::RunningContext;
pub use crate::shared::{Accumulate, Accumulator, Broadcast, Dataset, SharedVariables};
pub use crate::show::Show;
pub use crate::state::{State, StateSpec};
pub use crate::window::InverseWindow;
pub use waterwheel_runtime::batch::BatchInputs;
pub use waterwheel_runtime::block::StorageLevel;
pub use waterwheel_runtime::clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use waterwheel_runtime::config::{Config, FailurePolicy};
pub use waterwheel_runtime::engine::{Engine, EngineOptions};
pub use waterwheel_runtime::error::{JobError, TaskError};
pub use waterwheel_runtime::event::{BatchInfo, Event, InputMetadata, StreamingListener};
pub use waterwheel_runtime::flow::{FlowCounts, Overload};
pub use waterwheel_runtime::receiver::SupervisorPolicy;
pub use waterwheel_runtime::running::{ContextState, Stop};
pub use waterwheel_runtime::time::{DurationExt, Interval, Time, milliseconds, minutes, seconds};
