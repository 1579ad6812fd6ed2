//! Datasets that are written to files and read back.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "what becomes of files that somebody moves is what is tested")]

use proptest::collection::vec;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use waterwheel_operators::prelude::*;
use waterwheel_operators::testkit::{TestRun, run};

/// Two partitions, in a directory `numbers`.
fn numbers(engine: &Engine, home: &Path) -> std::path::PathBuf {
    let directory = home.join("numbers");
    engine.from_partitions(vec![vec![1, 2, 3], vec![4]]).save_as_object_file(&directory).unwrap();
    directory
}

/// Why the dataset in `directory` cannot be read, when that shows before any task runs.
fn refused(engine: &Engine, directory: &Path) -> String {
    engine.object_file::<i32>(directory).unwrap_err().to_string()
}

/// Why the files in `directory` cannot be read.
fn failed(engine: &Engine, directory: &Path) -> String {
    engine.object_file::<i32>(directory).unwrap().collect().unwrap_err().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// O-4
    #[test]
    fn any_records_in_any_partitions_come_back_as_they_were(
        partitions in vec(vec(any::<(String, Option<i64>, Vec<u8>)>(), 0..6), 0..5),
    ) {
        let (engine, home) = (Engine::local(2).unwrap(), tempfile::tempdir().unwrap());
        let directory = home.path().join("records");
        engine.from_partitions(partitions.clone()).save_as_object_file(&directory).unwrap();
        let back = engine.object_file::<(String, Option<i64>, Vec<u8>)>(&directory).unwrap();
        prop_assert_eq!(back.num_partitions(), partitions.len());
        prop_assert_eq!(back.glom().collect().unwrap(), partitions);
    }
}

#[test]
fn many_records_are_read_chunk_by_chunk() {
    let (engine, home) = (Engine::local(2).unwrap(), tempfile::tempdir().unwrap());
    let words: Vec<String> = (0..20_000).map(|n| format!("word {n}")).collect();
    engine.parallelize(words.clone(), 3).save_as_object_file(home.path().join("words")).unwrap();
    let back = engine.object_file::<String>(home.path().join("words")).unwrap();
    assert_eq!(back.take(2).unwrap(), words[..2]);
    assert_eq!(back.collect().unwrap(), words);
}

#[test]
fn every_batch_of_a_stream_is_a_dataset_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let prefix = home.path().join("words");
    run([vec![("to".to_owned(), 1), ("be".to_owned(), 2)], vec![]], |words| {
        words.save_as_object_files(&prefix, "obj");
        words
    })
    .unwrap();
    let engine = Engine::local(1).unwrap();
    let batch = |name: &str| engine.object_file::<(String, i32)>(home.path().join(name)).unwrap().glom().collect();
    assert_eq!(batch("words-1000.obj").unwrap(), [[("to".to_owned(), 1)], [("be".to_owned(), 2)]]);
    assert_eq!(batch("words-2000.obj").unwrap(), [[], []]);
}

#[test]
fn a_stream_reads_a_dataset_in_every_batch() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let directory = numbers(&engine, home.path());
    let sums = TestRun::new().run_program(1, |ssc| {
        let known = ssc.object_file::<i32>(&directory).unwrap();
        let batches = waterwheel_operators::testkit::Scripted::new([vec![10]]);
        ssc.input_stream(batches).transform(move |dataset| dataset.union(&known))
    });
    assert_eq!(sums.unwrap(), [[10, 1, 2, 3, 4]]);
}

#[test]
fn a_directory_without_success_is_refused_with_what_to_do() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let directory = numbers(&engine, home.path());
    fs::rename(directory.join("_SUCCESS"), home.path().join("_SUCCESS")).unwrap();
    let line = line!() + 1;
    let error = engine.object_file::<i32>(&directory).unwrap_err().to_string();
    assert!(error.starts_with(&format!("object_file at {}:{line}:", file!())), "{error}");
    assert!(error.contains("numbers: there is no _SUCCESS in it, so it is not a whole dataset; wait"), "{error}");
    assert!(refused(&engine, &home.path().join("nowhere")).contains("nowhere: No such file"));
}

#[test]
fn a_part_that_is_missing_or_in_the_place_of_another_is_an_error() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let directory = numbers(&engine, home.path());
    let part = |number: usize| directory.join(format!("part-0000{number}"));
    fs::rename(part(0), home.path().join("first")).unwrap();
    assert!(refused(&engine, &directory).contains("numbers: part-00000 is missing"));
    fs::rename(part(1), part(0)).unwrap();
    let error = failed(&engine, &directory);
    assert!(
        error.contains("part-00000: it is partition 1 of a dataset of 2, and stands for partition 0 of 1"),
        "{error}"
    );
    fs::rename(home.path().join("first"), part(1)).unwrap();
    assert!(failed(&engine, &directory).contains("stands for partition 0 of 2"));
}

#[test]
fn the_last_part_is_missed_as_well() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let directory = numbers(&engine, home.path());
    fs::rename(directory.join("part-00001"), home.path().join("last")).unwrap();
    assert!(
        failed(&engine, &directory).contains("it is partition 0 of a dataset of 2, and stands for partition 0 of 1")
    );
}

/// O-5
#[test]
fn damage_is_an_error_that_names_the_reader_the_file_and_the_byte() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let part = numbers(&engine, home.path()).join("part-00001");
    let length = fs::metadata(&part).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&part).unwrap();
    file.seek(SeekFrom::Start(length - 21)).unwrap();
    file.write_all(&[77]).unwrap();
    let line = line!() + 1;
    let read = engine.object_file::<i32>(part.parent().unwrap()).unwrap();
    let error = read.collect().unwrap_err().to_string();
    assert!(error.starts_with(&format!("object_file at {}:{line}:", file!())), "{error}");
    let (chunk, message) = (length - 20 - 14, "the file is damaged: a chunk has another checksum than was written");
    assert!(
        error.contains(&format!("failed in partition 1: {}: at byte {chunk}: {message}", part.display())),
        "{error}"
    );
    file.set_len(length - 20).unwrap();
    assert!(engine.object_file::<i32>(part.parent().unwrap()).unwrap().count().is_err());
}

#[test]
fn records_of_another_type_are_refused_by_name() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let directory = numbers(&engine, home.path());
    // As bytes, an i32 is a u32, of another value.
    let error = engine.object_file::<u32>(&directory).unwrap().collect().unwrap_err().to_string();
    assert!(error.contains("it holds records of type i32, not u32; read it as what it holds, and map that"), "{error}");
}

/// Can be encoded unless it is 13.
#[derive(Clone, Deserialize)]
struct Number(u8);

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            13 => Err(serde::ser::Error::custom("no luck")),
            14 => panic!("no floor"),
            number => serializer.serialize_newtype_struct("Number", &number),
        }
    }
}

#[test]
fn an_encoding_that_fails_or_panics_names_the_output_and_leaves_the_old_dataset() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let directory = home.path().join("numbers");
    let save = |number| engine.parallelize([Number(number)], 1).save_as_object_file(&directory);
    save(7).unwrap();
    let failed = save(13).unwrap_err().to_string();
    assert!(failed.starts_with("save_as_object_file at operators/tests/object_files.rs:"), "{failed}");
    assert!(failed.contains("part-00000: cannot encode") && failed.contains("no luck"), "{failed}");
    let panicked = save(14).unwrap_err().to_string();
    assert!(panicked.contains("panicked in partition 0: no floor"), "{panicked}");
    let old = engine.object_file::<Number>(&directory).unwrap().collect().unwrap();
    assert_eq!(old.into_iter().map(|number| number.0).collect::<Vec<_>>(), [7]);
}

#[test]
fn lines_of_text_come_back_without_their_ends() {
    let (engine, home) = (Engine::local(2).unwrap(), tempfile::tempdir().unwrap());
    let file = home.path().join("lines.txt");
    fs::File::create(&file).unwrap().write_all(b"to be\r\n\nor\xff not\nto be").unwrap();
    let lines = engine.text_file(&file).unwrap();
    assert_eq!(lines.collect().unwrap(), ["to be", "", "or\u{fffd} not", "to be"]);
    let directory = home.path().join("lines");
    engine.parallelize((0..3000).map(|n| n.to_string()), 2).save_as_text_file(&directory).unwrap();
    let back = engine.text_file(&directory).unwrap();
    assert_eq!(back.num_partitions(), 2);
    assert_eq!(back.collect().unwrap(), (0..3000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(engine.text_file(home.path()).unwrap_err().to_string().contains("is not a part of a dataset"));
}

#[test]
fn an_action_replaces_the_dataset_that_was_there_and_nothing_else() {
    let (engine, home) = (Engine::local(1).unwrap(), tempfile::tempdir().unwrap());
    let directory = home.path().join("numbers");
    engine.parallelize(1..=3, 3).save_as_text_file(&directory).unwrap();
    engine.parallelize(4..=5, 1).save_as_text_file(&directory).unwrap();
    assert_eq!(engine.text_file(&directory).unwrap().collect().unwrap(), ["4", "5"]);
    let line = line!() + 1;
    let refused = engine.parallelize(4..=5, 1).save_as_text_file(home.path()).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("save_as_text_file at {}:{line}:", file!())), "{refused}");
    assert!(refused.contains("is there already and is not a dataset") && directory.exists(), "{refused}");
}
