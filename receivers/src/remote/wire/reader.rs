//! Cuts bytes, as they come, into frames.

use super::frame::kind;
use super::{Frame, LENGTH_BYTES, MAGIC, MAX_CONTROL_BYTES, MESSAGE_HEADER_BYTES, PREAMBLE_BYTES, VERSION, WireError};

/// Reads what the other side sends. It never holds more than the frame that is arriving and what was pushed last: lengths are
/// checked as soon as they are there, by the kind of the frame, and nothing is reserved for what has not come.
///
/// ```
/// use waterwheel_receivers::remote::wire::{Frame, FrameReader, preamble};
///
/// let mut bytes = preamble().to_vec();
/// Frame::Ping.encode_into(&mut bytes);
/// let (first, rest) = bytes.split_at(8);
///
/// let mut reader = FrameReader::of_client(1024);
/// reader.push(first);
/// assert_eq!(reader.next_frame()?, None);
/// reader.push(rest);
/// assert_eq!(reader.next_frame()?, Some(Frame::Ping));
/// # Ok::<(), waterwheel_receivers::remote::wire::WireError>(())
/// ```
#[derive(Debug)]
pub struct FrameReader {
    from_client: bool,
    begun: bool,
    max_message: usize,
    held: Vec<u8>,
    /// Up to where `held` has been read.
    at: usize,
}

impl FrameReader {
    /// For a server: reads what a client sends, with messages of at most `max_message` bytes.
    pub fn of_client(max_message: usize) -> FrameReader {
        FrameReader { from_client: true, begun: false, max_message, held: Vec::new(), at: 0 }
    }

    /// For a client: reads what a server sends.
    pub fn of_server(max_message: usize) -> FrameReader {
        FrameReader { from_client: false, ..FrameReader::of_client(max_message) }
    }

    /// Takes messages of at most `max_message` bytes from now on.
    pub fn allow(&mut self, max_message: usize) {
        self.max_message = max_message;
    }

    /// Adds bytes that have come. To be followed by [`next_frame`](FrameReader::next_frame) until that has nothing more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.at.min(self.held.len()));
        self.at = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next frame, if all of it has come.
    ///
    /// # Errors
    /// Bytes that are no frame, as soon as that is known. Nothing can be read after it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, WireError> {
        if !self.begun && !self.begin()? {
            return Ok(None);
        }
        let rest = self.held.get(self.at..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length == 0 {
            return Err(WireError::Empty);
        }
        let Some((&kind, body)) = rest.split_first() else { return Ok(None) };
        self.check(kind, length)?;
        let Some(body) = body.get(..length - 1) else { return Ok(None) };
        let frame = Frame::decode(kind, body)?;
        self.at += LENGTH_BYTES + length;
        Ok(Some(frame))
    }

    /// Whether a frame has begun to arrive and has not ended.
    pub fn is_inside(&self) -> bool {
        self.at < self.held.len()
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.held.len() - self.at.min(self.held.len())
    }

    /// Reads magic and version; whether they are there.
    fn begin(&mut self) -> Result<bool, WireError> {
        // What is wrong with the first byte is not waited for.
        let seen = self.held.len().min(MAGIC.len());
        if self.held.get(..seen) != MAGIC.get(..seen) {
            let mut begins = [0; MAGIC.len()];
            begins.iter_mut().zip(&self.held).for_each(|(to, from)| *to = *from);
            return Err(WireError::NotOurs { begins });
        }
        let Some([.., low, high]) = self.held.first_chunk::<PREAMBLE_BYTES>() else { return Ok(false) };
        let theirs = u16::from_le_bytes([*low, *high]);
        if theirs != VERSION {
            return Err(WireError::Version { theirs });
        }
        (self.begun, self.at) = (true, PREAMBLE_BYTES);
        Ok(true)
    }

    fn check(&self, kind: u8, length: usize) -> Result<(), WireError> {
        let known = if self.from_client { kind::is_of_client(kind) } else { kind::is_of_server(kind) };
        if !known {
            return Err(WireError::Kind { kind });
        }
        let limit = if kind == kind::MESSAGE { self.max_message + MESSAGE_HEADER_BYTES } else { MAX_CONTROL_BYTES };
        if length > limit { Err(WireError::TooLong { kind, length, limit }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MessageOutcome, Refusal, fuzz_remote, preamble};
    use super::*;
    use proptest::prelude::*;

    /// What comes of `bytes` that arrive in pieces, up to the first error.
    fn read(mut reader: FrameReader, bytes: &[u8], piece: usize) -> (Vec<Frame>, Option<WireError>, usize) {
        let (mut frames, mut most) = (Vec::new(), 0);
        for bytes in bytes.chunks(piece) {
            reader.push(bytes);
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => return (frames, Some(error), most),
                }
            }
            most = most.max(reader.held());
        }
        (frames, None, most)
    }

    fn begun(bytes: &[u8]) -> Vec<u8> {
        [preamble().as_slice(), bytes].concat()
    }

    #[test]
    fn what_is_no_frame_is_refused_as_soon_as_that_is_known() {
        let long = [255, 255, 255, 255, kind::MESSAGE];
        let cases: [(Vec<u8>, WireError); 9] = [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), WireError::NotOurs { begins: *b"GET " }),
            (b"\x16".to_vec(), WireError::NotOurs { begins: [0x16, 0, 0, 0] }),
            (b"WWRA\x02\x00".to_vec(), WireError::Version { theirs: 2 }),
            (b"WWRA\x00\x01".to_vec(), WireError::Version { theirs: 256 }),
            (begun(&[0, 0, 0, 0]), WireError::Empty),
            (begun(&long), WireError::TooLong { kind: 2, length: u32::MAX as usize, limit: 109 }),
            (begun(&[1, 8, 0, 0, kind::HELLO]), WireError::TooLong { kind: 1, length: 2049, limit: 2048 }),
            (begun(&[1, 0, 0, 0, kind::PONG]), WireError::Kind { kind: kind::PONG }),
            (begun(&[9, 0, 0, 0, 200]), WireError::Kind { kind: 200 }),
        ];
        for (bytes, expected) in cases {
            for piece in [1, 3, 1000] {
                let (frames, mut error, _) = read(FrameReader::of_client(100), &bytes, piece);
                // As much of it as had come.
                if let (Some(WireError::NotOurs { begins }), WireError::NotOurs { begins: whole }) =
                    (&mut error, &expected)
                {
                    let seen = piece.min(begins.len());
                    assert_eq!(begins[..seen], whole[..seen]);
                    *begins = *whole;
                }
                assert_eq!((frames, error), (Vec::new(), Some(expected.clone())), "{bytes:?} in pieces of {piece}");
            }
        }
        let (_, error, _) = read(FrameReader::of_server(100), &begun(&[1, 0, 0, 0, kind::PING]), 100);
        assert_eq!(error, Some(WireError::Kind { kind: kind::PING }));
    }

    #[test]
    fn a_frame_that_has_not_ended_is_waited_for_and_known_to_be_inside() {
        let mut bytes = begun(&[]);
        Frame::Message { sequence: 1, payload: vec![0; 50] }.encode_into(&mut bytes);
        let mut reader = FrameReader::of_client(100);
        assert!(!reader.is_inside());
        let (last, first) = bytes.split_last().unwrap();
        reader.push(first);
        assert_eq!(reader.next_frame(), Ok(None));
        assert!(reader.is_inside());
        reader.push(&[*last]);
        assert!(matches!(reader.next_frame(), Ok(Some(Frame::Message { sequence: 1, .. }))));
        assert!(!reader.is_inside());
    }

    #[test]
    fn messages_are_taken_up_to_what_is_allowed_at_the_time() {
        let mut reader = FrameReader::of_client(0);
        reader.push(&preamble());
        let mut message = Vec::new();
        Frame::Message { sequence: 1, payload: vec![7; 10] }.encode_into(&mut message);
        reader.allow(10);
        reader.push(&message);
        assert!(reader.next_frame().unwrap().is_some());
        reader.allow(9);
        reader.push(&message);
        assert_eq!(reader.next_frame(), Err(WireError::TooLong { kind: 2, length: 19, limit: 18 }));
    }

    fn any_frame() -> impl Strategy<Value = Frame> {
        let text = || "\\PC{0,40}";
        prop_oneof![
            (text(), text(), any::<u64>()).prop_map(|(name, type_name, fingerprint)| Frame::Hello {
                name,
                type_name,
                fingerprint
            }),
            (any::<u64>(), prop::collection::vec(any::<u8>(), 0..200))
                .prop_map(|(sequence, payload)| Frame::Message { sequence, payload }),
            Just(Frame::Ping),
            Just(Frame::Bye),
        ]
    }

    fn any_server_frame() -> impl Strategy<Value = Frame> {
        let text = || "\\PC{0,40}";
        prop_oneof![
            (any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>()).prop_map(
                |(messages, bytes, max_message, heartbeat_ms)| Frame::Welcome {
                    messages,
                    bytes,
                    max_message,
                    heartbeat_ms
                }
            ),
            (any::<u64>(), text()).prop_map(|(sequence, text)| Frame::Answer {
                sequence,
                outcome: MessageOutcome::Failed,
                text
            }),
            (any::<u64>(), any::<u64>()).prop_map(|(messages, bytes)| Frame::Grant { messages, bytes }),
            (0..9_usize, text()).prop_map(|(code, text)| Frame::Refused { code: Refusal::ALL[code], text }),
            Just(Frame::Pong),
        ]
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_where_the_stream_is_cut(
            client in prop::collection::vec(any_frame(), 0..20),
            server in prop::collection::vec(any_server_frame(), 0..20),
            piece in 1_usize..100,
        ) {
            for (reader, frames) in [(FrameReader::of_client(200), client), (FrameReader::of_server(200), server)] {
                let mut bytes = preamble().to_vec();
                frames.iter().for_each(|frame| frame.encode_into(&mut bytes));
                let (read, error, most) = read(reader, &bytes, piece);
                prop_assert_eq!((read, error), (frames, None));
                prop_assert!(most <= LENGTH_BYTES + MAX_CONTROL_BYTES);
            }
        }

        #[test]
        fn garbage_is_an_error_or_waits_and_never_holds_more_than_a_frame(
            bytes in prop::collection::vec(any::<u8>(), 0..500),
            with_preamble: bool,
            piece in 1_usize..100,
        ) {
            let bytes = if with_preamble { begun(&bytes) } else { bytes };
            for reader in [FrameReader::of_client(100), FrameReader::of_server(100)] {
                let (_, _, most) = read(reader, &bytes, piece);
                prop_assert!(most <= LENGTH_BYTES + MAX_CONTROL_BYTES);
            }
            fuzz_remote(&bytes);
        }

        /// A frame in which one byte is another is an error, another frame, or waits for more; it is never more than it was.
        #[test]
        fn a_damaged_stream_holds_no_more_than_a_frame(
            frames in prop::collection::vec(any_frame(), 1..10),
            place: prop::sample::Index,
            byte: u8,
        ) {
            let mut bytes = preamble().to_vec();
            frames.iter().for_each(|frame| frame.encode_into(&mut bytes));
            let place = place.index(bytes.len());
            bytes[place] = byte;
            let (_, _, most) = read(FrameReader::of_client(200), &bytes, 64);
            prop_assert!(most <= LENGTH_BYTES + MAX_CONTROL_BYTES);
        }
    }
}
