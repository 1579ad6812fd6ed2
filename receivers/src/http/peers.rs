//! Who has been told of. Pure.

use std::collections::HashSet;
use std::net::IpAddr;

/// Addresses that are remembered; what others do is counted only.
const REMEMBERED: usize = 1024;

/// Whom something was reported of already: each address once, and not more of them than can be remembered.
#[derive(Debug, Default)]
pub(super) struct Peers {
    told: HashSet<IpAddr>,
    untold: bool,
}

/// Whether to report what a peer has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// It is the first time.
    First,
    /// It is the first time, and from now on nobody new is reported of.
    Last,
    /// No.
    Not,
}

impl Peers {
    pub(super) fn report(&mut self, peer: IpAddr) -> Report {
        if self.told.contains(&peer) || self.untold {
            return Report::Not;
        }
        self.told.insert(peer);
        self.untold = self.told.len() == REMEMBERED;
        if self.untold { Report::Last } else { Report::First }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_reported_once_and_only_so_many_are() {
        let mut peers = Peers::default();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        assert_eq!((peers.report(address(0)), peers.report(address(0))), (Report::First, Report::Not));
        let reports: Vec<Report> = (1..5000).map(|n| peers.report(address(n))).collect();
        assert_eq!(reports.iter().filter(|report| **report == Report::First).count(), REMEMBERED - 2);
        assert_eq!(reports.iter().rposition(|report| *report != Report::Not), Some(REMEMBERED - 2));
        assert_eq!(reports[REMEMBERED - 2], Report::Last);
        assert_eq!(peers.told.len(), REMEMBERED);
    }
}
