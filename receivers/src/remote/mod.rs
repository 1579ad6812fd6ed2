//! x
/// x
pub trait RemoteSource { 
    /// x
    fn remote_actors(&self); }
