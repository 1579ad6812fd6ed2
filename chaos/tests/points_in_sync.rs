//! The table of fail points and the code agree: a point that is in one only would never be tested.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use waterwheel::runtime::failpoint::{FAIL_POINTS, fail_point_table};

/// The crates of the library.
const LIBRARY: [&str; 3] = ["runtime", "operators", "receivers"];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_fail_point_of_the_table_stands_in_the_code_once_and_there_is_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    LIBRARY.iter().for_each(|part| sources(&root.join(part).join("src"), &mut files));
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for call in text.split("fail_point(\"").skip(1) {
            let name = call.split('"').next().unwrap().to_owned();
            places.entry(name).or_default().push(file.strip_prefix(root).unwrap().display().to_string());
        }
    }
    for point in FAIL_POINTS {
        let places = places.remove(point.name).unwrap_or_default();
        assert_eq!(places.len(), 1, "{} stands in {places:?}", point.name);
    }
    assert!(places.is_empty(), "not in FAIL_POINTS of runtime/src/failpoint/table.rs: {places:?}");
}

#[test]
fn the_table_of_the_guide_is_that_of_the_runtime() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let chapter = fs::read_to_string(root.join("docs/guide/fault_injection.md")).unwrap();
    let table = fail_point_table();
    assert!(chapter.contains(&table), "put this into docs/guide/fault_injection.md:\n{table}");
}
