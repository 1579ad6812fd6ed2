//! One decoder, one file.

mod codec;
mod durable_rows;
mod frames;
mod http_body;
mod lines;
mod object_file;
mod raw_blocks;
mod remote_frames;

/// A decoder under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its program in `fuzz/fuzz_targets/` and of its corpus in `fuzz/corpus/`.
    pub name: &'static str,
    /// Decodes any bytes, and panics when that breaks a promise.
    pub run: fn(&[u8]),
    /// Inputs to begin with, made by what writes the format. They are in the corpus, beside what was found.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every decoder that reads what comes from outside or from disk.
pub const TARGETS: &[Target] = &[
    Target { name: "lines", run: lines::run, seeds: lines::seeds },
    Target { name: "frames", run: frames::run, seeds: frames::seeds },
    Target { name: "raw_blocks", run: raw_blocks::run, seeds: raw_blocks::seeds },
    Target { name: "remote_frames", run: remote_frames::run, seeds: remote_frames::seeds },
    Target { name: "http_body", run: http_body::run, seeds: http_body::seeds },
    Target { name: "codec", run: codec::run, seeds: codec::seeds },
    Target { name: "object_file", run: object_file::run, seeds: object_file::seeds },
    Target { name: "durable_rows", run: durable_rows::run, seeds: durable_rows::seeds },
];

/// `bytes` in pieces of the length that their first byte says, for decoders of streams.
fn pieces(bytes: &[u8]) -> Option<(&[u8], impl Iterator<Item = &[u8]>)> {
    let (piece, bytes) = bytes.split_first()?;
    Some((bytes, bytes.chunks(usize::from(*piece).max(1))))
}
