//! The methods on contexts.

use super::endpoint::{HttpEndpoint, listen};
use super::formats::Formats;
use super::options::HttpOptions;
use super::server::{HttpReceiver, Port};
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use waterwheel_operators::record::Record;
use waterwheel_operators::{DStream, StreamingContext};
use waterwheel_runtime::site::Site;

/// Streams that clients push records into by HTTP; see the [module](super).
pub trait HttpSource {
    /// Lines of text, or JSON strings, that clients post to `address`: a host and a port such as `0.0.0.0:8080`, or a port of this
    /// machine alone such as `8080`. Port 0 is a free one, which [`HttpStream::local_addr`] tells.
    ///
    /// A line ends with `\n` or `\r\n`; the last one needs no end. A body that is not UTF-8, or has a line longer than
    /// `receiver.max_line`, is refused.
    ///
    /// # Errors
    /// An address at which nothing can listen, or that other machines reach unless
    /// [`beyond_this_machine`](HttpOptions::beyond_this_machine) is set, and options that would refuse everything, are misuses, which `start` returns.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let ssc = StreamingContext::new(Config::local("Pushed"), milliseconds(20))?;
    /// let lines = ssc.http_text_stream("127.0.0.1:0", HttpOptions::default());
    /// let address = lines.local_addr().ok_or("no port")?;
    /// let (sent, received) = std::sync::mpsc::channel();
    /// lines.foreach_rdd(move |rdd| rdd.collect().map(|all| all.into_iter().for_each(|line| drop(sent.send(line)))));
    /// let running = ssc.start()?;
    ///
    /// let mut client = std::net::TcpStream::connect(address)?;
    /// client.write_all(b"POST / HTTP/1.1\r\nHost: me\r\nConnection: close\r\nContent-Length: 12\r\n\r\nto be\nor not")?;
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert!(answer.starts_with("HTTP/1.1 202") && answer.ends_with("{\"records\":2}\n"));
    /// assert_eq!((received.recv()?, received.recv()?), ("to be".to_owned(), "or not".to_owned()));
    /// running.stop(Stop::Graceful)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn http_text_stream(&self, address: impl Into<String>, options: HttpOptions) -> HttpStream<'_, String>;

    /// Records that clients post to `address` as JSON, one per line or in an array, and that are read as serde reads them. The rest
    /// is as for [`http_text_stream`](Self::http_text_stream).
    ///
    /// # Errors
    /// As [`http_text_stream`](Self::http_text_stream).
    #[track_caller]
    fn http_stream<T: Record>(&self, address: impl Into<String>, options: HttpOptions) -> HttpStream<'_, T>;
}

impl HttpSource for StreamingContext {
    fn http_text_stream(&self, address: impl Into<String>, options: HttpOptions) -> HttpStream<'_, String> {
        stream(self, Site::here("http_text_stream"), address.into(), options, Formats::of_lines())
    }

    fn http_stream<T: Record>(&self, address: impl Into<String>, options: HttpOptions) -> HttpStream<'_, T> {
        stream(self, Site::here("http_stream"), address.into(), options, Formats::of_json())
    }
}

/// A stream that is pushed into by HTTP: a [`DStream`] that knows where that is.
#[derive(Debug, Clone)]
pub struct HttpStream<'c, T> {
    stream: DStream<'c, T>,
    endpoint: HttpEndpoint,
}

impl<'c, T> HttpStream<'c, T> {
    /// The stream.
    pub fn stream(&self) -> DStream<'c, T> {
        self.stream
    }

    /// Where it is pushed to: a handle that outlives the building.
    pub fn endpoint(&self) -> HttpEndpoint {
        self.endpoint.clone()
    }

    /// The address, with the port that the system has chosen when it was 0; `None` when it could not be had: then `start` says why.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.endpoint.local_addr()
    }
}

impl<'c, T> Deref for HttpStream<'c, T> {
    type Target = DStream<'c, T>;

    fn deref(&self) -> &DStream<'c, T> {
        &self.stream
    }
}

fn stream<T: Record>(
    context: &StreamingContext,
    site: Site,
    address: String,
    options: HttpOptions,
    formats: Formats<T>,
) -> HttpStream<'_, T> {
    if let Some(problem) = options.problem() {
        context.misuse(site, problem);
    }
    let listener = listen(&address, options.beyond_this_machine).map_err(|problem| context.misuse(site, problem)).ok();
    let local = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    let options = Arc::new(options);
    let endpoint = HttpEndpoint { address: local, path: options.path.as_str().into(), counters: Arc::default() };
    let config = &context.config().receiver;
    let max_line = usize::try_from(config.max_line.as_u64()).unwrap_or(usize::MAX);
    let (counters, level) = (endpoint.counters.clone(), options.level);
    let port = Port::new(listener);
    let factory = move || HttpReceiver {
        port: port.clone(),
        options: options.clone(),
        formats,
        max_line,
        counters: counters.clone(),
    };
    let name = format!("http {}", local.map_or(address, |local| local.to_string()));
    HttpStream { stream: context.receiver_stream_at(site, name, level, factory), endpoint }
}
