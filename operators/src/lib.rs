//! The operators of Waterwheel: `StreamingContext`, `DStream` and `Rdd`.
//!
//! A [`StreamingContext`] builds a program of streams; a [`DStream`] is a stream of datasets, one per batch; an [`Rdd`](rdd::Rdd)
//! is the lazy, partitioned dataset of one batch. One operator is one file, with its method, its documentation and its tests.
//!
//! | on streams | |
//! | --- | --- |
//! | record by record | [`map`](DStream::map), [`flat_map`](DStream::flat_map), [`flat_map_into`](DStream::flat_map_into), [`filter`](DStream::filter) |
//! | partition by partition | [`map_partitions`](DStream::map_partitions), [`map_partitions_with_index`](DStream::map_partitions_with_index), [`glom`](DStream::glom), [`repartition`](DStream::repartition) |
//! | batch by batch | [`count`](DStream::count), [`reduce`](DStream::reduce), [`count_by_value`](DStream::count_by_value), [`transform`](DStream::transform), [`cache`](DStream::cache), [`persist`](DStream::persist) |
//! | windows | [`window`](DStream::window), [`reduce_by_window`](DStream::reduce_by_window), [`reduce_by_key_and_window`](DStream::reduce_by_key_and_window), [`group_by_key_and_window`](DStream::group_by_key_and_window) |
//! | windows made of the one before | [`reduce_by_window_inverse`](DStream::reduce_by_window_inverse), [`reduce_by_key_and_window_inverse`](DStream::reduce_by_key_and_window_inverse), [`count_by_window`](DStream::count_by_window), [`count_by_value_and_window`](DStream::count_by_value_and_window) |
//! | several streams | [`union`](DStream::union), [`StreamingContext::union`], [`transform_with`](DStream::transform_with), [`StreamingContext::transform`] |
//! | pairs | [`map_values`](DStream::map_values), [`flat_map_values`](DStream::flat_map_values), [`reduce_by_key`](DStream::reduce_by_key), [`group_by_key`](DStream::group_by_key), [`combine_by_key`](DStream::combine_by_key), [`partition_by`](DStream::partition_by) |
//! | pairs of two streams | [`cogroup`](DStream::cogroup), [`join`](DStream::join), [`left_outer_join`](DStream::left_outer_join), [`right_outer_join`](DStream::right_outer_join), [`full_outer_join`](DStream::full_outer_join) |
//! | pairs and reference data | [`broadcast_join`](DStream::broadcast_join), [`left_outer_broadcast_join`](DStream::left_outer_broadcast_join) with a [`Dataset`](shared::Dataset) |
//! | state | [`update_state_by_key`](DStream::update_state_by_key), [`update_state_by_partition`](DStream::update_state_by_partition), [`map_with_state`](DStream::map_with_state) |
//! | outputs | [`print`](DStream::print), [`foreach_rdd`](DStream::foreach_rdd), [`foreach_partition`](DStream::foreach_partition), [`foreach_partition_with`](DStream::foreach_partition_with) a connection of a [`ResourcePool`], [`save_as_text_files`](DStream::save_as_text_files), [`save_as_object_files`](DStream::save_as_object_files), your own [`output`](DStream::output) or, exactly once, [`transactional_output`](DStream::transactional_output) |
//! | inputs | [`input_stream`](StreamingContext::input_stream), [`receiver_stream`](StreamingContext::receiver_stream), [`replayable_stream`](StreamingContext::replayable_stream); the sources are in the `receivers` crate. Datasets: [`object_file`](rdd::ReadFiles::object_file), [`text_file`](rdd::ReadFiles::text_file) |
//!
//! Datasets have operators of the same names and more: see [`rdd`]. What tasks share besides records is in [`shared`]. Programs
//! are tested with the [`testkit`].

mod checkpoint;
mod companion;
mod context;
pub mod dstream;
pub mod error;
mod extensions;
mod files;
mod graph;
mod input;
pub mod outcome;
mod output;
mod pair;
pub mod plan;
pub mod pool;
pub mod prelude;
pub mod rdd;
pub mod record;
mod running;
mod several;
pub mod shared;
pub mod show;
mod state;
mod stateless;
pub mod testkit;
mod window;

pub use checkpoint::CheckpointError;
pub use companion::Companion;
pub use context::StreamingContext;
pub use dstream::DStream;
pub use error::Error;
#[doc(hidden)]
pub use files::{fuzz_object_file, seeds_of_object_files};
pub use graph::{InputStream, SliceError, StreamHandle};
pub use input::{ReceiverOptions, ReplayableStream};
pub use output::{Output, OutputName, TransactionId, TransactionalOutput, WriteId};
pub use pool::ResourcePool;
pub use running::RunningContext;
pub use state::{MapWithState, State, StateMisuse, StateSpec};
pub use waterwheel_runtime::batch::BatchInputs;
pub use window::InverseWindow;
