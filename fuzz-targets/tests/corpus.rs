//! Every target over its corpus, and over mutations of it. `FUZZ_RUNS` says how many of those (default: 2000 of each target),
//! `FUZZ_SEED` from which seed.
//!
//! What a fuzzer found is added to `fuzz/corpus/`, minimised; nothing of this file changes then.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use fuzz_targets::mutate::mutate;
use fuzz_targets::{TARGETS, Target};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz")
}

/// The inputs of a target by the names of their files.
fn corpus(target: &Target) -> BTreeMap<String, Vec<u8>> {
    let folder = folder().join("corpus").join(target.name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())).collect()
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|error| panic!("{name} is {text:?}: {error}")))
}

/// Runs a target on `bytes`; the input is told when it fails.
fn run(target: &Target, what: &str, bytes: &[u8]) {
    assert!(catch_unwind(|| (target.run)(bytes)).is_ok(), "{} broke a promise on {what}: {bytes:?}", target.name);
}

#[test]
fn every_target_keeps_its_promises_on_its_corpus_and_on_thousands_of_mutations() {
    let runs = setting("FUZZ_RUNS").unwrap_or(2000);
    let seed = setting("FUZZ_SEED").unwrap_or_else(|| rand::rng().random());
    println!("FUZZ_SEED={seed}");
    for target in TARGETS {
        let named = corpus(target);
        assert!(!named.is_empty(), "{} has no corpus", target.name);
        for (name, bytes) in &named {
            run(target, name, bytes);
        }
        let mut corpus: Vec<_> = named.into_values().collect();
        let mut random = StdRng::seed_from_u64(seed);
        let known = corpus.len();
        for n in 0..runs {
            let from = random.random_range(0..corpus.len());
            let mutated = mutate(&corpus[from], &corpus, &mut random);
            run(target, &format!("mutation {n} of FUZZ_SEED={seed}"), &mutated);
            // Some are begun from again, so that changes add up.
            if random.random_range(0..16) == 0 {
                let place = known + usize::try_from(n % 64).unwrap();
                if place < corpus.len() { corpus[place] = mutated } else { corpus.push(mutated) }
            }
        }
    }
}

/// The seeds are what the code writes: when a format changes, so does its corpus. `FUZZ_WRITE_SEEDS=1` writes them.
#[test]
fn every_seed_is_in_the_corpus() {
    let write = std::env::var_os("FUZZ_WRITE_SEEDS").is_some();
    for target in TARGETS {
        for (number, seed) in (1..).zip((target.seeds)()) {
            let name = format!("seed-{number}");
            if write {
                let folder = folder().join("corpus").join(target.name);
                fs::create_dir_all(&folder).unwrap();
                #[expect(clippy::disallowed_methods, reason = "the corpus is written on demand, by hand")]
                fs::write(folder.join(&name), &seed).unwrap();
            }
            let same = corpus(target).get(&name) == Some(&seed);
            assert!(same, "{name} of {} is not what the code writes; FUZZ_WRITE_SEEDS=1 writes it anew", target.name);
        }
    }
}

/// `cargo fuzz` finds a target by its program.
#[test]
fn every_target_has_a_program_for_the_fuzzer_and_every_program_a_target() {
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    let names: Vec<&str> =
        manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    let expected: Vec<&str> = std::iter::once("fuzz").chain(TARGETS.iter().map(|target| target.name)).collect();
    assert_eq!(names, expected);
    for target in TARGETS {
        let name = target.name;
        let program = fs::read_to_string(folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("fuzz_targets::run(\"{name}\", bytes)")), "{program}");
    }
}
