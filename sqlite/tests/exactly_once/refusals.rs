//! What is refused, and how that is told.

use crate::{Home, file, id, name, prepare, records, time, whole};
use std::path::Path;
use waterwheel::prelude::*;
use waterwheel_sqlite::rusqlite::Connection;
use waterwheel_sqlite::{SqliteOutput, Value};

fn refused(path: &Path, statement: &str) -> String {
    file(path).insert(statement, |n: &i64| (*n,)).unwrap_err().to_string()
}

#[test]
fn what_cannot_be_a_database_or_a_statement_is_told_when_it_is_made() {
    let home = Home::new();
    let path = home.path();
    assert!(
        refused(&path, "INSERT INTO letters VALUES (?1)")
            .contains("numbers.db: preparing the statement: no such table: letters")
    );
    assert!(refused(&path, "SELECT ?1").contains("the statement changes nothing: SELECT ?1; give one"));
    assert!(refused(&path, "").contains("numbers.db: "));
    assert!(refused(&home.path().join("deeper"), "").contains("opening the database"));
    assert!(refused(Path::new(":memory:"), "").contains("cannot be in WAL mode, it is in mode \"memory\""));
    let no_setup = SqliteOutput::file(&path).setup("CREATE TABEL").insert("", |n: &i64| (*n,)).unwrap_err().to_string();
    assert!(no_setup.contains("running the setup: near \"TABEL\""), "{no_setup}");
    std::fs::copy(file!().replace("sqlite/", ""), home.path().with_file_name("text.db")).unwrap();
    assert!(refused(&home.path().with_file_name("text.db"), "").contains("file is not a database"));
}

/// Before the commit, which could only fail again and again.
#[test]
fn a_record_that_the_statement_fails_for_fails_the_task_and_leaves_nothing() {
    let home = Home::new();
    let output = home.output();
    output.prepare(&id(1, 0), records(1, 0)).unwrap();
    let error = output.prepare(&id(1, 1), vec![(1, 1), (1, 1000)]).unwrap_err().to_string();
    assert!(error.contains("trying the statement: CHECK constraint failed: n < 1000"), "{error}");
    assert_eq!((home.visible(), home.staged()), (vec![], 1));
    output.prepare(&id(1, 1), records(1, 1)).unwrap();
    output.commit(&name(), time(1)).unwrap();
    assert_eq!(home.visible(), whole(1));
}

#[test]
fn a_row_with_another_number_of_values_is_refused() {
    let home = Home::new();
    let output = file(&home.path()).insert(crate::INSERT, |n: &i64| vec![Value::Integer(*n)]).unwrap();
    let error = output.prepare(&id(1, 0), vec![1]).unwrap_err().to_string();
    assert!(error.contains("a row has 1 values, and the statement has 2 parameters: INSERT INTO numbers"), "{error}");
    // So is one that a program with another statement has staged.
    prepare(&home.output(), 1);
    let shorter = file(&home.path()).insert("INSERT INTO numbers VALUES (?1, 0)", |n: &i64| (*n,)).unwrap();
    let error = shorter.recover(&name(), Some(time(1))).unwrap_err().to_string();
    assert!(error.contains("a row has 2 values, and the statement has 1 parameters"), "{error}");
    assert_eq!((home.visible(), home.staged()), (vec![], 2));
}

#[test]
fn a_database_that_is_ahead_of_the_program_is_refused() {
    let home = Home::new();
    let output = home.output();
    prepare(&output, 5);
    output.commit(&name(), time(5)).unwrap();
    let error = output.recover(&name(), Some(time(4))).unwrap_err().to_string();
    assert!(
        error.contains(
            "batch 5000 ms of test/numbers is visible, and the last that the program knows to be done is 4000 ms"
        ),
        "{error}"
    );
    output.recover(&name(), Some(time(5))).unwrap();
    let error = output.prepare(&id(5, 0), vec![(5, 0)]).unwrap_err().to_string();
    assert!(error.contains("restore both, or delete the row of test/numbers from waterwheel_committed"), "{error}");
    assert_eq!(home.visible(), whole(5));
}

#[test]
fn staged_rows_that_are_damaged_are_an_error_and_nothing_of_their_batch_becomes_visible() {
    let home = Home::new();
    let output = home.output();
    prepare(&output, 1);
    let database = Connection::open(home.path()).unwrap();
    database.execute("UPDATE waterwheel_staged SET checksum = checksum + 1 WHERE partition = 1", []).unwrap();
    let error = output.commit(&name(), time(1)).unwrap_err().to_string();
    assert!(
        error.contains("the staged rows of test/numbers/1000-1 are damaged: they have another checksum"),
        "{error}"
    );
    assert_eq!((home.visible(), home.staged()), (vec![], 2));
}
