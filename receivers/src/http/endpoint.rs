//! Where a server listens.

use super::counts::{Counters, HttpCounts};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

/// Where a stream is pushed to, and what it has taken so far. A handle that outlives the building of the program; clones are the
/// same.
#[derive(Debug, Clone)]
pub struct HttpEndpoint {
    pub(super) address: Option<SocketAddr>,
    pub(super) path: Arc<str>,
    pub(super) counters: Arc<Counters>,
}

impl HttpEndpoint {
    /// The address, with the port that the system has chosen when it was 0; `None` when it could not be had: then `start` says why.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// What to post to, such as `http://127.0.0.1:8080/`; `None` when there is no address.
    pub fn url(&self) -> Option<String> {
        self.address.map(|address| format!("http://{address}{}", self.path))
    }

    /// What has been answered so far.
    pub fn counts(&self) -> HttpCounts {
        self.counters.so_far()
    }
}

/// Listens at `address`: a host and a port, or a port of this machine alone. One that other machines reach only if it is meant to be.
pub(super) fn listen(address: &str, beyond_this_machine: bool) -> Result<TcpListener, String> {
    let resolved = match address.parse::<u16>() {
        Ok(port) => Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]),
        Err(_) => match address.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                address.to_socket_addrs().map(Iterator::collect)
            }
            _ => {
                return Err(format!(
                    "the address {address:?} is none; write it as host:port, such as 0.0.0.0:8080, or as a port alone, such as \
                     8080, for this machine only"
                ));
            }
        },
    };
    let addresses: Vec<SocketAddr> = resolved.map_err(|error| format!("cannot listen at {address}: {error}"))?;
    if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback())
        && !beyond_this_machine
    {
        return Err(format!(
            "cannot listen at {address}: {open} can be reached from other machines, and whoever reaches it can push records; \
             listen at a loopback address such as 127.0.0.1, or set beyond_this_machine in HttpOptions"
        ));
    }
    let listener = TcpListener::bind(addresses.as_slice());
    listener.and_then(prepared).map_err(|error| format!("cannot listen at {address}: {error}"))
}

fn prepared(listener: TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_alone_is_one_of_this_machine_and_zero_is_a_free_one() {
        for address in ["0", "127.0.0.1:0", "localhost:0"] {
            let address = listen(address, false).unwrap().local_addr().unwrap();
            assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
        }
    }

    #[test]
    fn address_that_other_machines_reach_is_taken_only_if_it_is_meant() {
        for address in ["0.0.0.0:0", "[::]:0"] {
            let problem = listen(address, false).unwrap_err();
            assert!(problem.contains("from other machines") && problem.contains("beyond_this_machine"), "{problem}");
        }
        assert!(listen("0.0.0.0:0", true).unwrap().local_addr().unwrap().ip().is_unspecified());
    }

    #[test]
    fn address_that_cannot_be_had_is_named_with_the_cause() {
        let taken = listen("0", false).unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let problem = listen(&address, false).unwrap_err();
        assert!(problem.starts_with(&format!("cannot listen at {address}: Address already in use")), "{problem}");
        for address in ["", ":8080", "localhost", "localhost:http", "70000", "localhost:70000"] {
            let problem = listen(address, true).unwrap_err();
            assert!(problem.contains(&format!("the address {address:?} is none")), "{problem}");
        }
    }
}
