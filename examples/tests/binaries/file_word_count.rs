//! `file_word_count`.

use crate::program::{FILE_WORD_COUNT, Program};
use std::fs;

#[test]
fn the_words_of_files_that_appear_are_counted_and_those_that_were_there_are_not() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("in")).unwrap();
    let write = |name: &str, text: &str| {
        let unfinished = home.path().join("unfinished");
        #[expect(clippy::disallowed_methods, reason = "this is who writes the files")]
        fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, home.path().join(name))).unwrap();
    };
    write("in/old", "this was there before");
    let directory = home.path().join("i*");
    let program = Program::start(FILE_WORD_COUNT, &format!("--directory {} --interval 50ms", directory.display()));
    program.says("Counting the words");
    // It runs: what was there has been passed over.
    program.page();
    write("in/one", "to be or\nnot to be\n");
    write("in/two", "to be sure");
    program.expect_counts(&[("to", 3), ("be", 3), ("or", 1), ("not", 1), ("sure", 1)]);
    assert_eq!(program.errors_so_far(), [""; 0]);
}

#[test]
fn without_a_directory_it_writes_its_own_files_and_ends_by_itself() {
    let end = Program::start(FILE_WORD_COUNT, "--interval 300ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let pages = end.pages();
    assert!(pages.len() >= 8, "{pages:?}");
    assert!(pages.iter().filter(|page| !page.records.is_empty()).count() >= 3, "{pages:?}");
    assert!(end.out.iter().any(|line| line.contains("--directory in")), "it tells how to feed it: {:?}", end.out);
}
