//! The receiver: a server with one thread of its own, as long as the stream receives.

use super::connections::watch_new;
use super::counts::Counters;
use super::formats::Formats;
use super::options::HttpOptions;
use super::reading::Memory;
use super::service::{Shared, UnderWay, no_method, no_path, push};
use crate::peers::Peers;
use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use waterwheel_operators::record::Record;
use waterwheel_runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// How long requests that are being stored are waited for when the stream stops.
const FINISH: Duration = Duration::from_secs(5);

/// The port of a stream. Kept open over restarts of the receiver, so that nobody else can take it, and given back when the stream
/// stops.
#[derive(Clone)]
pub(super) struct Port(Arc<Mutex<Option<TcpListener>>>);

impl Port {
    /// A context that has none does not start.
    pub(super) fn new(listener: Option<TcpListener>) -> Port {
        Port(Arc::new(Mutex::new(listener)))
    }

    fn another(&self) -> io::Result<TcpListener> {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listener.as_ref().ok_or(io::ErrorKind::NotConnected)?.try_clone()
    }

    fn give_back(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Serves one stream.
pub(super) struct HttpReceiver<T> {
    pub(super) port: Port,
    pub(super) options: Arc<HttpOptions>,
    pub(super) formats: Formats<T>,
    pub(super) max_line: usize,
    pub(super) counters: Arc<Counters>,
}

impl<T: Record> Receiver for HttpReceiver<T> {
    type Record = T;

    async fn run(&mut self, handle: ReceiverHandle<T>) -> Result<(), ReceiverError> {
        let shared = Arc::new(self.shared(&handle));
        let server = self.server(shared.clone()).map_err(|error| format!("the server does not start: {error}"))?;
        let control = server.handle();
        // Dropped with this future, it closes its connections and ends its threads.
        tokio::pin!(server);
        tokio::select! {
            ended = &mut server => return Err(format!("the server has ended: {ended:?}").into()),
            () = handle.stopped() => {}
        }
        // What has been read is stored, everything else is answered with 503: that is done soon.
        tokio::select! {
            () = shared.under_way.none() => {}
            ended = &mut server => return Ok(ended?),
            () = handle.clock().sleep(FINISH) => {
                log::warn!("requests to {} have not ended within {FINISH:?} of the stop", handle.stream());
            }
        }
        let stopped = control.stop(false);
        let (ended, ()) = futures::join!(server, stopped);
        self.port.give_back();
        Ok(ended?)
    }
}

impl<T: Record> HttpReceiver<T> {
    fn shared(&self, handle: &ReceiverHandle<T>) -> Shared<T> {
        // A single body has to fit, or it never would.
        let memory = self.options.max_in_flight.max(self.options.max_body);
        Shared {
            handle: handle.clone(),
            options: self.options.clone(),
            formats: self.formats,
            max_line: self.max_line,
            memory: Memory::new(memory, handle.clock().clone(), self.options.patience),
            counters: self.counters.clone(),
            peers: Mutex::new(Peers::default()),
            under_way: UnderWay::default(),
        }
    }

    fn server(&self, shared: Arc<Shared<T>>) -> io::Result<Server> {
        let listener = self.port.another()?;
        let options = self.options.clone();
        let (path, clock) = (options.path.clone(), shared.handle.clock().clone());
        let service = move || {
            let records = web::resource(&path).post(push::<T>).default_service(web::to(no_method::<T>));
            App::new().app_data(web::Data::from(shared.clone())).service(records).default_service(web::to(no_path::<T>))
        };
        let server = HttpServer::new(service)
            .workers(1)
            .max_connections(options.max_connections)
            .client_request_timeout(options.head_timeout)
            .keep_alive(options.keep_alive)
            .on_connect(watch_new(clock, options.keep_alive + options.head_timeout))
            .disable_signals()
            .listen(listener)?;
        Ok(server.run())
    }
}
