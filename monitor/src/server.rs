//! The HTTP server: a thread of its own, so that whoever looks takes no turn of anything else.

use crate::guard::guard;
use crate::live::Pages;
use crate::shared::Shared;
use crate::{api, page};
use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use waterwheel_runtime::config::UiConfig;

/// How many ports behind the one that is asked for are tried, as in Spark.
const FURTHER_PORTS: u16 = 16;

/// Connections at a time.
const CONNECTIONS: usize = 256;

/// How long the end waits, in real time, until those who look have been told of it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A monitor that could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// Others than this machine could look, and nothing would be asked of them.
    #[error(
        "ui.bind is {address}, which others than this machine can reach, and there is no token; set ui.token, or bind to 127.0.0.1"
    )]
    Open {
        /// Where it would have been served.
        address: SocketAddr,
    },
    /// Nothing can be served at the address.
    #[error(
        "the page cannot be served at {address}: {cause}; set ui.bind to an address of this machine, or ui.enabled to false"
    )]
    Bind {
        /// Where it was to be served.
        address: SocketAddr,
        /// What the system said last.
        cause: io::Error,
    },
    /// The system would not start its threads.
    #[error("the server of the page cannot be started: {0}")]
    Server(#[from] io::Error),
    /// The metrics could not be set up.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// A server. Dropping it ends it, and all connections with it.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    pages: Pages,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts serving what `shared` knows, where its configuration says.
    pub(crate) fn start(shared: Arc<Shared>) -> Result<Server, MonitorError> {
        let listener = bind(&shared.ui)?;
        let address = listener.local_addr()?;
        let (told, started) = sync_channel(1);
        let (pages, known) = (Pages::default(), shared.clone());
        let counted = pages.clone();
        let run = move || {
            let system = actix_web::rt::System::new();
            system.block_on(async move {
                match serve(listener, known, counted) {
                    Ok(server) => {
                        let _ = told.send(Ok(server.handle()));
                        if let Err(error) = server.await {
                            log::error!("the server of the monitor ended: {error}");
                        }
                    }
                    Err(error) => _ = told.send(Err(error)),
                }
            });
        };
        let thread = thread::Builder::new().name("waterwheel-monitor".to_owned()).spawn(run)?;
        let gone = |_| io::Error::other("its thread ended");
        let handle = started.recv().map_err(gone)??;
        Ok(Server { address, shared, pages, handle, thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.close();
        self.pages.wait_gone(LAST_WORDS);
        // The command is sent by the call; only its answer would have to be awaited.
        drop(self.handle.stop(false));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            log::error!("the server of the monitor panicked");
        }
    }
}

fn serve(listener: TcpListener, shared: Arc<Shared>, pages: Pages) -> io::Result<actix_web::dev::Server> {
    let (known, pages) = (Data::from(shared), Data::new(pages));
    let app = move || {
        App::new()
            .wrap(from_fn(guard))
            .app_data(known.clone())
            .app_data(pages.clone())
            .configure(api::paths)
            .configure(page::paths)
            .default_service(web::to(api::nothing))
    };
    let server = HttpServer::new(app).workers(1).max_connections(CONNECTIONS).disable_signals().listen(listener)?;
    Ok(server.run())
}

/// The first free port from the one that is asked for on, or else any: no program is kept from running by its page.
fn bind(ui: &UiConfig) -> Result<TcpListener, MonitorError> {
    let address = ui.bind;
    if !address.ip().is_loopback() && ui.token.is_none() {
        return Err(MonitorError::Open { address });
    }
    let further = if address.port() == 0 { 0 } else { FURTHER_PORTS };
    let mut tried = TcpListener::bind(address);
    for more in 1..=further {
        let taken = tried.as_ref().err().is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse);
        let Some(port) = address.port().checked_add(more).filter(|_| taken) else { break };
        tried = TcpListener::bind((address.ip(), port));
    }
    if tried.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
        log::warn!("{address} is taken, and so are the {further} ports behind it; the page is served at another one");
        tried = TcpListener::bind((address.ip(), 0));
    }
    tried.map_err(|cause| MonitorError::Bind { address, cause })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use waterwheel_runtime::config::Config;

    fn ui(address: SocketAddr) -> UiConfig {
        Config::default().ui.with_bind(address)
    }

    #[test]
    fn a_port_that_is_taken_leads_to_one_behind_it() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = taken.local_addr().unwrap();
        let found = bind(&ui(address)).unwrap().local_addr().unwrap();
        assert!(found.port() > address.port() && found.port() <= address.port() + FURTHER_PORTS, "{found}");
    }

    #[test]
    fn when_all_those_ports_are_taken_any_other_one_is_taken() {
        // A row of ports of which the last is the highest there is: what is behind it cannot be tried.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::MAX));
        let _taken = TcpListener::bind(address);
        let found = bind(&ui(address)).unwrap().local_addr().unwrap();
        assert_ne!(found.port(), u16::MAX);
    }

    #[test]
    fn others_may_look_only_with_a_token() {
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let told = bind(&ui(everywhere)).unwrap_err().to_string();
        assert!(told.contains("0.0.0.0:0") && told.contains("set ui.token"), "{told}");
        assert!(bind(&ui(everywhere).with_token("sesame")).is_ok());
    }

    #[test]
    fn an_address_that_is_not_ours_is_told_with_what_to_do() {
        let foreign = SocketAddr::from(([192, 0, 2, 1], 4040));
        let told = bind(&ui(foreign).with_token("sesame")).unwrap_err().to_string();
        assert!(told.contains("192.0.2.1:4040") && told.contains("ui.enabled"), "{told}");
    }
}
