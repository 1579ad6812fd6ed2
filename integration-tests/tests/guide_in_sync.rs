//! The programming guide beside the code: chapters, fences, links within it, and the names that it says exist.
//!
//! That its listings compile and do what they say is `cargo test --doc -p guide`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn text(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

/// The chapters by name, without the ending.
fn chapters() -> BTreeMap<String, String> {
    let names = fs::read_dir(root().join("docs/guide")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.filter_map(|name| name.into_string().unwrap().strip_suffix(".md").map(str::to_owned));
    names.map(|name| (name.clone(), text(&format!("docs/guide/{name}.md")))).collect()
}

/// What stands between backquotes outside fenced blocks.
fn code_spans(document: &str) -> impl Iterator<Item = &str> {
    document.split("```").step_by(2).flat_map(|text| text.split('`').skip(1).step_by(2))
}

/// The cells of the tables of a document, row by row, without the lines below the headings.
fn rows(document: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = document.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    rows.map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(|row| row != &["---"; 3] && row != &["---"; 2])
}

#[test]
fn every_chapter_is_in_the_summary_and_is_compiled() {
    let (summary, library) = (text("docs/SUMMARY.md"), text("docs/guide/src/lib.rs"));
    for (name, chapter) in chapters() {
        let title = chapter.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
        assert!(
            summary.contains(&format!("- [{title}](guide/{name}.md)\n")),
            "{name} is not in SUMMARY.md as {title:?}"
        );
        assert!(library.contains(&format!("    {name},\n")), "{name} is not in docs/guide/src/lib.rs");
    }
}

/// A fence without a language would be run as Rust, one that is ignored would not be run at all.
#[test]
fn every_listing_is_run_or_says_why_not() {
    for (name, chapter) in chapters() {
        let (mut inside, mut before, mut listings) = (false, "", 0);
        for line in chapter.lines() {
            if let Some(info) = line.trim_start().strip_prefix("```") {
                if !inside {
                    assert!(
                        ["rust", "rust,no_run", "toml", "sh", "text"].contains(&info),
                        "{name}: a fence of {info:?}"
                    );
                    let reason = before.starts_with("<!-- no_run: ") && before.ends_with(". -->");
                    assert_eq!(
                        info == "rust,no_run",
                        reason,
                        "{name}: no_run needs a reason in the line before, {before:?}"
                    );
                    listings += u32::from(info.starts_with("rust"));
                }
                inside = !inside;
            }
            before = line;
        }
        assert!(!inside, "{name}: a block is not closed");
        assert!(listings > 0, "{name} has no listing");
    }
}

/// The name that a heading has in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_to_a_heading_leads_to_one() {
    let folder = root().join("docs/guide");
    for (name, chapter) in chapters() {
        for link in chapter.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let Some((file, wanted)) = link.split_once('#').filter(|_| !link.contains("://")) else { continue };
            let file = if file.is_empty() { format!("{name}.md") } else { file.to_owned() };
            let target =
                fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{name}: {link}: {error}"));
            let mut headings = target.lines().filter(|line| line.starts_with('#'));
            assert!(headings.any(|heading| anchor(heading.trim_start_matches('#').trim()) == wanted), "{name}: {link}");
        }
    }
}

#[test]
fn the_rust_version_is_that_of_the_workspace() {
    let (manifest, linking) = (text("Cargo.toml"), text("docs/guide/linking.md"));
    let version = manifest.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(linking.contains(&format!("Rust {version} or later")), "{version}");
}

/// The settings that Spark has as well, by Spark's key, are those of the reference.
#[test]
fn the_configuration_keys_are_those_of_the_reference() {
    let (guide, reference) = (text("docs/guide/coming_from_spark.md"), text("docs/configuration.md"));
    let section = guide.split("\n## ").find(|section| section.starts_with("Configuration keys\n")).unwrap();
    let first = |cell: &str| code_spans(cell).next().map(str::to_owned);
    let ours: BTreeSet<_> = rows(section).filter_map(|row| Some((first(row[0])?, first(row[1])?))).collect();
    let known =
        reference.lines().filter_map(|line| line.strip_prefix("| ")).map(|row| row.split(" | ").collect::<Vec<_>>());
    let known: BTreeSet<_> =
        known.filter(|row| row.len() == 6).filter_map(|row| Some((first(row[4])?, first(row[0])?))).collect();
    assert_eq!(ours, known);
}

/// What the sources declare: the methods and variants of each type and trait, and everything that has a path of its own.
#[derive(Default)]
struct Declared {
    members: BTreeMap<String, BTreeSet<String>>,
    /// The members that come from no trait.
    inherent: BTreeMap<String, BTreeSet<String>>,
    items: BTreeSet<String>,
    /// Trait and type.
    implemented: Vec<(String, String)>,
}

impl Declared {
    fn of_the_libraries() -> Declared {
        let mut declared = Declared::default();
        for library in ["runtime/src", "operators/src", "receivers/src", "monitor/src", "sqlite/src"] {
            declared.folder(&root().join(library));
        }
        declared.inherent = declared.members.clone();
        for (of, by) in std::mem::take(&mut declared.implemented) {
            let members = declared.members.get(&of).cloned().unwrap_or_default();
            declared.members.entry(by).or_default().extend(members);
        }
        declared
    }

    fn folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                self.folder(&entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                self.file(&fs::read_to_string(&entry).unwrap());
            }
        }
    }

    /// Reads formatted sources: what is not indented begins an item, a closing brace that is not indented ends it.
    fn file(&mut self, source: &str) {
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            let public = line.strip_prefix("pub ").unwrap_or(line);
            if let Some((kind, rest)) = public.split_once(' ').or_else(|| Some(("impl", public.strip_prefix("impl")?)))
            {
                match kind.split('<').next().unwrap() {
                    "fn" | "const" if public != line => drop(self.items.insert(name(rest.trim_start_matches("fn ")))),
                    "struct" | "type" if public != line => drop(self.items.insert(name(rest))),
                    "enum" | "trait" if public != line => {
                        self.items.insert(name(rest));
                        self.block(name(rest), line, &mut lines, true);
                    }
                    "impl" => self.implementation(line, &mut lines),
                    _ => {}
                }
            }
        }
    }

    fn implementation<'s>(&mut self, line: &'s str, lines: &mut impl Iterator<Item = &'s str>) {
        let mut header = line.to_owned();
        while !header.contains('{') {
            let Some(more) = lines.next() else { return };
            header.push_str(more);
        }
        let header = header.split('{').next().unwrap().split(" where").next().unwrap();
        let header = without_generics(header.strip_prefix("impl").unwrap());
        let (of, by) = header.split_once(" for ").map_or((None, header.as_str()), |(of, by)| (Some(of), by));
        if let Some(of) = of {
            self.implemented.push((name(of), name(by)));
        }
        if !line.ends_with('}') {
            self.block(name(by), "{", lines, false);
        }
    }

    /// The members of a block up to its end. Everything in a trait or an enum is public.
    fn block<'s>(&mut self, owner: String, first: &str, lines: &mut impl Iterator<Item = &'s str>, public: bool) {
        if first.ends_with('}') {
            return;
        }
        let members = self.members.entry(owner).or_default();
        for line in lines.take_while(|line| *line != "}") {
            let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with([' ', '/', '#'])) else {
                continue;
            };
            let visible = line.strip_prefix("pub ").or(public.then_some(line));
            let Some(visible) = visible else { continue };
            let words = visible.trim_start_matches("const ").trim_start_matches("async ").trim_start_matches("fn ");
            members.insert(name(words));
        }
    }

    fn has(&self, path: &str) -> bool {
        match path.split_once("::") {
            Some((owner, member)) => self.members.get(owner).is_some_and(|members| members.contains(member)),
            None => self.items.contains(path),
        }
    }
}

/// The name at the beginning, of a path its last part.
fn name(text: &str) -> String {
    let path: String = text.trim().chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
    path.trim_end_matches(':').rsplit("::").next().unwrap().to_owned()
}

/// Without what stands in angle brackets.
fn without_generics(text: &str) -> String {
    let mut depth = 0u32;
    let mut kept = String::new();
    for c in text.replace("->", "").chars() {
        depth += u32::from(c == '<');
        if depth == 0 {
            kept.push(c);
        }
        depth -= u32::from(c == '>');
    }
    kept
}

fn is_name(span: &str) -> bool {
    span.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c))
}

/// The second column of a table of names has a name, or says that there is none.
#[test]
fn every_name_beside_one_of_sparks_exists() {
    let (guide, declared) = (text("docs/guide/coming_from_spark.md"), Declared::of_the_libraries());
    let sections = guide.split("\n## ").filter(|section| !section.starts_with("Configuration keys\n"));
    let mut checked = 0;
    for row in sections.flat_map(rows).filter(|row| row[0] != "Spark") {
        let mut names = code_spans(row[1]).filter(|span| is_name(span)).peekable();
        assert!(names.peek().is_some() || row[1].starts_with("not "), "no name beside {}", row[0]);
        for name in names {
            assert!(declared.has(name), "{name} beside {}: there is no such name", row[0]);
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

/// A name of Spark's as it is written here: the last part of a path, in snake case.
fn snake_case(name: &str) -> String {
    let last = name.split('(').next().unwrap().rsplit(['.', ' ']).next().unwrap();
    let words = last.chars().map(|c| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() });
    words.collect::<String>().trim_start_matches('_').to_owned()
}

#[test]
fn what_is_said_to_be_missing_is_missing() {
    let (guide, declared) = (text("docs/guide/coming_from_spark.md"), Declared::of_the_libraries());
    let mut missing = 0;
    for row in guide.split("\n## ").flat_map(rows).filter(|row| row[1].starts_with("not ")) {
        for name in code_spans(row[0]).map(snake_case) {
            for owner in ["StreamingContext", "RunningContext", "DStream", "Rdd", "Engine", "ReceiverHandle"] {
                assert!(!declared.has(&format!("{owner}::{name}")), "{owner}::{name} is there; put it into the table");
            }
            missing += 1;
        }
    }
    assert!(missing > 0, "the table is not read");
}

#[test]
fn every_member_that_the_guide_names_exists() {
    let declared = Declared::of_the_libraries();
    for (chapter, text) in chapters() {
        for span in code_spans(&text) {
            let path = span.split(['(', ' ', '{']).next().unwrap();
            let known = path.split_once("::").is_some_and(|(owner, _)| declared.members.contains_key(owner));
            assert!(!known || declared.has(path), "{chapter}: there is no {path}");
        }
    }
}

/// The methods of a dataset that programs have no use for.
const INNER: [&str; 5] = ["new", "node", "scope", "in_scope", "known_count"];

#[test]
fn every_operator_on_streams_and_datasets_is_beside_one_of_sparks() {
    let (guide, declared) = (text("docs/guide/coming_from_spark.md"), Declared::of_the_libraries());
    let named: BTreeSet<&str> = code_spans(&guide).collect();
    for owner in ["DStream", "Rdd"] {
        for member in declared.inherent[owner].iter().filter(|member| !INNER.contains(&member.as_str())) {
            assert!(named.contains(format!("{owner}::{member}").as_str()), "{owner}::{member} is not in the table");
        }
    }
}
