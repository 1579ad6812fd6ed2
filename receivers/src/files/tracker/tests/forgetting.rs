//! When a file that listings do not have is forgotten, case by case.

use super::*;

/// A listing during which names changed.
fn amid_changes(files: &[Listed]) -> Listing {
    Listing { quiet: Quiet::default(), ..listing(files) }
}

/// What the run reads of it, where nothing is to be told.
fn reads(run: &mut Run, listing: &Listing) -> Vec<(String, u64, u64)> {
    let (pieces, reports) = match run.rules.mode {
        FileMode::Tail => run.lists(listing, &mut tens),
        FileMode::Settled | FileMode::Renamed => run.lists(listing, &mut all),
    };
    assert_eq!(reports, []);
    pieces
}

/// As one that is rotated at the moment at which batches begin.
#[test]
fn a_file_that_two_listings_in_a_row_miss_while_names_change_is_not_forgotten() {
    for mode in [FileMode::Settled, FileMode::Renamed, FileMode::Tail] {
        let mut run = Run::new(mode);
        let read: Vec<_> = (0..4).flat_map(|_| run.reads(&[listed("/in/log", id(1, 1), 20, 1)])).collect();
        assert_eq!(read, [whole("/in/log", 20)]);
        for _ in 1..MISSES_AMID_CHANGES {
            assert_eq!(reads(&mut run, &amid_changes(&[])), []);
        }
        let back: Vec<_> = (0..4).flat_map(|_| run.reads(&[listed("/in/log.1", id(1, 1), 20, 1)])).collect();
        assert_eq!(back, [], "it is the one that was read");
    }
}

/// Forgotten, it would not be listed any more under that name.
#[test]
fn the_rest_of_a_log_that_two_listings_miss_and_that_has_a_hidden_name_then_is_read() {
    let mut run = Run::new(FileMode::Tail);
    assert_eq!(run.reads(&[listed("/in/log", id(1, 1), 20, 1)]), [whole("/in/log", 20)]);
    assert_eq!((reads(&mut run, &amid_changes(&[])), reads(&mut run, &amid_changes(&[]))), (vec![], vec![]));
    assert!(run.tracker.knows_inode(1), "that is what has it listed");
    let rotated = Listed { wanted: false, ..listed("/in/log.tmp", id(1, 1), 40, 2) };
    assert_eq!(run.reads(&[rotated]), [("/in/log.tmp".to_owned(), 20, 40)]);
}

#[test]
fn what_is_gone_is_forgotten_at_the_second_listing_if_no_name_changes_during_that() {
    let mut run = Run::new(FileMode::Renamed);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), [whole("/in/a", 10)]);
    assert_eq!((reads(&mut run, &amid_changes(&[])), run.memory.len()), (vec![], 1));
    assert_eq!((run.reads(&[]), run.memory.len()), (vec![], 0));
}

#[test]
fn what_is_gone_is_forgotten_in_the_end_however_busy_its_directory_is() {
    let mut run = Run::new(FileMode::Renamed);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), [whole("/in/a", 10)]);
    let left: Vec<_> = (0..MISSES_AMID_CHANGES)
        .map(|_| {
            reads(&mut run, &amid_changes(&[]));
            run.memory.len()
        })
        .collect();
    assert_eq!(left.iter().filter(|rows| **rows == 0).count(), 1, "{left:?}");
}

/// Its name was there when names were read, and led to it no more when it was looked at.
#[test]
fn a_file_of_which_only_the_number_was_seen_is_there() {
    let mut run = Run::new(FileMode::Renamed);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), [whole("/in/a", 10)]);
    let glimpsed = Listing { glimpsed: BTreeSet::from([1]), ..amid_changes(&[]) };
    for _ in 0..3 * MISSES_AMID_CHANGES {
        assert_eq!(reads(&mut run, &glimpsed), []);
    }
    assert_eq!(run.reads(&[listed("/in/b", id(1, 1), 10, 1)]), []);
}
