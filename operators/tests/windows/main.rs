//! Windows: on the data of Spark's `WindowOperationsSuite` and of its Java and Python suites, and against recomputation.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod inverse_oracle;
mod inverse_rows;
mod kept;
mod oracle;
mod pipelines;
mod rows;
mod slices;
