//! The files of the page that were not written here are those of the package that the manifest names. Nothing is fetched to see that.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/vendor")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The version that the manifest names.
fn version() -> String {
    let manifest: Value = serde_json::from_str(&text("package.json")).unwrap();
    manifest["dependencies"]["uplot"].as_str().unwrap().to_owned()
}

#[test]
fn the_files_have_the_hashes_that_were_recorded_when_they_were_fetched() {
    let recorded = text("SHA256SUMS");
    let recorded: BTreeMap<&str, &str> = recorded
        .lines()
        .map(|line| {
            let (hash, name) = line.split_once("  ").unwrap();
            (name, hash)
        })
        .collect();
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeMap<String, String> = names
        .filter(|name| name.starts_with("uPlot."))
        .map(|name| {
            let hash = Sha256::digest(fs::read(folder().join(&name)).unwrap());
            (name, hash.iter().map(|byte| format!("{byte:02x}")).collect())
        })
        .collect();
    assert_eq!(there.len(), 3);
    let there = there.iter().map(|(name, hash)| (name.as_str(), hash.as_str())).collect();
    assert_eq!(recorded, there, "fetch them with scripts/vendor_page.sh, and do not edit them");
}

#[test]
fn the_version_of_the_manifest_is_that_of_the_files() {
    let version = version();
    assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version} is one version, and no range");
    let script = text("uPlot.iife.min.js");
    let header = script.lines().next().unwrap();
    assert!(header.starts_with("/*!") && header.contains(&format!("(v{version})")), "{header}");
}

#[test]
fn the_lock_file_pins_that_version_by_its_hash_and_says_nothing_of_where_it_comes_from() {
    let locked = text("package-lock.json");
    let lock: Value = serde_json::from_str(&locked).unwrap();
    let packages = lock["packages"].as_object().unwrap();
    assert_eq!(packages.keys().collect::<Vec<_>>(), ["", "node_modules/uplot"], "it needs no other package");
    let uplot = &packages["node_modules/uplot"];
    assert_eq!((uplot["version"].as_str(), uplot["license"].as_str()), (Some(version().as_str()), Some("MIT")));
    assert!(uplot["integrity"].as_str().unwrap().starts_with("sha512-"), "{uplot}");
    assert!(!locked.contains("resolved") && !locked.contains("://"), "{locked}");
    assert!(text("uPlot.LICENSE").contains("MIT License"));
}
