//! Where a program that is killed listens: at the same address in every run.

use rand::Rng;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// How often another address is tried.
const ATTEMPTS: u32 = 20;

/// An address that is free, and stays so while nobody listens there. It is one of the many of the loopback network: what the system
/// gives to connections in between are ports of other addresses of it.
///
/// # Errors
/// When no port is free.
pub fn free_address(random: &mut impl Rng) -> io::Result<SocketAddr> {
    for _ in 0..ATTEMPTS {
        let host = Ipv4Addr::new(127, random.random_range(1..=254), random.random(), random.random_range(1..=254));
        // Not every system has the whole network.
        if let Ok(listener) = TcpListener::bind((host, 0)) {
            return listener.local_addr();
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
