//! A partition as text: a record a line.

use super::{OutputDirectory, Part, save};
use crate::rdd::{CHUNK, EachShared, Flow, Input, Rdd, Sink};
use crate::record::Data;
use crate::show::{Show, Shown};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

/// Writes a dataset as text.
pub(crate) fn save_text<T: Data + Show>(
    dataset: &Rdd<T>,
    site: Site,
    directory: &OutputDirectory,
) -> Result<(), JobError> {
    let write = move |input: &Input<'_, T>, task: &TaskContext, part: &mut Part| {
        let Part { file, name } = part;
        let mut lines = EachShared(|records: &[T]| {
            let written = task.run(site, records.len(), || {
                records.iter().try_for_each(|record| writeln!(file, "{}", Shown(record)))
            })?;
            Ok(written.map_err(|error| name.failed(task, error))?)
        });
        input.push_into(task, &mut lines)
    };
    save(dataset, site, directory, write)
}

/// Pushes the lines of a file, without their ends (`\n` or `\r\n`).
pub(crate) fn read_text(path: &Path, site: Site, task: &TaskContext, out: &mut dyn Sink<String>) -> Flow {
    let failed = |error: std::io::Error| task.failed(site, format!("{}: {error}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let (mut chunk, mut line, mut invalid) = (Vec::new(), Vec::new(), 0_u64);
    while file.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text));
        invalid += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
        chunk.push(text.into_owned());
        line.clear();
        if chunk.len() == CHUNK {
            out.push(&mut chunk)?;
        }
    }
    if invalid > 0 {
        log::warn!("{}: {invalid} lines were not valid text; what was not is U+FFFD now", path.display());
    }
    out.push(&mut chunk)
}
