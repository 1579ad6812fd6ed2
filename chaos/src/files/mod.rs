//! The same for directories of files: a [`writer`] that renames files in, has others grow and rotates them, a program ([`subject`])
//! that reads them and is killed, and a comparison of what was written with what came out.

pub mod subject;
pub mod trial;
pub mod writer;
