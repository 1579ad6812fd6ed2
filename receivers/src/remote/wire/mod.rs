//! The wire format of remote actors: frames, their bytes, and the way back. No sockets in here. `docs/remote_protocol.md` describes
//! it for those who write a client in another language.

mod error;
mod frame;
mod reader;

pub use error::WireError;
pub(super) use frame::encode_message;
pub use frame::{Frame, Outcome, Refusal};
pub use reader::FrameReader;

/// What both sides begin with.
pub const MAGIC: [u8; 4] = *b"WWRA";
/// The version of the format, which follows.
pub const VERSION: u16 = 1;
/// Magic and version.
pub const PREAMBLE_BYTES: usize = 6;
/// The length in front of every frame.
pub const LENGTH_BYTES: usize = 4;
/// What a message frame has besides the message: its kind and its number.
pub const MESSAGE_HEADER_BYTES: usize = 9;
/// The longest frame that is no message, without its length.
pub const MAX_CONTROL_BYTES: usize = 2048;
/// The longest name of a stream.
pub const MAX_NAME_BYTES: usize = 255;
/// The longest name of a type; longer ones are cut off.
pub const MAX_TYPE_BYTES: usize = 1024;
/// The longest text of an answer or refusal; longer ones are cut off.
pub const MAX_TEXT_BYTES: usize = 1024;

/// What a side sends first.
pub fn preamble() -> [u8; PREAMBLE_BYTES] {
    let ([a, b, c, d], [low, high]) = (MAGIC, VERSION.to_le_bytes());
    [a, b, c, d, low, high]
}

/// Has a frame reader of either side read `bytes` in pieces: for fuzzing. It must neither panic nor hold more than it may.
pub fn fuzz_remote(bytes: &[u8]) {
    const MESSAGE: usize = 4096;
    let Some((piece, bytes)) = bytes.split_first() else { return };
    for mut reader in [FrameReader::of_client(MESSAGE), FrameReader::of_server(MESSAGE)] {
        let piece = usize::from(*piece).max(1);
        'pieces: for bytes in bytes.chunks(piece) {
            reader.push(bytes);
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => {
                        // What was read can be written, and read again.
                        let mut again = Vec::new();
                        frame.encode_into(&mut again);
                        assert!(again.len() > LENGTH_BYTES, "a frame has a length and a kind");
                    }
                    Ok(None) => break,
                    Err(_) => break 'pieces,
                }
            }
            assert!(reader.held() <= MESSAGE + MESSAGE_HEADER_BYTES + LENGTH_BYTES + piece, "it holds too much");
        }
    }
}
