//! What listings of real directories say while files in them are renamed.

use super::*;
use crate::files::disk::meddling::Meddling;
use std::fs::{self, File, FileTimes};
use std::time::UNIX_EPOCH;

/// A directory with others in it.
struct Home {
    directory: tempfile::TempDir,
    renames: u64,
}

impl Home {
    fn new(below: &[&str]) -> Home {
        let directory = tempfile::tempdir().unwrap();
        for name in below {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        Home { directory, renames: 0 }
    }

    fn join(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "the files are the test's own")]
    fn rename(&mut self, from: &str, to: &str) {
        let (from, to) = (self.join(from), self.join(to));
        fs::rename(&from, &to).unwrap();
        // Both directories have other times by that. Where the file system's clock has not gone on since they were asked, they get
        // them here: in tests no time goes by.
        self.renames += 1;
        let at = UNIX_EPOCH + Duration::from_millis(1_001 * self.renames);
        for path in [from, to] {
            let directory = File::open(path.parent().unwrap()).unwrap();
            directory.set_times(FileTimes::new().set_modified(at)).unwrap();
        }
    }
}

fn lister<D: Disk>(disk: D, home: &Path) -> Lister<D> {
    Lister::new(disk, Pattern::new(home).unwrap(), &FileOptions::default().recursive(true))
}

/// A listing at that second, of a stream that knows all files.
fn list<D: Disk>(lister: &mut Lister<D>, second: u64) -> Listing {
    let asks = Asks { is_known: &|_| true, was_read: &|_| true };
    let listing = lister.list(asks, &|| Duration::from_secs(second)).0;
    assert!(listing.failed.is_empty(), "{listing:?}");
    listing
}

fn names(listing: &Listing) -> Vec<String> {
    listing.files.iter().map(|file| file.path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_listing_during_which_nothing_changes_is_still_once_that_can_be_told() {
    let home = Home::new(&["below"]);
    File::create(home.join("below/a")).unwrap();
    let mut lister = lister(System, home.directory.path());
    let still: Vec<bool> = (0..3).map(|second| list(&mut lister, second).quiet.is_still).collect();
    assert_eq!(still, [false, true, true]);
    File::create(home.join("b")).unwrap();
    File::open(home.directory.path()).unwrap().set_times(FileTimes::new().set_modified(UNIX_EPOCH)).unwrap();
    let listing = list(&mut lister, 10);
    assert!(!listing.quiet.is_still, "when it came cannot be told");
    let mut names = names(&listing);
    names.sort();
    assert_eq!(names, ["a", "b"]);
}

/// After its name was read, and before it was looked at.
#[test]
fn a_file_that_is_renamed_before_it_is_looked_at_is_glimpsed() {
    let mut home = Home::new(&[]);
    let inode = Facts::of(File::create(home.join("log")).unwrap()).unwrap().id.inode;
    let path = home.directory.path().to_owned();
    let disk = Meddling::new(System, |question| {
        // The third listing's third: the first two have four each, for the directory, its names, the file, and the directory's times.
        if question == 11 {
            home.rename("log", "log.1");
        }
    });
    let mut lister = lister(disk, &path);
    list(&mut lister, 0);
    let before = list(&mut lister, 1);
    assert!(before.quiet.is_still && before.glimpsed.is_empty());
    let missed = list(&mut lister, 2);
    assert_eq!((names(&missed).len(), missed.glimpsed, missed.quiet.is_still), (0, BTreeSet::from([inode]), false));
    assert_eq!(names(&list(&mut lister, 3)), ["log.1"]);
}

/// From the directory that is read later into the one that was read before: it is in neither listing of names.
#[test]
fn a_listing_behind_whose_back_a_file_is_moved_is_not_still() {
    let mut home = Home::new(&["x", "y"]);
    let path = home.directory.path().to_owned();
    // Which of the two is read first is up to the file system.
    let first = fs::read_dir(&path).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let last = if first == "x" { "y" } else { "x" };
    let (from, to) = (format!("{last}/log"), format!("{first}/log"));
    File::create(home.join(&from)).unwrap();
    let mut moved = false;
    let disk = Meddling::new(System, |question| {
        // A listing asks for three directories, their names and times, and the file: ten times. Of the third one's questions the first two
        // are for the directory above, and two more for the one that is read first.
        if question == 25 && !std::mem::replace(&mut moved, true) {
            home.rename(&from, &to);
        }
    });
    let mut lister = lister(disk, &path);
    list(&mut lister, 0);
    assert!(list(&mut lister, 1).quiet.is_still);
    let missed = list(&mut lister, 2);
    assert_eq!((names(&missed).len(), missed.glimpsed.len(), missed.quiet.is_still), (0, 0, false));
    let found = list(&mut lister, 3);
    assert_eq!((names(&found).len(), found.quiet.is_still), (1, true));
}

/// As of a release that is switched to the next one.
#[test]
fn a_directory_that_is_another_one_than_was_read_is_not_still() {
    let home = Home::new(&["one", "two"]);
    let path = home.join("now");
    std::os::unix::fs::symlink("one", &path).unwrap();
    let switched = std::cell::Cell::new(false);
    let disk = Meddling::new(System, |question| {
        // Before the times of the third listing.
        if question == 9 {
            let next = home.join("next");
            std::os::unix::fs::symlink("two", &next).unwrap();
            #[expect(clippy::disallowed_methods, reason = "the link is the test's own")]
            fs::rename(next, &path).unwrap();
            switched.set(true);
        }
    });
    let mut lister = lister(disk, &path);
    let still: Vec<bool> = (0..5).map(|second| list(&mut lister, second).quiet.is_still).collect();
    assert!(switched.get());
    assert_eq!(still, [false, true, false, false, true]);
}

/// The third listing knows that nothing changed since the second.
#[test]
fn complete_files_are_looked_at_in_turns_where_no_name_has_changed() {
    let home = Home::new(&[]);
    for name in ["a", "b", "c"] {
        File::create(home.join(name)).unwrap();
    }
    let path = home.directory.path().to_owned();
    let asked = std::cell::Cell::new(0);
    let mut lister = lister(Meddling::new(System, |question| asked.set(question)), &path).looking_again_at(1);
    let mut looks = |second: u64| {
        let before = asked.get();
        let listing = list(&mut lister, second);
        assert_eq!(names(&listing).len(), 3);
        // But for the directory, its names and its times.
        asked.get() - before - 3
    };
    assert_eq!([0, 1, 2, 3, 4].map(&mut looks), [3, 3, 1, 1, 1]);
    File::create(home.join(".d")).unwrap();
    File::open(&path).unwrap().set_times(FileTimes::new().set_modified(UNIX_EPOCH)).unwrap();
    let later = [10, 11, 20, 21].map(|second| {
        let before = asked.get();
        list(&mut lister, second);
        asked.get() - before - 3
    });
    assert_eq!(later, [4, 4, 1, 1], "with the hidden one, which may have come while the first of them read names");
}

/// What is to be told of it is told some listings later at most.
#[test]
fn each_complete_file_has_its_turn() {
    let home = Home::new(&[]);
    for name in ["a", "b", "c"] {
        File::create(home.join(name)).unwrap();
    }
    let mut lister = lister(System, home.directory.path()).looking_again_at(1);
    (0..3).for_each(|second| drop(list(&mut lister, second)));
    for name in ["a", "b", "c"] {
        File::options().append(true).open(home.join(name)).unwrap().set_len(7).unwrap();
    }
    let grown = [3, 4, 5].map(|second| list(&mut lister, second).files.iter().filter(|file| file.size == 7).count());
    assert_eq!(grown, [1, 2, 3]);
}
