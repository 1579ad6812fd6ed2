//! What the documents say of the code that can be checked: the table of actors, folders and files, tests, links, commands.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use waterwheel::runtime::config::Config;
use waterwheel::runtime::topology::actor_table;

/// The documents, from the root of the repository.
const DOCUMENTS: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "docs/SUMMARY.md",
    "docs/SEMANTICS.md",
    "docs/configuration.md",
    "docs/remote_protocol.md",
    "docs/adr/README.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The decisions, from the root of the repository.
fn decisions() -> BTreeSet<String> {
    let names = fs::read_dir(root().join("docs/adr")).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name != "README.md").collect()
}

/// The chapters of the guide, from the root of the repository.
fn chapters() -> Vec<String> {
    let names = fs::read_dir(root().join("docs/guide")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| format!("docs/guide/{}", name.into_string().unwrap()));
    names.filter(|name| name.ends_with(".md")).collect()
}

/// Every document with its text.
fn documents() -> BTreeMap<String, String> {
    let decisions = decisions().into_iter().map(|name| format!("docs/adr/{name}"));
    let names = DOCUMENTS.map(str::to_owned).into_iter().chain(decisions).chain(chapters());
    names.map(|name| (name.clone(), text(&name))).collect()
}

/// The fenced blocks of a document: what follows the opening fence, and the lines in it.
fn blocks(document: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for line in document.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(info), false) => blocks.push((info, Vec::new())),
            (None, true) => blocks.last_mut().unwrap().1.push(line),
            (Some(_), true) | (None, false) => {}
        }
        inside ^= line.starts_with("```");
    }
    assert!(!inside, "a block is not closed");
    blocks
}

/// What stands between backquotes outside fenced blocks.
fn code_spans(document: &str) -> impl Iterator<Item = &str> {
    let outside = document.split("```").step_by(2);
    outside.flat_map(|text| text.split('`').skip(1).step_by(2))
}

fn is_path(span: &str) -> bool {
    let plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    plain && span.contains('/') && !span.starts_with('/')
}

/// A letter and a number, as in B-1.
fn is_id(cell: &str) -> bool {
    let number = cell.strip_prefix(|letter: char| letter.is_ascii_uppercase()).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

#[test]
fn the_table_of_actors_is_that_of_the_topology() {
    assert!(text("ARCHITECTURE.md").contains(&actor_table()), "put this into ARCHITECTURE.md:\n{}", actor_table());
}

#[test]
fn the_first_two_commands_of_the_readme_are_the_demo_and_the_test() {
    let readme = text("README.md");
    let blocks = blocks(&readme);
    assert_eq!(blocks[..2], [("sh", vec!["make demo"]), ("sh", vec!["make test"])]);
}

#[test]
fn the_readme_lists_every_example() {
    let readme = text("README.md");
    let listed: BTreeSet<&str> = readme
        .split_once("| example | what it shows |\n| --- | --- |\n")
        .and_then(|(_, table)| table.split_once("\n\n"))
        .map(|(table, _)| table.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect())
        .unwrap();
    let binaries = fs::read_dir(root().join("examples/src/bin")).unwrap().map(|entry| entry.unwrap().path());
    let binaries: BTreeSet<String> =
        binaries.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(listed, binaries.iter().map(String::as_str).collect());
}

#[test]
fn every_make_target_of_the_readme_is_there() {
    let (readme, makefile) = (text("README.md"), text("Makefile"));
    let commands = blocks(&readme).into_iter().filter(|(info, _)| *info == "sh").flat_map(|(_, lines)| lines);
    for command in commands.chain(code_spans(&readme)) {
        if let Some(target) = command.strip_prefix("make ").and_then(|rest| rest.split(' ').next()) {
            assert!(makefile.contains(&format!("\n{target}:")), "{command}");
        }
    }
}

#[test]
fn every_path_that_a_document_names_is_there() {
    for (name, document) in documents() {
        for path in code_spans(&document).filter(|span| is_path(span)) {
            assert!(root().join(path).exists(), "{name} names {path}");
            assert_eq!(root().join(path).is_dir(), path.ends_with('/'), "{name}: a folder ends with a slash: {path}");
        }
    }
}

/// The tables of the rows of Spark's suites are in the documentation of the tests.
#[test]
fn every_place_where_a_row_of_sparks_suites_is_tested_is_there() {
    for tests in ["monitor/tests/monitor", "receivers/tests/receivers"] {
        let main = text(&format!("{tests}/main.rs"));
        let rows: Vec<&str> = main.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(2).collect();
        assert!(rows.len() > 10, "{tests}: {rows:?}");
        for row in rows {
            let places: Vec<&str> = row.rsplit(" | ").next().map(code_spans).unwrap().collect();
            assert!(!places.is_empty() || row.contains("| none: "), "{row}");
            for place in places {
                let path = if place.contains('/') { place.to_owned() } else { format!("{tests}/{place}") };
                let there = ["", ".rs", "/mod.rs"].iter().any(|end| root().join(format!("{path}{end}")).exists());
                assert!(there, "{place} is not there: {row}");
            }
        }
    }
}

#[test]
fn every_link_to_a_file_leads_to_it() {
    for (name, document) in documents() {
        let folder = root().join(&name).parent().unwrap().to_owned();
        for link in document.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            assert!(link.contains("://") || folder.join(file).exists(), "{name} links to {link}");
        }
    }
}

/// Every folder of sources is in the tour.
#[test]
fn architecture_names_every_folder_of_the_libraries() {
    let document = text("ARCHITECTURE.md");
    for source in ["runtime/src", "operators/src", "receivers/src", "monitor/src", "sqlite/src"] {
        for entry in fs::read_dir(root().join(source)).unwrap().map(Result::unwrap) {
            let folder = format!("{source}/{}/", entry.file_name().into_string().unwrap());
            assert!(!entry.path().is_dir() || document.contains(&format!("`{folder}`")), "{folder} is not in the tour");
        }
    }
}

/// Each guarantee names its tests as `file::test`, and at least one of them quotes the guarantee's id in its documentation.
#[test]
fn every_guarantee_has_a_test_that_quotes_it() {
    let semantics = text("docs/SEMANTICS.md");
    let mut ids = BTreeSet::new();
    let rows = semantics.lines().filter_map(|line| Some((line.strip_prefix("| ")?.split_once(" | ")?.0, line)));
    for (id, row) in rows.filter(|(id, _)| is_id(id)) {
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        let mut quoted = false;
        for (file, test) in code_spans(row).filter_map(|span| span.split_once("::")) {
            let source = text(file);
            assert!(source.contains(&format!("fn {test}(")), "{id}: there is no test {test} in {file}");
            quoted |= source.contains(&format!("/// {id}\n"));
        }
        assert!(quoted, "{id} is quoted by none of its tests; put `/// {id}` into the documentation of one");
    }
    assert!(ids.len() > 30, "{ids:?}");
}

#[test]
fn the_arithmetic_of_back_pressure_starts_from_the_defaults() {
    let (semantics, config) = (text("docs/SEMANTICS.md"), Config::default());
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    for (value, key) in [
        (mebibytes(config.receiver.max_pending.as_u64()), "receiver.max_pending"),
        (mebibytes(config.storage.memory.as_u64()), "storage.memory"),
        (mebibytes(config.block_max_bytes.as_u64()), "block_max_bytes"),
        (config.block_queue_size.to_string(), "block_queue_size"),
        (config.max_pending_batches.to_string(), "max_pending_batches"),
        (config.task_max_failures.to_string(), "task_max_failures"),
    ] {
        let stated = [format!("{value} (`{key}`)"), format!("`{key}` ({value})")];
        assert!(stated.iter().any(|text| semantics.contains(text)), "{key} is {value}");
    }
}

#[test]
fn the_index_lists_every_decision_by_number_without_a_gap() {
    let (index, summary) = (text("docs/adr/README.md"), text("docs/SUMMARY.md"));
    for (number, name) in (1..).zip(decisions()) {
        assert!(name.starts_with(&format!("{number:04}-")), "{name}");
        assert!(index.contains(&format!("[{number:04}]({name})")), "{name} is not in docs/adr/README.md");
        assert!(summary.contains(&format!("](adr/{name})")), "{name} is not in docs/SUMMARY.md");
        assert!(text(&format!("docs/adr/{name}")).starts_with(&format!("# {number:04} ")), "{name}");
    }
}
