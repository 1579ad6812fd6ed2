//! Where an example reads its text from: the address that it was told, or a server inside.

use std::fmt;
use std::io;

use crate::cli::Cli;
use crate::text_server::TextServer;

/// The text of an example. Dropping it ends the server inside, if there is one.
#[derive(Debug)]
pub struct Feed {
    address: String,
    server: Option<TextServer>,
}

impl Feed {
    /// The address of the command line; without one a server inside that sends `lines_per_s` of what `lines` makes.
    ///
    /// # Errors
    ///
    /// When the server cannot be started.
    pub fn new<L>(cli: &Cli, lines_per_s: u32, lines: impl Fn() -> L + Send + 'static) -> io::Result<Self>
    where
        L: Iterator<Item = String> + 'static,
    {
        match &cli.address {
            Some(address) => Ok(Self { address: address.clone(), server: None }),
            None => {
                let server = TextServer::start(lines_per_s, lines)?;
                Ok(Self { address: server.address().to_string(), server: Some(server) })
            }
        }
    }

    /// Where to connect to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// After how many batches the example ends: what the command line says, or else `own` when it feeds itself. `None` is at
    /// Ctrl-C.
    pub fn batches(&self, cli: &Cli, own: u64) -> Option<u64> {
        cli.batches.or(self.server.is_some().then_some(own))
    }

    /// Says how to feed `example`, if it has fed itself.
    pub fn tell_how(&self, example: &str) {
        if self.server.is_some() {
            println!("Feed it yourself: run `nc -lk 9999` in one terminal, and in another");
            // As it was built itself, so that it is there already.
            let built = if cfg!(feature = "rocksdb") { "" } else { "--profile demo --no-default-features " };
            println!("  cargo run {built}-p examples --bin {example} localhost:9999");
        }
    }
}

/// As what `lines` come from: `of a text server inside this program`, or `that come from localhost:9999`.
impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Some(_) => f.write_str("of a text server inside this program"),
            None => write!(f, "that come from {}", self.address),
        }
    }
}
