//! One connection as its server sees it: what may come when, and until when. No sockets and no clock in here.

use super::credit::{Allowance, Amount};
use super::wire::{Frame, FrameReader, Refusal, WireError};
use std::time::Duration;

/// What bounds a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct SessionLimits {
    /// The longest message.
    pub(super) max_message: usize,
    /// What may be sent and not answered.
    pub(super) window: Amount,
    /// The client should be heard of this often.
    pub(super) heartbeat: Duration,
    /// A connection of which nothing is heard for so long is closed.
    pub(super) idle: Duration,
    /// A frame, and the greeting, has to arrive within this.
    pub(super) frame: Duration,
}

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It wants an actor; to be answered with a welcome, or refused.
    Hello { name: String, type_name: String, fingerprint: u64 },
    /// A message.
    Message { sequence: u64, payload: Vec<u8> },
    /// It wants an answer to a heartbeat.
    Ping,
    /// No more messages come.
    Bye,
}

/// Why a connection is closed by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: Refusal,
    pub(super) text: String,
}

impl Violation {
    pub(super) fn new(code: Refusal, text: impl Into<String>) -> Violation {
        Violation { code, text: text.into() }
    }

    pub(super) fn frame(&self) -> Frame {
        Frame::Refused { code: self.code, text: self.text.clone() }
    }
}

impl From<WireError> for Violation {
    fn from(error: WireError) -> Violation {
        Violation::new(error.refusal(), error.to_string())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing but a greeting may come.
    Greeting,
    /// The greeting has come and is not answered.
    Greeted,
    /// Messages may come.
    Open,
    /// No messages may come any more; the client waits for answers, and says now and then that it does.
    Leaving,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    reader: FrameReader,
    limits: SessionLimits,
    allowance: Allowance,
    phase: Phase,
    /// The number of the last message.
    last: Option<u64>,
    opened: Duration,
    /// When something was heard last.
    heard: Duration,
    /// When the frame that is arriving began.
    begun: Option<Duration>,
}

impl Session {
    pub(super) fn new(limits: SessionLimits, now: Duration) -> Session {
        Session {
            // No message is read before the client was let in.
            reader: FrameReader::of_client(0),
            limits,
            allowance: Allowance::new(limits.window),
            phase: Phase::Greeting,
            last: None,
            opened: now,
            heard: now,
            begun: None,
        }
    }

    /// Bytes have come. To be followed by [`next`](Session::next) until that has nothing more.
    pub(super) fn push(&mut self, bytes: &[u8], now: Duration) {
        self.reader.push(bytes);
        self.heard = now;
    }

    /// What the client says next.
    pub(super) fn next(&mut self, now: Duration) -> Result<Option<Heard>, Violation> {
        let Some(frame) = self.reader.next_frame()? else {
            self.begun = if self.reader.is_inside() { self.begun.or(Some(now)) } else { None };
            return Ok(None);
        };
        self.begun = None;
        match (self.phase, frame) {
            (Phase::Greeting, Frame::Hello { name, type_name, fingerprint }) => {
                self.phase = Phase::Greeted;
                Ok(Some(Heard::Hello { name, type_name, fingerprint }))
            }
            (Phase::Open, Frame::Message { sequence, payload }) => {
                if self.last.is_some_and(|last| sequence <= last) {
                    return Err(Violation::new(
                        Refusal::Protocol,
                        format!("message {sequence} comes after message {}", self.last.unwrap_or_default()),
                    ));
                }
                self.last = Some(sequence);
                if !self.allowance.take(payload.len()) {
                    return Err(Violation::new(
                        Refusal::OverCredit,
                        format!("message {sequence} was sent without credit for it"),
                    ));
                }
                Ok(Some(Heard::Message { sequence, payload }))
            }
            (Phase::Open | Phase::Leaving, Frame::Ping) => Ok(Some(Heard::Ping)),
            (Phase::Open, Frame::Bye) => {
                self.phase = Phase::Leaving;
                Ok(Some(Heard::Bye))
            }
            (phase, frame) => Err(Violation::new(
                Refusal::Protocol,
                format!("a frame of kind {} came while the connection was {phase:?}", frame.kind()).to_lowercase(),
            )),
        }
    }

    /// Lets the client in; what it is to be told.
    pub(super) fn welcome(&mut self) -> Frame {
        self.phase = Phase::Open;
        self.reader.allow(self.limits.max_message);
        Frame::Welcome {
            messages: self.limits.window.messages,
            bytes: self.limits.window.bytes,
            max_message: u32::try_from(self.limits.max_message).unwrap_or(u32::MAX),
            heartbeat_ms: u32::try_from(self.limits.heartbeat.as_millis()).unwrap_or(u32::MAX),
        }
    }

    /// A message of so many bytes has been answered.
    pub(super) fn answered(&mut self, bytes: usize) {
        self.allowance.answer(bytes);
    }

    /// The credit that there is to be told of.
    pub(super) fn grant(&mut self) -> Option<Frame> {
        let Amount { messages, bytes } = self.allowance.grant()?;
        Some(Frame::Grant { messages, bytes })
    }

    /// When the client has to have been heard of at the latest.
    pub(super) fn deadline(&self) -> Duration {
        let idle = self.heard + self.limits.idle;
        match (self.phase, self.begun) {
            (Phase::Greeting | Phase::Greeted, _) => self.opened + self.limits.frame,
            // What keeps trickling in does not put this off.
            (_, Some(begun)) => idle.min(begun + self.limits.frame),
            (Phase::Open | Phase::Leaving, None) => idle,
        }
    }

    /// What it is refused for at its deadline.
    pub(super) fn overdue(&self) -> Violation {
        let SessionLimits { frame, idle, .. } = self.limits;
        let text = match (self.phase, self.begun) {
            (Phase::Greeting | Phase::Greeted, _) => format!("no greeting came within {frame:?}"),
            (_, Some(begun)) if begun + frame <= self.heard + idle => {
                format!("a frame did not arrive within {frame:?}")
            }
            _ => format!("nothing was heard for {idle:?}"),
        };
        Violation::new(Refusal::Idle, text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::preamble;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> SessionLimits {
        let window = Amount { messages: 2, bytes: 100 };
        SessionLimits { max_message: 50, window, heartbeat: SECOND, idle: 30 * SECOND, frame: 10 * SECOND }
    }

    fn bytes(frames: &[Frame]) -> Vec<u8> {
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.encode_into(&mut bytes));
        bytes
    }

    fn hello() -> Frame {
        Frame::Hello { name: "words".to_owned(), type_name: "Word".to_owned(), fingerprint: 7 }
    }

    fn message(sequence: u64, length: usize) -> Frame {
        Frame::Message { sequence, payload: vec![0; length] }
    }

    /// A session of a client that was let in.
    fn open() -> Session {
        let mut session = Session::new(limits(), Duration::ZERO);
        session.push(&preamble(), Duration::ZERO);
        session.push(&bytes(&[hello()]), Duration::ZERO);
        assert!(matches!(session.next(Duration::ZERO), Ok(Some(Heard::Hello { .. }))));
        session.welcome();
        session
    }

    fn hear(session: &mut Session, frames: &[Frame]) -> Result<Vec<Heard>, Violation> {
        session.push(&bytes(frames), Duration::ZERO);
        std::iter::from_fn(|| session.next(Duration::ZERO).transpose()).collect()
    }

    #[test]
    fn a_client_is_let_in_and_its_messages_are_taken_in_order() {
        let heard = hear(&mut open(), &[message(3, 1), message(8, 1), Frame::Ping, Frame::Bye]).unwrap();
        assert!(matches!(
            heard.as_slice(),
            [Heard::Message { sequence: 3, .. }, Heard::Message { sequence: 8, .. }, Heard::Ping, Heard::Bye]
        ));
    }

    #[test]
    fn whatever_does_not_belong_where_it_comes_closes_the_connection() {
        let cases: [(&[Frame], Refusal, &str); 7] = [
            (&[hello()], Refusal::Protocol, "a frame of kind 1 came while the connection was open"),
            (&[message(2, 1), message(2, 1)], Refusal::Protocol, "message 2 comes after message 2"),
            (&[message(2, 1), message(1, 1)], Refusal::Protocol, "message 1 comes after message 2"),
            (&[message(1, 1), message(2, 1), message(3, 1)], Refusal::OverCredit, "message 3 was sent without credit"),
            (&[message(1, 51)], Refusal::TooLarge, "announces 60 bytes, and 59 are allowed"),
            (&[Frame::Bye, message(1, 1)], Refusal::Protocol, "kind 2 came while the connection was leaving"),
            (&[Frame::Pong], Refusal::Protocol, "not taken from this side"),
        ];
        for (frames, code, text) in cases {
            let violation = hear(&mut open(), frames).unwrap_err();
            assert!(violation.code == code && violation.text.contains(text), "{frames:?}: {violation:?}");
        }
        let mut fresh = Session::new(limits(), Duration::ZERO);
        fresh.push(&preamble(), Duration::ZERO);
        let early = hear(&mut fresh, &[message(1, 1)]).unwrap_err();
        assert_eq!(early.code, Refusal::TooLarge);
        let mut fresh = Session::new(limits(), Duration::ZERO);
        fresh.push(b"WWRA\x09\x00", Duration::ZERO);
        assert_eq!(fresh.next(Duration::ZERO).unwrap_err().code, Refusal::Version);
    }

    #[test]
    fn credit_comes_back_with_answers() {
        let mut session = open();
        hear(&mut session, &[message(1, 10), message(2, 10)]).unwrap();
        assert_eq!(session.grant(), None);
        session.answered(10);
        assert_eq!(session.grant(), Some(Frame::Grant { messages: 3, bytes: 110 }));
        hear(&mut session, &[message(3, 10)]).unwrap();
    }

    #[test]
    fn a_greeting_has_to_come_in_time_however_it_trickles() {
        let mut session = Session::new(limits(), Duration::ZERO);
        let greeting = [preamble().to_vec(), bytes(&[hello()])].concat();
        for (second, byte) in (0..9).zip(greeting) {
            let now = second * SECOND;
            session.push(&[byte], now);
            assert_eq!(session.next(now), Ok(None));
            assert_eq!(session.deadline(), 10 * SECOND);
        }
        assert_eq!(session.overdue().text, "no greeting came within 10s");
    }

    #[test]
    fn a_frame_has_to_arrive_in_time_however_it_trickles() {
        let mut session = open();
        for (second, byte) in (1..).zip(bytes(&[message(1, 50)])).take(9) {
            session.push(&[byte], second * SECOND);
            assert_eq!(session.next(second * SECOND), Ok(None));
            assert_eq!(session.deadline(), 11 * SECOND);
        }
        assert_eq!(session.overdue(), Violation::new(Refusal::Idle, "a frame did not arrive within 10s"));
    }

    #[test]
    fn silence_is_borne_for_a_while_and_every_sign_of_life_counts() {
        let mut session = open();
        assert_eq!(session.deadline(), 30 * SECOND);
        session.push(&bytes(&[Frame::Ping]), 29 * SECOND);
        assert_eq!(session.next(29 * SECOND), Ok(Some(Heard::Ping)));
        assert_eq!(session.next(29 * SECOND), Ok(None));
        assert_eq!((session.deadline(), session.overdue().text.as_str()), (59 * SECOND, "nothing was heard for 30s"));
        hear(&mut session, &[Frame::Bye]).unwrap();
        assert_eq!(session.deadline(), 30 * SECOND);
        session.push(&bytes(&[Frame::Ping]), 20 * SECOND);
        assert_eq!(session.next(20 * SECOND), Ok(Some(Heard::Ping)));
        assert_eq!(session.next(20 * SECOND), Ok(None));
        assert_eq!(session.deadline(), 50 * SECOND);
    }
}
