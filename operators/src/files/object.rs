//! A partition as an object file.

use super::object_format::{Header, Reader, Writer};
use super::{OutputDirectory, Part, save};
use crate::rdd::{CHUNK, EachShared, Flow, Input, Rdd, Sink};
use crate::record::Record;
use std::any::type_name;
use std::fmt::Display;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use waterwheel_runtime::error::JobError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::stage::TaskContext;

/// Writes a dataset as object files.
pub(crate) fn save_objects<T: Record>(
    dataset: &Rdd<T>,
    site: Site,
    directory: &OutputDirectory,
) -> Result<(), JobError> {
    let partitions = dataset.num_partitions() as u64;
    let write = move |input: &Input<'_, T>, task: &TaskContext, part: &mut Part| {
        let Part { file, name } = part;
        let header = Header { type_name: type_name::<T>().to_owned(), partition: input.partition() as u64, partitions };
        let mut writer = Writer::begin(file, &header).map_err(|error| name.failed(task, error))?;
        let mut chunks = EachShared(|records: &[T]| {
            // How a record is encoded is the user's code.
            let written =
                task.run(site, records.len(), || records.chunks(CHUNK).try_for_each(|chunk| writer.append(chunk)))?;
            Ok(written.map_err(|error| name.failed(task, error))?)
        });
        input.push_into(task, &mut chunks)?;
        Ok(writer.end().map_err(|error| name.failed(task, error))?)
    };
    save(dataset, site, directory, write)
}

/// Pushes the records of partition `partition` of `partitions`, whose file is `path`.
pub(crate) fn read_objects<T: Record>(
    path: &Path,
    (partition, partitions): (usize, usize),
    site: Site,
    task: &TaskContext,
    out: &mut dyn Sink<T>,
) -> Flow {
    let failed = |error: &dyn Display| task.failed(site, format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| failed(&error))?;
    let length = file.metadata().map_err(|error| failed(&error))?.len();
    let mut reader = Reader::begin(BufReader::new(file), length).map_err(|error| failed(&error))?;
    check::<T>(reader.header(), partition as u64, partitions as u64).map_err(|problem| failed(&problem))?;
    loop {
        // How a record is decoded is the user's code.
        match task.run(site, 0, || reader.next::<T>())?.map_err(|error| failed(&error))? {
            Some(mut records) => out.push(&mut records)?,
            None => return Ok(()),
        }
    }
}

fn check<T>(header: &Header, partition: u64, partitions: u64) -> Result<(), String> {
    if short_name(&header.type_name) != short_name(type_name::<T>()) {
        let (written, asked) = (&header.type_name, type_name::<T>());
        return Err(format!("it holds records of type {written}, not {asked}; read it as what it holds, and map that"));
    }
    if (header.partition, header.partitions) != (partition, partitions) {
        return Err(format!(
            "it is partition {} of a dataset of {}, and stands for partition {partition} of {partitions}; \
             write the dataset again, or put its files back as they were",
            header.partition, header.partitions
        ));
    }
    Ok(())
}

/// A type's name without the modules that types are in: moving a type to another module leaves its files readable, and so
/// does a compiler that names a module otherwise.
fn short_name(name: &str) -> String {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut short = String::new();
    for piece in name.split_inclusive(|c| !is_path(c)) {
        let (path, end) = match piece.char_indices().next_back() {
            Some((at, c)) if !is_path(c) => piece.split_at(at),
            _ => (piece, ""),
        };
        short.push_str(path.rsplit("::").next().unwrap_or(path));
        short.push_str(end);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_name_of_a_type_is_compared_without_its_modules() {
        assert_eq!(short_name("(alloc::string::String, u64)"), "(String, u64)");
        assert_eq!(short_name("app::model::Click"), "Click");
        let nested = type_name::<BTreeMap<Option<String>, Vec<[(u8, bool); 3]>>>();
        assert_eq!(short_name(nested), "BTreeMap<Option<String>, Vec<[(u8, bool); 3]>>");
    }

    #[test]
    fn files_of_another_type_or_place_are_refused() {
        let header = Header { type_name: "(alloc::string::String, u32)".to_owned(), partition: 1, partitions: 3 };
        assert_eq!(check::<(String, u32)>(&header, 1, 3), Ok(()));
        let other = check::<(String, u64)>(&header, 1, 3).unwrap_err();
        assert!(other.starts_with("it holds records of type (alloc::string::String, u32), not (alloc::"), "{other}");
        assert!(check::<(String, u32)>(&header, 0, 3).unwrap_err().contains("partition 1 of a dataset of 3"));
        assert!(check::<(String, u32)>(&header, 1, 2).unwrap_err().contains("stands for partition 1 of 2"));
    }
}
