//! Keeps a peer that misbehaves again and again from filling the log. Pure: asked with the time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// A peer is told of again after this long.
const REMIND: Duration = Duration::from_secs(3600);

/// Peers that are remembered; the one told of first is forgotten for the next.
const MOST_PEERS: usize = 256;

/// When which peer was told of.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    told: BTreeMap<IpAddr, Duration>,
}

impl Peers {
    /// Whether trouble with `peer` is news at time `now`.
    pub(crate) fn is_news(&mut self, peer: IpAddr, now: Duration) -> bool {
        if self.told.get(&peer).is_some_and(|told| now.saturating_sub(*told) < REMIND) {
            return false;
        }
        if self.told.len() >= MOST_PEERS
            && let Some(oldest) = self.told.iter().min_by_key(|(_, told)| **told).map(|(peer, _)| *peer)
        {
            self.told.remove(&oldest);
        }
        self.told.insert(peer, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_peer_is_told_of_once_an_hour_and_each_by_itself() {
        let mut peers = Peers::default();
        let minute = |minutes: u64| Duration::from_secs(60 * minutes);
        assert!(peers.is_news(peer(1), minute(0)));
        assert!(!peers.is_news(peer(1), minute(59)));
        assert!(peers.is_news(peer(2), minute(59)));
        assert!(peers.is_news(peer(1), minute(60)));
        assert!(!peers.is_news(peer(1), minute(61)));
    }

    #[test]
    fn any_number_of_peers_takes_bounded_memory() {
        let mut peers = Peers::default();
        for number in 0..10_000 {
            assert!(peers.is_news(peer(number), Duration::from_secs(u64::from(number))));
        }
        assert_eq!(peers.told.len(), MOST_PEERS);
    }
}
