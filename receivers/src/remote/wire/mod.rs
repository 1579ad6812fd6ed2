//! The wire format of remote actors: frames, their bytes, and the way back. No sockets in here. `docs/remote_protocol.md` describes
//! it for those who write a client in another language.

mod error;
mod frame;
mod reader;

pub use error::WireError;
pub(super) use frame::encode_message;
pub use frame::{Frame, MessageOutcome, Refusal};
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

/// Has a frame reader of either side read `bytes` in pieces: for fuzzing. It must neither panic nor hold more than it may; what comes of
/// the bytes must not depend on the pieces, and what was read must be the same when it is written and read again.
pub fn fuzz_remote(bytes: &[u8]) {
    const MESSAGE: usize = 4096;
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let piece = usize::from(*piece).max(1);
    for side in [FrameReader::of_client, FrameReader::of_server] {
        let mut pieces = side(MESSAGE);
        let (mut frames, mut error) = (Vec::new(), None);
        for bytes in bytes.chunks(piece) {
            pieces.push(bytes);
            error = read_all(&mut pieces, &mut frames);
            if error.is_some() {
                break;
            }
            assert!(pieces.held() <= MESSAGE + MESSAGE_HEADER_BYTES + LENGTH_BYTES + piece, "it holds too much");
        }
        let (mut whole, mut at_once) = (side(MESSAGE), Vec::new());
        whole.push(bytes);
        let error_at_once = read_all(&mut whole, &mut at_once);
        assert_eq!((&at_once, error_at_once.is_some()), (&frames, error.is_some()), "it depends on the pieces");

        let mut again = preamble().to_vec();
        frames.iter().for_each(|frame| frame.encode_into(&mut again));
        let (mut reader, mut read) = (side(MESSAGE), Vec::new());
        reader.push(&again);
        let error = read_all(&mut reader, &mut read);
        assert_eq!((read, error), (frames, None), "what was written is not what was read");
    }
}

/// Reads the frames that are there; the error if there is one.
fn read_all(reader: &mut FrameReader, frames: &mut Vec<Frame>) -> Option<WireError> {
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::{FRAME_TIMEOUT, RemotePortOptions};

    const DOCUMENT: &str = include_str!("../../../../docs/remote_protocol.md");

    #[test]
    fn the_document_of_the_protocol_says_what_the_constants_are() {
        let text = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
        let magic = String::from_utf8_lossy(&MAGIC);
        for stated in [
            format!(
                "Each side sends {PREAMBLE_BYTES} bytes first: the magic `{magic}` and the version, `u16`, which is {VERSION}."
            ),
            format!("the name of the actor stream: text16, at most {MAX_NAME_BYTES} bytes").replace("the name", "name"),
            format!("for people: text16, at most {MAX_TYPE_BYTES} bytes"),
            format!("A frame that is no Message has at most {MAX_CONTROL_BYTES} bytes behind its length"),
            format!("a Message has at most {MESSAGE_HEADER_BYTES} more than the longest message of the Welcome"),
            format!("Texts of answers and refusals have at most {MAX_TEXT_BYTES} bytes"),
            format!("A frame has to arrive within {} s", FRAME_TIMEOUT.as_secs()),
        ] {
            assert!(text.contains(&stated), "{stated}");
        }
        let limits = RemotePortOptions::default().limits();
        assert_eq!(limits.heartbeat * 3, limits.idle, "three heartbeats, as the document says");
    }

    #[test]
    fn the_document_of_the_protocol_lists_every_kind_outcome_and_refusal() {
        let rows = |heading: &str| -> Vec<u8> {
            let section = DOCUMENT.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
            let numbers = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse().ok());
            numbers.collect()
        };
        assert_eq!(rows("Frames"), [1, 2, 3, 4, 129, 130, 131, 132, 133]);
        assert_eq!(rows("Outcomes"), MessageOutcome::ALL.map(MessageOutcome::code));
        assert_eq!(rows("Refusals"), Refusal::ALL.map(Refusal::code));
        let again = DOCUMENT.split("## Refusals").nth(1).unwrap().lines().filter(|line| line.starts_with("| "));
        let again: Vec<bool> = again.skip(2).map(|line| !line.ends_with("| no |")).collect();
        assert_eq!(again, Refusal::ALL.map(Refusal::is_passing));
    }
}
