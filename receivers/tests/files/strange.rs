//! Names, contents and links that nobody would choose.

use crate::support::{Home, batch, batches, lines, mode};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use waterwheel_receivers::prelude::*;

#[test]
fn names_need_not_be_text_or_one_line() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed));
    home.write(OsString::from_vec(b"caf\xe9".to_vec()), "no text");
    home.write("two\nlines", "two lines");
    home.write(" ", "a blank");
    home.write("日本語", "another script");
    assert_eq!(batch(&mut test, &probe), ["a blank", "no text", "two lines", "another script"]);
    test.stop().unwrap();
}

#[test]
fn contents_are_those_of_a_line_decoder() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed));
    for (content, expected) in [
        (&b"caf\xe9\nok"[..], &["caf\u{fffd}", "ok"][..]),
        (b"nul\0byte\n\0", &["nul\0byte", "\0"]),
        (b"a\r\nb\rc\r\n\n", &["a", "b\rc", ""]),
        (b"\n\n\n", &["", "", ""]),
        (b"no end", &["no end"]),
    ] {
        home.rename_in("content", content);
        assert_eq!(batch(&mut test, &probe), expected);
    }
    test.stop().unwrap();
}

#[test]
fn a_million_empty_lines_are_a_million_records() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed));
    home.write("empty", vec![b'\n'; 1_000_000]);
    let received = batch(&mut test, &probe);
    assert!(received.len() == 1_000_000 && received.iter().all(String::is_empty));
    test.stop().unwrap();
}

#[test]
fn files_without_content_are_left_alone_until_they_have_some() {
    let home = Home::new();
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed));
    home.write("empty", "");
    assert_eq!(batches(&mut test, &probe, 3).concat(), [""; 0]);
    home.append("empty", "not any more");
    assert_eq!(batch(&mut test, &probe), ["not any more"]);
    test.stop().unwrap();
}

/// K-6
#[test]
fn links_are_followed_and_those_that_lead_in_circles_or_nowhere_do_no_harm() {
    let (home, elsewhere) = (Home::new(), Home::new());
    elsewhere.write("target", "linked\n");
    elsewhere.directory("below");
    elsewhere.write("below/file", "below a link\n");
    home.directory("deep");
    symlink(elsewhere.join("target"), home.join("link")).unwrap();
    symlink(elsewhere.join("below"), home.join("directory-link")).unwrap();
    symlink(home.path(), home.join("deep/circle")).unwrap();
    symlink("ring-2", home.join("ring-1")).unwrap();
    symlink("ring-1", home.join("ring-2")).unwrap();
    symlink("nowhere", home.join("dangling")).unwrap();
    home.write("plain", "plain\n");
    let options = mode(FileMode::Renamed).new_files_only(false).recursive(true);
    let (mut test, probe) = lines(home.path(), options.clone());
    assert_eq!(batch(&mut test, &probe), ["below a link", "linked", "plain"]);
    assert_eq!(batch(&mut test, &probe), [""; 0]);
    test.stop().unwrap();
    let (mut test, probe) = lines(home.path(), options.follow_links(false));
    assert_eq!(batch(&mut test, &probe), ["plain"]);
    test.stop().unwrap();
}

/// K-3: as when nobody may look at it for a while, or its server does not answer.
#[test]
fn a_directory_of_a_pattern_that_cannot_be_looked_at_is_not_gone() {
    let home = Home::new();
    home.directory("logs/a");
    home.directory("logs/b");
    let (mut test, probe) = lines(home.join("logs/*"), mode(FileMode::Renamed));
    home.write("logs/a/file", "a");
    home.write("logs/b/file", "b");
    assert_eq!(batch(&mut test, &probe), ["a", "b"]);
    home.rename("logs/a", "away");
    symlink("a", home.join("logs/a")).unwrap();
    assert_eq!(batches(&mut test, &probe, 4).concat(), [""; 0]);
    home.remove("logs/a");
    home.rename("away", "logs/a");
    assert_eq!(batches(&mut test, &probe, 2).concat(), [""; 0], "what was read is not read again");
    test.stop().unwrap();
}

/// K-6
#[test]
fn what_is_no_directory_is_told_and_batches_go_on_without() {
    let home = Home::new();
    home.write("file", "content");
    let (mut test, probe) = lines(home.join("file"), mode(FileMode::Renamed));
    assert_eq!(batches(&mut test, &probe, 2).concat(), [""; 0]);
    test.stop().unwrap();
}

/// A pipe would hold up whoever opens it.
#[test]
fn what_is_no_file_is_not_opened() {
    let home = Home::new();
    let _socket = std::os::unix::net::UnixListener::bind(home.join("socket")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(home.join("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "there is no mkfifo");
    home.write("file", "content");
    let (mut test, probe) = lines(home.path(), mode(FileMode::Renamed).new_files_only(false));
    assert_eq!(batch(&mut test, &probe), ["content"]);
    test.stop().unwrap();
}
