//! Finding the file that a batch was given, whatever it is called by now.

use super::disk::{Disk, Facts};
use super::identity::{self, FileId};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// How often a directory is looked through, at most: one look may miss a file that is renamed meanwhile.
const LOOKS: usize = 10;

/// Opens the file `id`: at `path`, or under the name in the same directory that it was given since. `None` when it is not there.
///
/// # Errors
/// When it, or its directory, may not be opened.
pub(super) fn open<D: Disk>(disk: &D, path: &Path, id: FileId) -> io::Result<Option<(PathBuf, File)>> {
    let directory = path.parent().unwrap_or(path);
    let mut before = None;
    for _ in 0..LOOKS {
        if let Some(file) = open_at(path, id)? {
            return Ok(Some((path.to_owned(), file)));
        }
        let renamed = match find_in(disk, directory, id) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            renamed => renamed?,
        };
        if let Some(renamed) = renamed {
            if let Some(file) = open_at(&renamed, id)? {
                return Ok(Some((renamed, file)));
            }
            // It was there, and was renamed again.
            before = None;
            continue;
        }
        let now = disk.stamp(directory).ok();
        if now.is_some() && now == before {
            // No name has changed since the end of the look before this one.
            return Ok(None);
        }
        before = now;
    }
    Ok(None)
}

fn open_at(path: &Path, id: FileId) -> io::Result<Option<File>> {
    let file = match identity::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    Ok(Facts::of(&file)?.id.may_be(&id).then_some(file))
}

/// A name in `directory` that the file `id` has, or had when names were read.
fn find_in<D: Disk>(disk: &D, directory: &Path, id: FileId) -> io::Result<Option<PathBuf>> {
    let (opened, _) = disk.open(directory)?;
    let mut named = Vec::new();
    disk.entries(&opened, &mut |entry| {
        if entry.inode == id.inode {
            named.push(entry.name);
        }
    })?;
    let may_be_it = |name: &std::ffi::OsString| match disk.look(&opened, name, false) {
        Ok(facts) => facts.id.may_be(&id),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    Ok(named.into_iter().find(may_be_it).map(|name| directory.join(name)))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the files are the tests' own")]
mod tests {
    use super::*;
    use crate::files::disk::System;
    use crate::files::disk::meddling::Meddling;
    use crate::files::identity::Stamp;
    use std::fs;

    /// A batch that is run again after its system was started anew, where devices have other numbers or births are told.
    #[test]
    fn a_file_of_an_earlier_run_is_found_as_the_system_has_it_now() {
        let home = tempfile::tempdir().unwrap();
        let (path, other) = (home.path().join("a"), home.path().join("b"));
        let now = Facts::of(File::create(&path).unwrap()).unwrap().id;
        let earlier = [now, FileId { device: now.device + 1, ..now }, FileId { born: None, ..now }];
        let mut others = vec![FileId { inode: now.inode + 1, ..now }];
        others.extend(now.born.map(|_| FileId { born: Some(Stamp::new(1)), ..now }));
        let check = |name: &Path| {
            for id in earlier {
                assert_eq!(open(&System, &path, id).unwrap().unwrap().0, name, "{id:?}");
            }
            for id in &others {
                assert!(open(&System, &path, *id).unwrap().is_none(), "{id:?}");
            }
        };
        check(&path);
        fs::rename(&path, &other).unwrap();
        check(&other);
    }

    #[test]
    fn a_file_that_is_renamed_while_it_is_looked_for_is_found() {
        let home = tempfile::tempdir().unwrap();
        let name = |number: u32| home.path().join(format!("log.{number}"));
        let id = Facts::of(File::create(name(0)).unwrap()).unwrap().id;
        fs::rename(name(0), name(1)).unwrap();
        let mut renames = 1;
        // Before each question of three looks; the first is for the directory.
        let disk = Meddling::new(System, |question| {
            if question <= 9 {
                fs::rename(name(renames), name(renames + 1)).unwrap();
                renames += 1;
            }
        });
        assert_eq!(open(&disk, &name(0), id).unwrap().unwrap().0, name(10));
    }

    #[test]
    fn a_file_that_is_gone_is_not_looked_for_again_and_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a");
        let id = Facts::of(File::create(&path).unwrap()).unwrap().id;
        fs::remove_file(&path).unwrap();
        let mut questions = 0;
        let disk = Meddling::new(System, |question| questions = question);
        assert!(open(&disk, &path, id).unwrap().is_none());
        assert_eq!(questions, 6, "a directory, its names and its times, twice");
    }
}
