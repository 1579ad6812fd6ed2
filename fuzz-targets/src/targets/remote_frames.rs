//! What feeders of remote actors and their servers say to each other.

use waterwheel_receivers::remote::wire::{Frame, MessageOutcome, Refusal, fuzz_remote, preamble};

pub(super) fn run(bytes: &[u8]) {
    fuzz_remote(bytes);
}

/// A side's first bytes and these frames, in pieces of `piece` bytes.
fn said(piece: u8, frames: &[Frame]) -> Vec<u8> {
    let mut bytes = vec![piece];
    bytes.extend(preamble());
    frames.iter().for_each(|frame| frame.encode_into(&mut bytes));
    bytes
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let hello = Frame::Hello { name: "words".to_owned(), type_name: "String".to_owned(), fingerprint: 7 };
    let client = [hello, Frame::Message { sequence: 1, payload: b"\x04tide".to_vec() }, Frame::Ping, Frame::Bye];
    let server = [
        Frame::Welcome { messages: 16, bytes: 1 << 20, max_message: 4096, heartbeat_ms: 5000 },
        Frame::Answer { sequence: 1, outcome: MessageOutcome::Refused, text: "no".to_owned() },
        Frame::Grant { messages: 17, bytes: 1 << 21 },
        Frame::Pong,
        Frame::Refused { code: Refusal::Idle, text: String::new() },
    ];
    let cut_off = said(3, &client).split_off(20);
    vec![said(1, &client), said(7, &server), said(255, &[]), cut_off, b"\x05WWRA\x02\0".to_vec()]
}
