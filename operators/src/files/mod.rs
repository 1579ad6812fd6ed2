//! Datasets in directories: how they get there whole, and what is in their files.
//!
//! `directory` is the protocol that all outputs to files share; `object_format` is the format of object files, free of any
//! dataset; `text` and `object` write and read one partition each.

mod directory;
mod durable;
mod fuzzing;
pub(crate) mod object;
mod object_format;
pub(crate) mod text;
mod unfinished;

pub use fuzzing::{fuzz_object_file, seeds_of_object_files};

pub(crate) use directory::{OutputDirectory, Part, parts_of, save};
