//! Lines of text.

use std::str;

use memchr::{memchr, memchr_iter, memrchr};

use super::{DecodeError, Decoder, LineTooLong};

/// Cuts bytes into lines of UTF-8 text, as Spark's `socketTextStream` does.
///
/// - A line ends with `\n`; a `\r` right before it is no part of the line. A last line needs no end. (Spark reads with
///   Java's `readLine`, to which a `\r` anywhere else ends a line too; here it is an ordinary character.)
/// - Empty lines and NUL bytes are ordinary.
/// - What is not valid UTF-8 becomes U+FFFD; [`invalid_lines`](Self::invalid_lines) counts the lines where that happened.
/// - A line longer than the limit is an error. What is held between two calls never exceeds the limit by more than a `\r`.
///
/// ```
/// use waterwheel_receivers::decode::LineDecoder;
///
/// let mut decoder = LineDecoder::new(1024);
/// let mut lines = Vec::new();
/// decoder.decode(b"to be\r\nor n", &mut lines)?;
/// decoder.decode(b"ot to be", &mut lines)?;
/// decoder.finish(&mut lines);
/// assert_eq!(lines, ["to be", "or not to be"]);
/// # Ok::<(), waterwheel_receivers::decode::LineTooLong>(())
/// ```
#[derive(Debug)]
pub struct LineDecoder {
    max_line: usize,
    /// The line whose end has not arrived.
    held: Vec<u8>,
    invalid_lines: u64,
}

impl LineDecoder {
    /// A decoder for lines of at most `max_line` bytes, their ends not counted.
    pub fn new(max_line: usize) -> Self {
        Self { max_line, held: Vec::new(), invalid_lines: 0 }
    }

    /// How many lines held bytes that are not valid UTF-8.
    pub fn invalid_lines(&self) -> u64 {
        self.invalid_lines
    }

    /// Appends the lines that `bytes` complete to `out` and keeps the beginning of the next one.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`] as soon as a line exceeds the limit, whether or not its end has arrived. The lines before it are in
    /// `out`, the rest of `bytes` is dropped and nothing is held.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<String>) -> Result<(), LineTooLong> {
        let bytes = self.complete_held(bytes, out)?;
        let (lines, rest) = match memrchr(b'\n', bytes).and_then(|last| bytes.split_at_checked(last + 1)) {
            Some(both) => both,
            None => (&[][..], bytes),
        };
        // One validation for the whole run of lines; only a run that fails it is validated line by line. A newline is never
        // part of a longer character, so lines can be cut out of the validated run.
        match str::from_utf8(lines) {
            Ok(text) => self.cut_text(text, out)?,
            Err(_) => self.cut_invalid(lines, out)?,
        }
        self.hold(rest)
    }

    /// Appends the last line, if it had no end, and is then as new.
    pub fn finish(&mut self, out: &mut Vec<String>) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            // A `\r` here is the first half of a line end whose second half never came.
            let line = self.text_of(without_return(&held));
            out.push(line);
        }
    }

    /// Joins the held beginning of a line with its end, if `bytes` has it, and returns the bytes after that line.
    fn complete_held<'b>(&mut self, bytes: &'b [u8], out: &mut Vec<String>) -> Result<&'b [u8], LineTooLong> {
        if self.held.is_empty() {
            return Ok(bytes);
        }
        let Some((end, rest)) = memchr(b'\n', bytes).and_then(|newline| bytes.split_at_checked(newline)) else {
            self.hold(bytes)?;
            return Ok(&[]);
        };
        self.hold(end)?;
        let held = std::mem::take(&mut self.held);
        let line = self.text_of(without_return(&held));
        out.push(line);
        self.held = held;
        self.held.clear();
        Ok(rest.get(1..).unwrap_or_default())
    }

    fn cut_text(&self, text: &str, out: &mut Vec<String>) -> Result<(), LineTooLong> {
        let mut start = 0;
        for newline in memchr_iter(b'\n', text.as_bytes()) {
            let line = text.get(start..newline).unwrap_or_default();
            let line = line.strip_suffix('\r').unwrap_or(line);
            self.check_length(line.as_bytes())?;
            out.push(line.to_owned());
            start = newline + 1;
        }
        Ok(())
    }

    fn cut_invalid(&mut self, lines: &[u8], out: &mut Vec<String>) -> Result<(), LineTooLong> {
        let mut start = 0;
        for newline in memchr_iter(b'\n', lines) {
            let line = without_return(lines.get(start..newline).unwrap_or_default());
            self.check_length(line)?;
            let line = self.text_of(line);
            out.push(line);
            start = newline + 1;
        }
        Ok(())
    }

    /// Appends to the held line, unless that makes it too long.
    fn hold(&mut self, bytes: &[u8]) -> Result<(), LineTooLong> {
        let length = self.held.len() + bytes.len();
        // A `\r` at the end is no part of the line if a `\n` follows, so it does not count yet.
        let last = bytes.last().or(self.held.last());
        let counted = if last == Some(&b'\r') { length - 1 } else { length };
        if counted > self.max_line {
            return Err(LineTooLong::new(self.max_line, &std::mem::take(&mut self.held), bytes));
        }
        if length > self.held.capacity() {
            // Doubling, so that a line arriving in crumbs is not copied each time, but never beyond the limit.
            let wanted = (2 * self.held.capacity()).min(self.max_line).max(length);
            self.held.reserve_exact(wanted - self.held.len());
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }

    fn check_length(&self, line: &[u8]) -> Result<(), LineTooLong> {
        if line.len() > self.max_line { Err(LineTooLong::new(self.max_line, &[], line)) } else { Ok(()) }
    }

    fn text_of(&mut self, line: &[u8]) -> String {
        match str::from_utf8(line) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                self.invalid_lines += 1;
                String::from_utf8_lossy(line).into_owned()
            }
        }
    }
}

impl Decoder for LineDecoder {
    type Item = String;

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<String>) -> Result<(), DecodeError> {
        Ok(LineDecoder::decode(self, bytes, out)?)
    }

    fn finish(&mut self, out: &mut Vec<String>) -> Result<(), DecodeError> {
        LineDecoder::finish(self, out);
        Ok(())
    }

    fn repaired(&self) -> u64 {
        self.invalid_lines
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNLIMITED: usize = usize::MAX;

    /// Decodes `pieces` one after another and finishes.
    fn decode_all<'a>(
        decoder: &mut LineDecoder,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<String>, LineTooLong> {
        let mut out = Vec::new();
        for piece in pieces {
            decoder.decode(piece, &mut out)?;
        }
        decoder.finish(&mut out);
        Ok(out)
    }

    /// The definition: split the whole at every `\n`, and what follows the last one is a line unless it is empty.
    fn split_whole(bytes: &[u8]) -> (Vec<String>, u64) {
        let mut lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
        if lines.last().is_some_and(|last| last.is_empty()) {
            lines.pop();
        }
        let invalid = lines.iter().filter(|line| str::from_utf8(line).is_err()).count();
        let texts = lines.iter().map(|line| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into());
        (texts.collect(), u64::try_from(invalid).unwrap())
    }

    #[test]
    fn lines_end_with_newline_or_return_newline_or_the_stream() {
        for (bytes, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("a\r\nb\r", vec!["a", "b"]),
            ("\n\r\n\n", vec!["", "", ""]),
            ("a\rb\r\r\n", vec!["a\rb\r"]),
            ("nul\0\0\n\0", vec!["nul\0\0", "\0"]),
            ("Wasserrad\nröd tråd \u{1F4A7}\n", vec!["Wasserrad", "röd tråd \u{1F4A7}"]),
        ] {
            let lines = decode_all(&mut LineDecoder::new(UNLIMITED), [bytes.as_bytes()]);
            assert_eq!(lines.unwrap(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn invalid_utf8_is_replaced_and_counted_by_line() {
        let mut decoder = LineDecoder::new(UNLIMITED);
        let lines = decode_all(&mut decoder, [&b"good\n\xff\xfe bad\nfine\nha"[..], b"lf \xe2\x82"]).unwrap();
        assert_eq!(lines, ["good", "\u{fffd}\u{fffd} bad", "fine", "half \u{fffd}"]);
        assert_eq!(decoder.invalid_lines(), 2);
    }

    #[test]
    fn character_cut_between_two_reads_is_not_invalid() {
        let mut decoder = LineDecoder::new(UNLIMITED);
        assert_eq!(decode_all(&mut decoder, "ö\nö".as_bytes().chunks(1)).unwrap(), ["ö", "ö"]);
        assert_eq!(decoder.invalid_lines(), 0);
    }

    #[test]
    fn limit_does_not_count_the_line_end() {
        for end in ["\n", "\r\n", "\r", ""] {
            let bytes = format!("12345{end}");
            for piece in [1, 5, 6, 7] {
                let lines = decode_all(&mut LineDecoder::new(5), bytes.as_bytes().chunks(piece)).unwrap();
                assert_eq!(lines, ["12345"], "{bytes:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn line_over_the_limit_is_an_error_that_describes_it_and_keeps_the_lines_before() {
        let mut decoder = LineDecoder::new(50);
        let mut out = Vec::new();
        let error = decoder.decode(format!("ok\n{}\nlost\n", "ä".repeat(26)).as_bytes(), &mut out).unwrap_err();
        assert_eq!(out, ["ok"]);
        assert_eq!((error.limit, error.seen), (50, 52));
        assert_eq!(error.head, "ä".repeat(26));

        decoder.decode(&[b'x'; 30], &mut out).unwrap();
        let error = decoder.decode(&[b'y'; 30], &mut out).unwrap_err();
        let head = "x".repeat(30) + &"y".repeat(10);
        assert_eq!(
            error.to_string(),
            format!("a line is longer than the limit of 50 bytes: 60 bytes seen, it begins with {head:?}")
        );

        decoder.decode(b"as new\n", &mut out).unwrap();
        assert_eq!(out, ["ok", "as new"]);
    }

    /// I-5
    #[test]
    fn endless_line_never_holds_more_than_the_limit() {
        let mut decoder = LineDecoder::new(1000);
        let mut reads = 0;
        while decoder.decode(b"0123456", &mut Vec::new()).is_ok() {
            reads += 1;
            assert!(decoder.held.capacity() <= 1000, "{} bytes held", decoder.held.capacity());
        }
        assert_eq!(reads, 1000 / 7);
        assert_eq!(decoder.held.capacity(), 0);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_where_the_stream_is_cut(
            pieces in prop::collection::vec(
                prop::collection::vec(
                    prop_oneof![2 => any::<u8>(), 2 => prop::sample::select(&b"\r\n"[..]), 1 => 0xc0..0xf8_u8],
                    0..30,
                ),
                0..10,
            ),
        ) {
            let (expected, invalid) = split_whole(&pieces.concat());
            let mut decoder = LineDecoder::new(UNLIMITED);
            prop_assert_eq!(decode_all(&mut decoder, pieces.iter().map(Vec::as_slice)).unwrap(), expected);
            prop_assert_eq!(decoder.invalid_lines(), invalid);
        }

        #[test]
        fn whether_a_line_is_too_long_does_not_depend_on_where_the_stream_is_cut(
            bytes in prop::collection::vec(prop::sample::select(&b"aaaaaa\r\n"[..]), 0..60),
            piece in 1_usize..20,
        ) {
            const LIMIT: usize = 8;
            let (lines, _) = split_whole(&bytes);
            let expected = if lines.iter().all(|line| line.len() <= LIMIT) { Some(lines) } else { None };
            prop_assert_eq!(decode_all(&mut LineDecoder::new(LIMIT), bytes.chunks(piece)).ok(), expected);
        }
    }
}
