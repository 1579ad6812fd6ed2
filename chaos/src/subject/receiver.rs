//! The receiver of a [`Feeder`](crate::feeder::Feeder): it acknowledges what is in the block log, and nothing before.

use super::Delivery;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// Reads from `peer` until one of the two ends.
#[derive(Debug, Clone)]
pub struct Acknowledging {
    /// Where the feeder listens.
    pub peer: SocketAddr,
}

impl Receiver for Acknowledging {
    type Record = Delivery;

    async fn run(&mut self, handle: ReceiverHandle<Delivery>) -> Result<(), ReceiverError> {
        tokio::select! {
            outcome = receive(self.peer, &handle) => outcome,
            () = handle.stopped() => Ok(()),
        }
    }
}

async fn receive(peer: SocketAddr, handle: &ReceiverHandle<Delivery>) -> Result<(), ReceiverError> {
    let (answers, mut writer) = TcpStream::connect(peer).await?.into_split();
    let mut reader = BufReader::new(answers);
    let mut line = String::new();
    loop {
        let mut records: Vec<Delivery> = Vec::new();
        // What has arrived already is stored together.
        while records.is_empty() || reader.buffer().contains(&b'\n') {
            line.clear();
            if reader.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            records.push(line.trim_end().parse()?);
        }
        let last = records.last().map(|record| record.number);
        handle.store_reliably(records).await?;
        if let Some(last) = last {
            writer.write_all(format!("{last}\n").as_bytes()).await?;
        }
    }
}
