//! Flow control: how much receivers may bring, found from how long their records take, and where the records are. Pure.
//!
//! When a batch is done the [`RateController`] of its context is told. Its [`RateEstimator`] says how many records a second all
//! streams together may bring, [`shares`] divides that among the receivers, and each is held to its part batch by batch: see
//! [`Quota`](crate::receiver::Quota). What becomes of records for which there is no room is their stream's [`Overload`];
//! [`FlowCounts`] says where they all are.

mod book;
mod controller;
mod counts;
mod depth;
mod estimator;
mod overload;
mod pid;
mod service_time;
mod shares;

pub use book::FlowBook;
pub use controller::{CompletedBatch, RateController};
pub use counts::{DoorCounts, FlowCounts};
pub use depth::{Amount, LedgerDepth};
pub use estimator::{BatchSample, RateEstimator};
pub use overload::Overload;
pub use pid::{PidError, PidEstimator, PidGains};
pub use service_time::ServiceTimeEstimator;
pub use shares::{Demand, shares};
