//! Opening a directory under a running application: what fails because a file went away meanwhile is tried again.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use waterwheel_runtime::durable::Look;
use waterwheel_runtime::durable::keys::Paths;

/// How often a directory that changes under the reader is read anew.
const TRIES: usize = 8;

/// What `read` makes of the directory.
///
/// A running application deletes files that it no longer needs, and a reader that still needs one finds damage that is none. So
/// when `is_bad` says that the outcome is bad, and the directory has changed meanwhile, it is opened and read again.
///
/// # Errors
/// Those of the last try.
pub fn looking<T>(
    directory: &Path,
    mut read: impl FnMut(&Look) -> Result<T>,
    is_bad: impl Fn(&Result<T>) -> bool,
) -> Result<T> {
    let mut tries = 1;
    loop {
        let before = fingerprint(directory);
        let outcome = Look::open(directory).map_err(Into::into).and_then(|look| read(&look));
        if !is_bad(&outcome) || tries == TRIES || fingerprint(directory) == before {
            return outcome;
        }
        tries += 1;
    }
}

/// The files of the directory with their sizes.
fn fingerprint(directory: &Path) -> BTreeMap<String, u64> {
    let paths = Paths::of(directory);
    let mut files = BTreeMap::new();
    for directory in [paths.root(), &paths.database()] {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let length = entry.metadata().map_or(0, |file| file.len());
            files.insert(entry.path().display().to_string(), length);
        }
    }
    // Its length never changes.
    let noted = std::fs::read(paths.acknowledged()).unwrap_or_default();
    files.insert(crate::hex(&noted), 0);
    files
}

/// How many bytes the files of the directory take.
pub fn bytes_of(directory: &Path) -> u64 {
    let paths = Paths::of(directory);
    let of = |directory: &Path| -> u64 {
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).filter(|file| file.is_file()).map(|file| file.len()).sum()
    };
    of(paths.root()).saturating_add(of(&paths.database()))
}
