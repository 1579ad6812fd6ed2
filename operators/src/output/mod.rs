//! Output operations: what makes a program do anything. They run once per batch, in order of definition.

mod custom;
mod foreach_partition;
mod foreach_rdd;
mod print;
mod save_as_object_files;
mod save_as_text_files;
mod transactional;
mod write_id;

pub use custom::Output;
pub use transactional::{OutputName, TransactionId, TransactionalOutput};
pub use write_id::WriteId;
