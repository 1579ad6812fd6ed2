//! The runtime of Waterwheel: the actors that receive, batch, compute and record.
//!
//! It knows records only as erased partitions; what is done with them is in the `operators` crate, which builds a
//! [`BatchProgram`](batch::BatchProgram) out of the user's streams. To read it, begin with [`topology`].
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`topology`] | every actor with its mailbox, and how they are put together |
//! | [`receiver`] | receivers, their blocks, limits and supervision |
//! | [`flow`] | how much may come in, and where the records are |
//! | [`weight`] | how much memory records take |
//! | [`block`] | where block data lies, and which batch it belongs to |
//! | [`batch`] | ticks, the life of a batch, and who runs it |
//! | [`state`], [`durable`] | the state of operators, and what survives the process |
//! | [`stage`] | jobs, stages, tasks and the exchange between them |
//! | [`engine`], [`scope`] | the threads that contexts share, and what the jobs of a batch share |
//! | [`running`] | waiting for a context and stopping it |
//! | [`event`] | what listeners are told |
//! | [`time`], [`clock`], [`config`], [`codec`] | what everything stands on |

pub mod batch;
mod begin;
pub mod block;
pub mod clock;
pub mod codec;
pub mod config;
pub mod depths;
pub mod durable;
pub mod engine;
pub mod error;
pub mod event;
pub mod failpoint;
pub mod faults;
pub mod flow;
pub mod ids;
pub mod inside;
pub mod mailbox;
pub mod receiver;
pub mod running;
pub mod scope;
mod signals;
pub mod site;
pub mod stage;
pub mod state;
pub mod time;
pub mod topology;
pub mod weight;
