//! The receiver of a feeder that redelivers: it stores up to where it has come with the records, and skips what comes again.
//!
//! It also gives its connection up in the middle of a store now and then, so that what it took in last is stored while the next
//! connection is made.

use super::Delivery;
use std::future::ready;
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use waterwheel::runtime::receiver::{Receiver, ReceiverError, ReceiverHandle};

/// A connection is given up at the end of so many stores.
const STORES: usize = 9;

/// Reads from `peer` until one of the two ends.
#[derive(Debug, Clone)]
pub struct Skipping {
    /// Where the feeder listens.
    pub peer: SocketAddr,
}

impl Receiver for Skipping {
    type Record = Delivery;

    async fn run(&mut self, handle: ReceiverHandle<Delivery>) -> Result<(), ReceiverError> {
        tokio::select! {
            outcome = receive(self.peer, &handle) => outcome,
            () = handle.stopped() => Ok(()),
        }
    }
}

async fn receive(peer: SocketAddr, handle: &ReceiverHandle<Delivery>) -> Result<(), ReceiverError> {
    let mut stored: Option<u64> = handle.last_position().await?;
    let (answers, mut writer) = TcpStream::connect(peer).await?.into_split();
    let mut reader = BufReader::new(answers);
    let mut line = String::new();
    let mut stores = 0;
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
        let Some(last) = records.last().map(|record| record.number) else { continue };
        records.retain(|record| stored.is_none_or(|stored| record.number > stored));
        if !records.is_empty() {
            let storing = handle.store_reliably_at(records, &last);
            stores += 1;
            if stores == STORES {
                // Taken in, and given up before anybody knows what becomes of it.
                tokio::select! {
                    biased;
                    outcome = storing => outcome?,
                    () = ready(()) => {}
                }
                return Err("the connection is given up in the middle of a store".into());
            }
            storing.await?;
            stored = Some(last);
        }
        writer.write_all(format!("{last}\n").as_bytes()).await?;
    }
}
