//! Kills a streaming program again and again while it works, and then looks whether anything was lost or counted twice.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`application`] | a program as a child process: started, told where to die, killed, waited for |
//! | [`death`] | the ways to die: at a fail point, or after some time; drawn from a seed |
//! | [`files`] | writer, program, trial and audit for directories of files |
//! | [`feeder`] | a source that numbers its records and resends what was not acknowledged; clients that do so by HTTP and to remote actors |
//! | [`source`] | by which way the program receives its records |
//! | [`feeders`] | what feeds a program, by its source |
//! | [`subject`] | the program under test, with every kind of state and both exactly-once outputs |
//! | [`audit`] | the pure comparison of what came out with what was fed |
//! | [`trial`] | one directory: some deaths under load, a clean end, an audit |
//! | [`wait`] | waiting for a condition with a deadline |
//!
//! The first three and the last know nothing of the program under test: they serve any program that counts its fail points
//! (feature `failpoints`).

pub mod application;
pub mod audit;
pub mod death;
pub mod feeder;
pub mod feeders;
pub mod files;
pub mod source;
pub mod subject;
pub mod trial;
pub mod wait;
