//! Directories of files: `text_file_stream`, `file_stream` and `binary_records_stream`.
//!
//! Each batch looks at the directory and is given files, or parts of them, that no batch before it had. Its tasks read exactly
//! those bytes.
//!
//! **Which file is new.** No clock is compared. A file is known by its identity (device, inode, and the moment it came to be, where the
//! file system tells it), not by its name or its modification time: under another name it is the same file, and another
//! file under its name is a new one. Several names (hard links, symbolic links) are one file. A file is known for as long as it is in the
//! directory, however it is renamed while that is read, and forgotten when it is certainly gone: when two listings in a row do not have it and
//! no name in the directory changed during the second, or, where names change all the time, when twenty do not. What could not be
//! looked at, or lies on a file system that is not mounted, is not gone.
//!
//! **When it is read** is said by [`FileMode`]: as a whole when it has come to rest, as a whole at once, or as it grows.
//!
//! **Guarantee.** With a checkpoint directory, what a batch reads is durable before anything reads it, together with what is known of the
//! files from then on. A batch that is run again reads the same bytes, and over any number of restarts every byte is in exactly
//! one batch, as long as files are not changed where they were read, and stay until no batch reads them any more. What becomes of one
//! that did not is said by [`WhenLost`].
//!
//! **Pressure.** A batch takes at most [`FileOptions::max_files`] files and [`FileOptions::max_bytes`] bytes; what is left
//! waits. A task reads a group of small files, or one large one: large files are not split.

mod boundary;
mod dataset;
mod disk;
mod finding;
mod identity;
mod known;
mod listing;
mod names;
mod options;
mod pattern;
mod range;
mod report;
mod source;
mod stillness;
mod tracker;

pub use names::is_finished;
pub use options::{FileMode, FileOptions, WhenGrown, WhenLost};

use crate::decode::{Decoder, Frame, FrameDecoder, LineDecoder};
use boundary::RecordEnd;
use dataset::Reading;
use disk::System;
use listing::Lister;
use pattern::Pattern;
use source::{Files, FilesParts};
use std::path::Path;
use tracker::Rules;
use waterwheel_operators::rdd::Parallelize;
use waterwheel_operators::record::Data;
use waterwheel_operators::{DStream, StreamingContext};
use waterwheel_runtime::site::Site;

/// Streams of files; see the [module](self).
pub trait FileSource {
    /// The lines of the files that appear in `directory`, each file once, as a whole, when it has come to rest.
    ///
    /// As [`text_file_stream_with`](Self::text_file_stream_with), with [`FileOptions::default`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let (home, clock) = (tempfile::tempdir()?, ManualClock::new(Time::ZERO));
    /// let ssc = StreamingContext::with_clock(Config::local("Files"), seconds(1), Arc::new(clock.clone()))?;
    /// let (batches, received) = std::sync::mpsc::channel();
    /// ssc.text_file_stream(home.path()).foreach_rdd(move |rdd| rdd.collect().map(|lines| drop(batches.send(lines))));
    /// let running = ssc.start()?;
    ///
    /// std::fs::write(home.path().join("a.txt"), "to be\nor not to be")?;
    /// clock.advance(seconds(1));
    /// assert!(received.recv()?.is_empty(), "it may still be written");
    /// clock.advance(seconds(1));
    /// assert_eq!(received.recv()?, ["to be", "or not to be"]);
    /// running.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn text_file_stream(&self, directory: impl AsRef<Path>) -> DStream<'_, String>;

    /// The lines of the files in `directory`, as `options` say.
    ///
    /// `directory` may be a pattern, such as `logs/*/`: then the files are those of all directories that match when a batch looks. `*`, `?`,
    /// `[a-z]` and `{a,b}` match within a name, a backslash takes their meaning away, and a name that begins with a dot is matched only by
    /// a pattern that does. A directory that is not there is waited for; that, and whatever else cannot be looked at, is told
    /// once, and the batch goes on without.
    ///
    /// Lines are those of [`LineDecoder`]: they end with `\n` or `\r\n`, bytes that are not valid
    /// UTF-8 become U+FFFD, which is reported, and the last line of a file that is read as a whole needs no end. A line longer than
    /// `receiver.max_line` (default 1 MiB) makes its file one that cannot be read, see [`WhenLost`]. A file without content is left alone.
    ///
    /// # Errors
    /// A pattern that is none is a misuse, which `start` returns.
    ///
    /// ```
    /// use std::io::Write;
    /// use std::sync::Arc;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// let (home, clock) = (tempfile::tempdir()?, ManualClock::new(Time::ZERO));
    /// let ssc = StreamingContext::with_clock(Config::local("Log"), seconds(1), Arc::new(clock.clone()))?;
    /// let (batches, received) = std::sync::mpsc::channel();
    /// ssc.text_file_stream_with(home.path(), FileOptions::default().mode(FileMode::Tail))
    ///     .foreach_rdd(move |rdd| rdd.collect().map(|lines| drop(batches.send(lines))));
    /// let running = ssc.start()?;
    ///
    /// let mut log = std::fs::File::create(home.path().join("app.log"))?;
    /// log.write_all(b"started\nlistening on po")?;
    /// clock.advance(seconds(1));
    /// assert_eq!(received.recv()?, ["started"]);
    /// log.write_all(b"rt 80\n")?;
    /// clock.advance(seconds(1));
    /// assert_eq!(received.recv()?, ["listening on port 80"]);
    /// running.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn text_file_stream_with(&self, directory: impl AsRef<Path>, options: FileOptions) -> DStream<'_, String>;

    /// The records that decoders cut out of the files in `directory`, which is as for
    /// [`text_file_stream_with`](Self::text_file_stream_with).
    ///
    /// `decoder` is called with the path of every file (in [`FileMode::Tail`]: of every part of it that a batch reads) and makes its
    /// decoder. An error of a decoder makes its file one that cannot be read, see [`WhenLost`]. In [`FileMode::Tail`] parts of files
    /// end behind a `\n`.
    ///
    /// # Errors
    /// As [`text_file_stream_with`](Self::text_file_stream_with).
    ///
    /// Lines with the names of their files:
    ///
    /// ```
    /// use std::path::{Path, PathBuf};
    /// use std::sync::Arc;
    /// use waterwheel_operators::prelude::*;
    /// use waterwheel_receivers::prelude::*;
    ///
    /// struct Named { name: String, lines: LineDecoder }
    ///
    /// impl Decoder for Named {
    ///     type Item = (String, String);
    ///
    ///     fn decode(&mut self, bytes: &[u8], out: &mut Vec<(String, String)>) -> Result<(), DecodeError> {
    ///         let mut lines = Vec::new();
    ///         self.lines.decode(bytes, &mut lines)?;
    ///         out.extend(lines.into_iter().map(|line| (self.name.clone(), line)));
    ///         Ok(())
    ///     }
    ///
    ///     fn finish(&mut self, out: &mut Vec<(String, String)>) -> Result<(), DecodeError> {
    ///         let mut lines = Vec::new();
    ///         self.lines.finish(&mut lines);
    ///         out.extend(lines.into_iter().map(|line| (self.name.clone(), line)));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let (home, clock) = (tempfile::tempdir()?, ManualClock::new(Time::ZERO));
    /// let ssc = StreamingContext::with_clock(Config::local("Names"), seconds(1), Arc::new(clock.clone()))?;
    /// let named = |path: &Path| {
    ///     let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    ///     Named { name, lines: LineDecoder::new(1 << 20) }
    /// };
    /// let (batches, received) = std::sync::mpsc::channel();
    /// ssc.file_stream(home.path(), FileOptions::default().mode(FileMode::Renamed), named)
    ///     .foreach_rdd(move |rdd| rdd.collect().map(|lines| drop(batches.send(lines))));
    /// let running = ssc.start()?;
    ///
    /// # fn write(path: PathBuf) -> std::io::Result<()> {
    /// std::fs::write(path.with_extension("tmp"), "42")?;
    /// std::fs::rename(path.with_extension("tmp"), path)?;
    /// # Ok(())
    /// # }
    /// # write(home.path().join("answer.txt"))?;
    /// clock.advance(seconds(1));
    /// assert_eq!(received.recv()?, [("answer.txt".to_owned(), "42".to_owned())]);
    /// running.stop(Stop::Immediate)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn file_stream<D>(
        &self,
        directory: impl AsRef<Path>,
        options: FileOptions,
        decoder: impl Fn(&Path) -> D + Send + Sync + 'static,
    ) -> DStream<'_, D::Item>
    where
        D: Decoder<Item: Data> + 'static;

    /// The records of the files that appear in `directory`, each `record_length` bytes long. As
    /// [`binary_records_stream_with`](Self::binary_records_stream_with), with [`FileOptions::default`].
    ///
    /// ```
    /// # use waterwheel_operators::prelude::*;
    /// # use waterwheel_receivers::prelude::*;
    /// # let home = tempfile::tempdir()?;
    /// # let ssc = StreamingContext::new(Config::local("Records"), seconds(1))?;
    /// let records = ssc.binary_records_stream(home.path(), 4);
    /// let numbers = records.map(|record| record.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    fn binary_records_stream(&self, directory: impl AsRef<Path>, record_length: usize) -> DStream<'_, Vec<u8>>;

    /// The records of the files in `directory`, each `record_length` bytes long, as `options` say. A file that is read as a whole
    /// and ends in the middle of a record cannot be read, see [`WhenLost`]; in [`FileMode::Tail`] the rest of the record is waited for.
    ///
    /// # Errors
    /// As [`text_file_stream_with`](Self::text_file_stream_with). A length of 0 is a misuse, too.
    #[track_caller]
    fn binary_records_stream_with(
        &self,
        directory: impl AsRef<Path>,
        record_length: usize,
        options: FileOptions,
    ) -> DStream<'_, Vec<u8>>;
}

impl FileSource for StreamingContext {
    fn text_file_stream(&self, directory: impl AsRef<Path>) -> DStream<'_, String> {
        text(self, Site::here("text_file_stream"), directory.as_ref(), FileOptions::default())
    }

    fn text_file_stream_with(&self, directory: impl AsRef<Path>, options: FileOptions) -> DStream<'_, String> {
        text(self, Site::here("text_file_stream_with"), directory.as_ref(), options)
    }

    fn file_stream<D>(
        &self,
        directory: impl AsRef<Path>,
        options: FileOptions,
        decoder: impl Fn(&Path) -> D + Send + Sync + 'static,
    ) -> DStream<'_, D::Item>
    where
        D: Decoder<Item: Data> + 'static,
    {
        stream(self, Site::here("file_stream"), directory.as_ref(), options, RecordEnd::Newline, decoder)
    }

    fn binary_records_stream(&self, directory: impl AsRef<Path>, record_length: usize) -> DStream<'_, Vec<u8>> {
        let site = Site::here("binary_records_stream");
        records(self, site, directory.as_ref(), record_length, FileOptions::default())
    }

    fn binary_records_stream_with(
        &self,
        directory: impl AsRef<Path>,
        record_length: usize,
        options: FileOptions,
    ) -> DStream<'_, Vec<u8>> {
        records(self, Site::here("binary_records_stream_with"), directory.as_ref(), record_length, options)
    }
}

fn text<'c>(context: &'c StreamingContext, site: Site, directory: &Path, options: FileOptions) -> DStream<'c, String> {
    let max_line = max_line(context);
    stream(context, site, directory, options, RecordEnd::Newline, move |_| LineDecoder::new(max_line))
}

fn records<'c>(
    context: &'c StreamingContext,
    site: Site,
    directory: &Path,
    length: usize,
    options: FileOptions,
) -> DStream<'c, Vec<u8>> {
    if length == 0 {
        context.misuse(site, "records of 0 bytes would never end; give their length in bytes");
    }
    let length = length.max(1);
    let decoder = move |_: &Path| {
        FrameDecoder::new(length, move |bytes: &[u8]| {
            Ok(bytes.get(..length).map(|record| Frame { length, record: record.to_vec() }))
        })
    };
    stream(context, site, directory, options, RecordEnd::Every(length as u64), decoder)
}

fn max_line(context: &StreamingContext) -> usize {
    usize::try_from(context.config().receiver.max_line.as_u64()).unwrap_or(usize::MAX)
}

fn stream<'c, D>(
    context: &'c StreamingContext,
    site: Site,
    directory: &Path,
    options: FileOptions,
    record_end: RecordEnd,
    decoder: impl Fn(&Path) -> D + Send + Sync + 'static,
) -> DStream<'c, D::Item>
where
    D: Decoder<Item: Data> + 'static,
{
    let pattern = Pattern::new(directory).unwrap_or_else(|problem| {
        context.misuse(site, problem);
        Pattern::nothing()
    });
    let source = Files::new(FilesParts {
        site,
        lister: Lister::new(System, pattern, &options),
        rules: Rules::of(&options, max_line(context) as u64),
        record_end,
        new_files_only: options.new_files_only,
        reading: Reading { site, decoder, when_lost: options.when_lost },
        clock: context.dataset_scope().core().clock.clone(),
        interval: context.interval(),
    });
    context.replayable_stream_at(site, source)
}
