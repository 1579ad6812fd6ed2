//! A decoder from a function that recognises one frame.

use super::{DecodeError, Decoder};

/// A record and the length in bytes of the frame it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<T> {
    /// The bytes the frame takes from the stream, its header and trailer included; at least one.
    pub length: usize,
    /// The record in it.
    pub record: T,
}

/// Turns a function that recognises one frame into a [`Decoder`].
///
/// The function is given all bytes that follow the last frame. It answers with the frame at their beginning, with `None`
/// when more bytes are needed to tell, or with an error when they can be no frame. Buffering across reads, the limit and
/// the end of the stream are handled here.
///
/// Records preceded by their length in one byte:
///
/// ```
/// use waterwheel_receivers::decode::{DecodeError, Decoder, Frame, FrameDecoder};
///
/// let mut decoder = FrameDecoder::new(256, |bytes| {
///     let Some((&length, rest)) = bytes.split_first() else { return Ok(None) };
///     let Some(body) = rest.get(..usize::from(length)) else { return Ok(None) };
///     Ok(Some(Frame { length: 1 + body.len(), record: body.to_vec() }))
/// });
///
/// let mut records = Vec::new();
/// decoder.decode(b"\x02hi\x03y", &mut records)?;
/// decoder.decode(b"ou", &mut records)?;
/// decoder.finish(&mut records)?;
/// assert_eq!(records, [b"hi".to_vec(), b"you".to_vec()]);
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Debug)]
pub struct FrameDecoder<F> {
    max_frame: usize,
    recognise: F,
    /// The beginning of a frame whose end has not arrived; never longer than `max_frame` between two calls.
    held: Vec<u8>,
}

impl<F> FrameDecoder<F> {
    /// A decoder for frames of at most `max_frame` bytes, each recognised by `recognise`.
    pub fn new<T>(max_frame: usize, recognise: F) -> Self
    where
        F: FnMut(&[u8]) -> Result<Option<Frame<T>>, DecodeError>,
    {
        Self { max_frame, recognise, held: Vec::new() }
    }

    /// Appends the records of all complete frames and returns what follows the last of them.
    fn cut<'b, T>(&mut self, mut bytes: &'b [u8], out: &mut Vec<T>) -> Result<&'b [u8], DecodeError>
    where
        F: FnMut(&[u8]) -> Result<Option<Frame<T>>, DecodeError>,
    {
        while !bytes.is_empty() {
            let Some(Frame { length, record }) = (self.recognise)(bytes)? else {
                self.check_length(bytes.len())?;
                break;
            };
            let rest = if length == 0 { None } else { bytes.get(length..) };
            bytes = rest.ok_or(DecodeError::ImpossibleLength { claimed: length, available: bytes.len() })?;
            // Checked for complete frames as well: whether a frame is too long must not depend on how the bytes arrive.
            self.check_length(length)?;
            out.push(record);
        }
        Ok(bytes)
    }

    fn check_length(&self, seen: usize) -> Result<(), DecodeError> {
        if seen > self.max_frame { Err(DecodeError::FrameTooLong { limit: self.max_frame, seen }) } else { Ok(()) }
    }
}

impl<T, F> Decoder for FrameDecoder<F>
where
    F: FnMut(&[u8]) -> Result<Option<Frame<T>>, DecodeError> + Send,
{
    type Item = T;

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<T>) -> Result<(), DecodeError> {
        if self.held.is_empty() {
            let rest = self.cut(bytes, out)?;
            self.held.extend_from_slice(rest);
            return Ok(());
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(bytes);
        let rest = self.cut(&held, out)?.len();
        held.drain(..held.len() - rest);
        self.held = held;
        Ok(())
    }

    fn finish(&mut self, _out: &mut Vec<T>) -> Result<(), DecodeError> {
        match std::mem::take(&mut self.held).len() {
            0 => Ok(()),
            bytes => Err(DecodeError::Unfinished { bytes }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames of one length byte and a body.
    fn length_prefixed(bytes: &[u8]) -> Result<Option<Frame<Vec<u8>>>, DecodeError> {
        let Some((&length, rest)) = bytes.split_first() else { return Ok(None) };
        let Some(body) = rest.get(..usize::from(length)) else { return Ok(None) };
        Ok(Some(Frame { length: 1 + body.len(), record: body.to_vec() }))
    }

    #[test]
    fn frame_longer_than_the_limit_is_an_error_whether_complete_or_not() {
        for piece in [4, 6] {
            let mut decoder = FrameDecoder::new(4, length_prefixed);
            let result = b"\x01a\x05bcdef".chunks(piece).try_for_each(|bytes| decoder.decode(bytes, &mut Vec::new()));
            assert!(matches!(result, Err(DecodeError::FrameTooLong { limit: 4, seen: 5.. })), "{result:?}");
        }
    }

    #[test]
    fn stream_that_ends_inside_a_frame_is_an_error() {
        let mut decoder = FrameDecoder::new(10, length_prefixed);
        let mut out = Vec::new();
        decoder.decode(b"\x01a\x05bcd", &mut out).unwrap();
        let error = decoder.finish(&mut out).unwrap_err();
        assert_eq!(error.to_string(), "the stream ended in the middle of a record, 4 bytes into it");
        assert_eq!(out, [b"a".to_vec()]);
    }

    #[test]
    fn function_that_claims_an_impossible_length_is_an_error_not_an_endless_loop() {
        for claimed in [0, 3] {
            let mut decoder = FrameDecoder::new(10, move |_: &[u8]| Ok(Some(Frame { length: claimed, record: () })));
            let error = decoder.decode(b"ab", &mut Vec::new()).unwrap_err();
            assert!(matches!(error, DecodeError::ImpossibleLength { available: 2, .. }), "{error}");
        }
    }

    #[test]
    fn refusal_of_the_function_is_passed_on() {
        let refuse = |_: &[u8]| Err::<Option<Frame<()>>, _>(DecodeError::refused("not today"));
        let error = FrameDecoder::new(10, refuse).decode(b"ab", &mut Vec::new()).unwrap_err();
        assert!(error.to_string().ends_with("not today"), "{error}");
    }

    proptest! {
        #[test]
        fn frames_do_not_depend_on_where_the_stream_is_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
            piece in 1_usize..50,
        ) {
            let mut stream = Vec::new();
            for frame in &frames {
                stream.push(u8::try_from(frame.len()).unwrap());
                stream.extend_from_slice(frame);
            }
            let mut decoder = FrameDecoder::new(20, length_prefixed);
            let mut out = Vec::new();
            for bytes in stream.chunks(piece) {
                decoder.decode(bytes, &mut out).unwrap();
            }
            decoder.finish(&mut out).unwrap();
            prop_assert_eq!(out, frames);
        }
    }
}
