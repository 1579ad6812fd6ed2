//! `http_ingest`.

use crate::pages::Counts;
use crate::peer::nobodys_address;
use crate::program::{DEADLINE, HTTP_INGEST, Program};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Posts a body; the answer.
fn post(address: &str, target: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.write_all((head + body).as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn without_an_argument_it_posts_to_itself_and_counts_every_view_that_was_accepted() {
    let end = Program::start(HTTP_INGEST, "--interval 200ms").end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    let counted: u64 = end.pages().iter().flat_map(|page| page.counts()).map(|(_, count)| count).sum();
    let said = end.out.iter().find(|line| line.contains("views came in")).unwrap();
    assert!(
        said.starts_with(&format!("{counted} views came in")) && said.ends_with("0 requests were refused."),
        "{said}"
    );
    assert!(counted >= 20, "{end:?}");
    let curl = end.out.iter().find(|line| line.contains("curl -H")).unwrap();
    assert!(curl.contains("'http://127.0.0.1:") && curl.ends_with("/?acknowledge=stored'"), "{curl}");
}

/// The body is that of the line for curl.
#[test]
fn what_is_posted_to_its_address_is_counted_and_what_is_no_view_is_refused() {
    let address = nobodys_address();
    let program = Program::start(HTTP_INGEST, &format!("{address} --interval 50ms"));
    let curl = program.says("curl -H");
    let view = curl.split('\'').nth(3).unwrap();
    let answer = post(&address, "/?acknowledge=stored", view);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{\"records\":1}\n"), "{answer}");
    let answer = post(&address, "/", &format!("[{view},\n{view}]"));
    assert!(answer.starts_with("HTTP/1.1 202 Accepted") && answer.ends_with("{\"records\":2}\n"), "{answer}");
    let answer = post(&address, "/", "[{\"page\": 7}]");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("line 1, column 11"), "{answer}");
    let mut counts = Counts::default();
    while !counts.is(&[("/home", 3)]) {
        counts.add(&program.page());
    }
    let warning = program.error("was refused with 400");
    assert!(warning.contains("WARN") && warning.contains("127.0.0.1"), "{warning}");
    program.signal("INT");
    let end = program.end();
    assert_eq!((end.code, end.err.as_slice()), (Some(0), [].as_slice()));
    assert!(end.out.iter().any(|line| line == "3 views came in 2 requests, and 1 requests were refused."), "{end:?}");
}
