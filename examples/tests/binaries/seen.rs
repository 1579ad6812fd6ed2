//! What all examples share for whoever looks: the page, and the line on a terminal.

use crate::program::{ALL, DEADLINE, HTTP_INGEST, Program, WORD_COUNT, command};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// What the live line says in any case.
const LINE: &str = "records/s, processing ";

/// What the page's server answers to whoever asks for its health.
fn health(address: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(connection, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn every_example_says_at_its_start_where_its_page_is_and_serves_it() {
    for binary in ALL {
        let mut command = command(binary, "--batches 1000 --interval 100ms");
        command.env("WATERWHEEL_UI__ENABLED", "true");
        let program = Program::spawn(command);
        let line = program.error("The program is to be seen at http://127.0.0.1:");
        let address = line.split("http://").nth(1).unwrap().trim_end_matches('/');
        let answer = health(address);
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("RUNNING"), "{binary}: {answer}");
    }
}

#[test]
fn without_a_terminal_progress_shows_no_line() {
    for binary in [WORD_COUNT, HTTP_INGEST] {
        let end = Program::start(binary, "--progress --batches 3 --interval 100ms").end();
        assert_eq!(end.code, Some(0), "{end:?}");
        let lines = end.out.iter().chain(&end.err);
        assert!(!lines.clone().any(|line| line.contains(LINE) || line.contains('\u{1b}')), "{end:?}");
    }
}

/// The command on a terminal of its own, whose output is that of the terminal: both of the command's.
fn on_a_terminal(binary: &str, arguments: &str) -> Option<Command> {
    let of_the_shell = format!("{binary} {arguments}");
    let mut on_terminal = command("script", "");
    on_terminal.args(["--quiet", "--return", "--command", &of_the_shell, "/dev/null"]);
    let there = Command::new("script").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    (cfg!(target_os = "linux") && there.is_ok_and(|status| status.success())).then_some(on_terminal)
}

#[test]
fn on_a_terminal_progress_shows_a_live_line_and_only_if_it_is_asked_for() {
    for binary in [WORD_COUNT, HTTP_INGEST] {
        for (arguments, expected) in [("--progress", true), ("", false)] {
            let Some(command) = on_a_terminal(binary, &format!("{arguments} --batches 3 --interval 100ms")) else {
                eprintln!("there is no `script` of util-linux, which gives a program a terminal: this is not tested");
                return;
            };
            let end = Program::spawn(command).end();
            assert_eq!(end.code, Some(0), "{end:?}");
            let line = end.out.iter().rev().find(|line| line.contains(LINE));
            assert_eq!(line.is_some(), expected, "{binary} {arguments}: {end:?}");
            // The last figures stay.
            let of_batches = |line: &String| line.contains("batches, ") && line.contains(" behind");
            assert!(line.is_none_or(of_batches), "{line:?}");
        }
    }
}
