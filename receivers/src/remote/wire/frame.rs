//! Frames and their bytes.

use super::{LENGTH_BYTES, MAX_NAME_BYTES, MAX_TEXT_BYTES, MAX_TYPE_BYTES, WireError};

/// What one side says to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Client: which actor it wants, and what it will send.
    Hello {
        /// The name of the actor stream.
        name: String,
        /// The type of the messages, for people.
        type_name: String,
        /// What stands for that type.
        fingerprint: u64,
    },
    /// Client: a message.
    Message {
        /// Its number: larger than those before it.
        sequence: u64,
        /// The encoded message.
        payload: Vec<u8>,
    },
    /// Client: it is still there.
    Ping,
    /// Client: no more messages come; the server closes when all are answered.
    Bye,
    /// Server: the actor is there, and this is the credit to begin with.
    Welcome {
        /// Messages that may be sent.
        messages: u64,
        /// Bytes of messages that may be sent.
        bytes: u64,
        /// The longest message.
        max_message: u32,
        /// The client should be heard of this often, in milliseconds.
        heartbeat_ms: u32,
    },
    /// Server: what became of a message.
    Answer {
        /// Its number.
        sequence: u64,
        /// What became of it.
        outcome: MessageOutcome,
        /// Why, when it did not go well.
        text: String,
    },
    /// Server: the credit since the beginning of the connection.
    Grant {
        /// Messages that may have been sent since then.
        messages: u64,
        /// Bytes of messages that may have been sent since then.
        bytes: u64,
    },
    /// Server: it closes the connection.
    Refused {
        /// Why.
        code: Refusal,
        /// The same for people.
        text: String,
    },
    /// Server: the answer to a ping.
    Pong,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageOutcome {
    /// Its handler answered with a success.
    Done,
    /// Its handler answered with an error, which is the text.
    Refused,
    /// The actor failed, or was stopped, while it handled the message.
    Failed,
    /// The bytes are no message of the type.
    Undecodable,
    /// The stream has ended; the message was not taken.
    Ended,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The client speaks another version.
    Version,
    /// The client broke the protocol.
    Protocol,
    /// There is no such actor stream, or it takes nothing from remote senders.
    UnknownName,
    /// The actor takes messages of another type.
    OtherType,
    /// A frame was longer than allowed.
    TooLarge,
    /// More was sent than there was credit for.
    OverCredit,
    /// There are as many connections as there may be.
    TooMany,
    /// Nothing was heard for too long, or a frame took too long to arrive.
    Idle,
    /// The program ends.
    Ended,
}

impl MessageOutcome {
    /// Every outcome, in order of code.
    pub const ALL: [MessageOutcome; 5] = [
        MessageOutcome::Done,
        MessageOutcome::Refused,
        MessageOutcome::Failed,
        MessageOutcome::Undecodable,
        MessageOutcome::Ended,
    ];

    /// Its byte.
    pub fn code(self) -> u8 {
        match self {
            MessageOutcome::Done => 0,
            MessageOutcome::Refused => 1,
            MessageOutcome::Failed => 2,
            MessageOutcome::Undecodable => 3,
            MessageOutcome::Ended => 4,
        }
    }
}

impl Refusal {
    /// Every refusal, in order of code.
    pub const ALL: [Refusal; 9] = [
        Refusal::Version,
        Refusal::Protocol,
        Refusal::UnknownName,
        Refusal::OtherType,
        Refusal::TooLarge,
        Refusal::OverCredit,
        Refusal::TooMany,
        Refusal::Idle,
        Refusal::Ended,
    ];

    /// Its byte.
    pub fn code(self) -> u8 {
        match self {
            Refusal::Version => 1,
            Refusal::Protocol => 2,
            Refusal::UnknownName => 3,
            Refusal::OtherType => 4,
            Refusal::TooLarge => 5,
            Refusal::OverCredit => 6,
            Refusal::TooMany => 7,
            Refusal::Idle => 8,
            Refusal::Ended => 9,
        }
    }

    /// Whether the same client may succeed later.
    pub fn is_passing(self) -> bool {
        matches!(self, Refusal::TooMany | Refusal::Idle | Refusal::Ended)
    }
}

/// Kinds of frames.
pub(super) mod kind {
    pub(in super::super) const HELLO: u8 = 1;
    pub(in super::super) const MESSAGE: u8 = 2;
    pub(in super::super) const PING: u8 = 3;
    pub(in super::super) const BYE: u8 = 4;
    pub(in super::super) const WELCOME: u8 = 129;
    pub(in super::super) const ANSWER: u8 = 130;
    pub(in super::super) const GRANT: u8 = 131;
    pub(in super::super) const REFUSED: u8 = 132;
    pub(in super::super) const PONG: u8 = 133;

    /// Whether clients send frames of this kind.
    pub(in super::super) fn is_of_client(kind: u8) -> bool {
        (HELLO..=BYE).contains(&kind)
    }

    /// Whether servers send frames of this kind.
    pub(in super::super) fn is_of_server(kind: u8) -> bool {
        (WELCOME..=PONG).contains(&kind)
    }
}

impl Frame {
    /// Its kind, as on the wire.
    pub fn kind(&self) -> u8 {
        match self {
            Frame::Hello { .. } => kind::HELLO,
            Frame::Message { .. } => kind::MESSAGE,
            Frame::Ping => kind::PING,
            Frame::Bye => kind::BYE,
            Frame::Welcome { .. } => kind::WELCOME,
            Frame::Answer { .. } => kind::ANSWER,
            Frame::Grant { .. } => kind::GRANT,
            Frame::Refused { .. } => kind::REFUSED,
            Frame::Pong => kind::PONG,
        }
    }

    /// Appends its bytes, the length in front. Texts that are too long are cut off between two characters.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Frame::Message { sequence, payload } => encode_message(*sequence, payload, out),
            _ => framed(self.kind(), out, |out| self.body(out)),
        }
    }

    fn body(&self, out: &mut Vec<u8>) {
        match self {
            Frame::Hello { name, type_name, fingerprint } => {
                text16(name, MAX_NAME_BYTES, out);
                text16(type_name, MAX_TYPE_BYTES, out);
                out.extend_from_slice(&fingerprint.to_le_bytes());
            }
            Frame::Welcome { messages, bytes, max_message, heartbeat_ms } => {
                out.extend_from_slice(&messages.to_le_bytes());
                out.extend_from_slice(&bytes.to_le_bytes());
                out.extend_from_slice(&max_message.to_le_bytes());
                out.extend_from_slice(&heartbeat_ms.to_le_bytes());
            }
            Frame::Answer { sequence, outcome, text } => {
                out.extend_from_slice(&sequence.to_le_bytes());
                out.push(outcome.code());
                out.extend_from_slice(cut_off(text, MAX_TEXT_BYTES).as_bytes());
            }
            Frame::Grant { messages, bytes } => {
                out.extend_from_slice(&messages.to_le_bytes());
                out.extend_from_slice(&bytes.to_le_bytes());
            }
            Frame::Refused { code, text } => {
                out.push(code.code());
                out.extend_from_slice(cut_off(text, MAX_TEXT_BYTES).as_bytes());
            }
            Frame::Message { .. } | Frame::Ping | Frame::Bye | Frame::Pong => {}
        }
    }

    /// The frame of this kind with this body.
    pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Frame, WireError> {
        let malformed = |what| WireError::Malformed { kind, what };
        let mut rest = Rest(body);
        let short = || malformed("it is too short");
        let frame = match kind {
            kind::HELLO => Frame::Hello {
                name: rest.text16().ok_or(malformed("the name is no text of its length"))?,
                type_name: rest.text16().ok_or(malformed("the type is no text of its length"))?,
                fingerprint: rest.u64().ok_or_else(short)?,
            },
            kind::MESSAGE => Frame::Message { sequence: rest.u64().ok_or_else(short)?, payload: rest.all().to_vec() },
            kind::PING => Frame::Ping,
            kind::BYE => Frame::Bye,
            kind::WELCOME => Frame::Welcome {
                messages: rest.u64().ok_or_else(short)?,
                bytes: rest.u64().ok_or_else(short)?,
                max_message: rest.u32().ok_or_else(short)?,
                heartbeat_ms: rest.u32().ok_or_else(short)?,
            },
            kind::ANSWER => Frame::Answer {
                sequence: rest.u64().ok_or_else(short)?,
                outcome: {
                    let code = rest.u8().ok_or_else(short)?;
                    let known = MessageOutcome::ALL.into_iter().find(|outcome| outcome.code() == code);
                    known.ok_or(malformed("there is no such outcome"))?
                },
                text: rest.text().ok_or(malformed("the text is not UTF-8"))?,
            },
            kind::GRANT => {
                Frame::Grant { messages: rest.u64().ok_or_else(short)?, bytes: rest.u64().ok_or_else(short)? }
            }
            kind::REFUSED => Frame::Refused {
                code: {
                    let code = rest.u8().ok_or_else(short)?;
                    let known = Refusal::ALL.into_iter().find(|refusal| refusal.code() == code);
                    known.ok_or(malformed("there is no such refusal"))?
                },
                text: rest.text().ok_or(malformed("the text is not UTF-8"))?,
            },
            kind::PONG => Frame::Pong,
            kind => return Err(WireError::Kind { kind }),
        };
        if rest.0.is_empty() { Ok(frame) } else { Err(malformed("something is left over")) }
    }
}

/// Appends the bytes of a message without a copy of it before.
pub(in crate::remote) fn encode_message(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    framed(kind::MESSAGE, out, |out| {
        out.extend_from_slice(&sequence.to_le_bytes());
        out.extend_from_slice(payload);
    });
}

fn framed(kind: u8, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.push(kind);
    body(out);
    // Nothing that is as long as that is ever framed: messages have a limit.
    let length = u32::try_from(out.len() - start - LENGTH_BYTES).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + LENGTH_BYTES) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn text16(text: &str, limit: usize, out: &mut Vec<u8>) {
    let text = cut_off(text, limit);
    out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The beginning of a text, of at most `limit` bytes.
fn cut_off(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// What is left of a body.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn text16(&mut self) -> Option<String> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn all(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.all().to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_CONTROL_BYTES;
    use super::*;

    /// The bytes of `frame`.
    fn bytes(frame: &Frame) -> Vec<u8> {
        let mut out = Vec::new();
        frame.encode_into(&mut out);
        out
    }

    /// Recorded: clients of other versions send and expect these bytes.
    #[test]
    fn the_bytes_of_every_frame_stay_as_they_are() {
        let hello = Frame::Hello { name: "ab".to_owned(), type_name: "T".to_owned(), fingerprint: 0x0102 };
        let welcome = Frame::Welcome { messages: 1, bytes: 2, max_message: 3, heartbeat_ms: 4 };
        let answer = Frame::Answer { sequence: 5, outcome: MessageOutcome::Refused, text: "no".to_owned() };
        let refused = Frame::Refused { code: Refusal::UnknownName, text: "?".to_owned() };
        let expected: [(Frame, &[u8]); 9] = [
            (hello, &[16, 0, 0, 0, 1, 2, 0, b'a', b'b', 1, 0, b'T', 2, 1, 0, 0, 0, 0, 0, 0]),
            (Frame::Message { sequence: 7, payload: vec![9, 8] }, &[11, 0, 0, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 9, 8]),
            (Frame::Ping, &[1, 0, 0, 0, 3]),
            (Frame::Bye, &[1, 0, 0, 0, 4]),
            (welcome, &[25, 0, 0, 0, 129, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]),
            (answer, &[12, 0, 0, 0, 130, 5, 0, 0, 0, 0, 0, 0, 0, 1, b'n', b'o']),
            (
                Frame::Grant { messages: 1, bytes: 2 },
                &[17, 0, 0, 0, 131, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
            ),
            (refused, &[3, 0, 0, 0, 132, 3, b'?']),
            (Frame::Pong, &[1, 0, 0, 0, 133]),
        ];
        for (frame, expected) in expected {
            assert_eq!(bytes(&frame), expected, "{frame:?}");
            assert_eq!(Frame::decode(expected[4], &expected[5..]), Ok(frame));
        }
    }

    #[test]
    fn codes_are_their_positions() {
        assert!(MessageOutcome::ALL.iter().zip(0..).all(|(outcome, code)| outcome.code() == code));
        assert!(Refusal::ALL.iter().zip(1..).all(|(refusal, code)| refusal.code() == code));
    }

    #[test]
    fn long_texts_are_cut_off_between_characters_so_that_every_control_frame_is_short_enough() {
        let long = "ß".repeat(4000);
        let name = format!("x{}", "ß".repeat(4000));
        for frame in [
            Frame::Hello { name, type_name: long.clone(), fingerprint: 1 },
            Frame::Answer { sequence: 1, outcome: MessageOutcome::Failed, text: long.clone() },
            Frame::Refused { code: Refusal::Ended, text: long },
        ] {
            let bytes = bytes(&frame);
            assert!(bytes.len() <= LENGTH_BYTES + MAX_CONTROL_BYTES, "{}", bytes.len());
            Frame::decode(bytes[4], &bytes[5..]).unwrap();
        }
    }

    #[test]
    fn a_body_that_is_not_what_its_kind_says_is_refused_by_name() {
        let cases: [(u8, &[u8], &str); 9] = [
            (kind::HELLO, &[5, 0, b'a'], "the name is no text of its length"),
            (kind::HELLO, &[1, 0, 0xff], "the name is no text of its length"),
            (kind::HELLO, &[0, 0, 0, 0, 1, 2, 3], "it is too short"),
            (kind::MESSAGE, &[1, 2, 3], "it is too short"),
            (kind::PING, &[0], "something is left over"),
            (kind::ANSWER, &[0, 0, 0, 0, 0, 0, 0, 0, 99], "there is no such outcome"),
            (kind::ANSWER, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff], "the text is not UTF-8"),
            (kind::REFUSED, &[0], "there is no such refusal"),
            (kind::GRANT, &[0; 17], "something is left over"),
        ];
        for (kind, body, what) in cases {
            assert_eq!(Frame::decode(kind, body), Err(WireError::Malformed { kind, what }));
        }
        assert_eq!(Frame::decode(77, &[]), Err(WireError::Kind { kind: 77 }));
    }
}
