//! Which file a file is, case by case.

use super::*;

#[test]
fn a_number_that_is_used_again_is_a_new_file() {
    let mut run = Run::new(FileMode::Renamed);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), [whole("/in/a", 10)]);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 2), 10, 1)]), [whole("/in/a", 10)], "it came to be at another time");
    let unborn = FileId { born: None, ..id(5, 0) };
    assert_eq!(run.reads(&[listed("/in/b", unborn, 10, 1)]), [whole("/in/b", 10)]);
    assert_eq!((run.reads(&[]), run.reads(&[])), (vec![], vec![]));
    assert!(run.memory.is_empty(), "what is gone is forgotten");
    assert_eq!(run.reads(&[listed("/in/b", unborn, 10, 1)]), [whole("/in/b", 10)]);
}

/// Between two listings, where the file system does not tell when a file came to be.
#[test]
fn an_unborn_number_under_another_name_and_with_another_content_is_a_new_file() {
    let unborn = |inode| FileId { born: None, ..id(inode, 0) };
    for mode in [FileMode::Settled, FileMode::Renamed] {
        let mut run = Run::new(mode);
        let mut reads = |files: &[Listed]| -> Vec<_> { (0..4).flat_map(|_| run.reads(files)).collect() };
        assert_eq!(reads(&[listed("/in/a", unborn(1), 10, 1)]), [whole("/in/a", 10)]);
        assert_eq!(reads(&[listed("/in/b", unborn(1), 10, 1)]), [], "renamed");
        assert_eq!(reads(&[listed("/in/c", unborn(1), 20, 1)]), [whole("/in/c", 20)], "another size");
        assert_eq!(reads(&[listed("/in/d", unborn(1), 20, 2)]), [whole("/in/d", 20)], "another time");
        let hidden = Listed { wanted: false, ..listed("/in/.e", unborn(1), 30, 3) };
        assert_eq!(reads(&[hidden]), []);
        assert!(run.memory.is_empty(), "the one that was read is gone");
        assert_eq!(run.tracker.inodes.len(), run.tracker.files.len());
    }
}

#[test]
fn an_unborn_file_is_the_same_under_its_own_name_and_under_a_further_one() {
    let unborn = FileId { born: None, ..id(1, 0) };
    let mut run = Run::new(FileMode::Renamed);
    let changed = |now| Report::Changed { path: "/in/a".into(), read: 10, now };
    assert_eq!(run.reads(&[listed("/in/a", unborn, 10, 1)]), [whole("/in/a", 10)]);
    let grown = [listed("/in/b", unborn, 15, 2), listed("/in/a", unborn, 15, 2)];
    assert_eq!(run.lists(&listing(&grown), &mut all), (vec![], vec![changed(15)]));
    assert_eq!(run.reads(&[listed("/in/b", unborn, 15, 2)]), [], "it is as it was seen last");
}

#[test]
fn an_unborn_number_that_a_listing_misses_and_that_has_another_content_then_is_a_new_file() {
    let unborn = FileId { born: None, ..id(1, 0) };
    let mut run = Run::new(FileMode::Renamed);
    assert_eq!(run.reads(&[listed("/in/a", unborn, 10, 1)]), [whole("/in/a", 10)]);
    assert_eq!(run.reads(&[]), []);
    assert_eq!(run.reads(&[listed("/in/a", unborn, 10, 1)]), []);
    assert_eq!(run.reads(&[]), []);
    assert_eq!(run.reads(&[listed("/in/a", unborn, 10, 2)]), [whole("/in/a", 10)]);
}

/// What was read of a log is told by its bytes: it grows, and is renamed, as it likes.
#[test]
fn an_unborn_log_that_has_grown_is_read_on_under_another_name() {
    let unborn = FileId { born: None, ..id(1, 0) };
    let mut run = Run::new(FileMode::Tail);
    assert_eq!(run.reads(&[listed("/in/log", unborn, 20, 1)]), [whole("/in/log", 20)]);
    let rotated = [listed("/in/log.1", unborn, 40, 2)];
    assert_eq!(run.reads(&rotated), [("/in/log.1".to_owned(), 20, 40)]);
}

/// As after an upgrade of the system.
#[test]
fn files_whose_birth_is_told_from_now_on_are_the_same() {
    let born = |inode| id(inode, 5);
    let unborn = |inode| FileId { born: None, ..id(inode, 0) };
    for device in [1, 7] {
        let born = |inode| FileId { device, ..born(inode) };
        let mut run = Run::new(FileMode::Renamed);
        assert_eq!(run.reads(&[listed("/in/a", unborn(1), 10, 1), listed("/in/b", unborn(2), 10, 1)]).len(), 2);
        run.restarts();
        let now = [listed("/in/a", born(1), 10, 1), listed("/in/b", born(2), 10, 2)];
        let now = Listing { devices: BTreeSet::from([device]), ..listing(&now) };
        assert_eq!(run.lists(&now, &mut all), (vec![whole("/in/b", 10)], vec![]), "the second is not as it was");
        for _ in 0..3 {
            run.restarts();
            assert_eq!(run.lists(&now, &mut all), (vec![], vec![]));
        }
        // Without births again, and with them once more: that is how it is on a system which tells them of some.
        let then = [listed("/in/a", unborn(1), 10, 1), listed("/in/b", unborn(2), 10, 2)];
        for (files, device) in [(then.to_vec(), 1), (now.files.clone(), device)] {
            let listing = Listing { devices: BTreeSet::from([device]), ..listing(&files) };
            assert_eq!(run.lists(&listing, &mut all), (vec![], vec![]));
        }
        assert_eq!(run.memory.len(), 2);
    }
}

#[test]
fn a_log_whose_birth_is_told_from_now_on_is_read_on_when_its_bytes_can_tell() {
    let (unborn, born) = (FileId { born: None, ..id(1, 0) }, id(1, 5));
    for mark in [Some(7), None] {
        let mut run = Run::new(FileMode::Tail);
        let mut marked = |candidate: &Candidate, _: u64| Look::UpTo(candidate.size, mark);
        assert_eq!(run.lists(&listing(&[listed("/in/log", unborn, 20, 1)]), &mut marked).0, [whole("/in/log", 20)]);
        run.restarts();
        let from = if mark.is_some() { 20 } else { 0 };
        let grown = listing(&[listed("/in/log", born, 40, 2)]);
        assert_eq!(run.lists(&grown, &mut marked).0, [("/in/log".to_owned(), from, 40)]);
    }
}

/// Some systems number devices anew when they start.
#[test]
fn a_file_whose_device_has_another_number_now_is_the_same() {
    let mut run = Run::new(FileMode::Renamed);
    let (kept, gone) = (listed("/in/a", id(1, 1), 10, 1), listed("/in/b", id(2, 1), 10, 1));
    assert_eq!(run.reads(&[kept.clone(), gone]).len(), 2);
    run.restarts();
    let moved = Listed { id: FileId { device: 7, ..kept.id }, ..kept };
    let renumbered = Listing { files: vec![moved], devices: BTreeSet::from([7]), ..Listing::default() };
    assert_eq!(run.lists(&renumbered, &mut all), (vec![], vec![]));
    assert_eq!(run.memory.len(), 1, "what was on that device and is gone is forgotten");
    run.restarts();
    assert_eq!(run.lists(&renumbered, &mut all), (vec![], vec![]));
}

/// Until a file system is mounted again, its directory is empty, and on another device.
#[test]
fn what_lies_on_a_file_system_that_is_not_mounted_is_not_gone() {
    let mut run = Run::new(FileMode::Renamed);
    let file = listed("/in/a", id(1, 1), 10, 1);
    assert_eq!(run.reads(std::slice::from_ref(&file)).len(), 1);
    let unmounted = Listing { devices: BTreeSet::from([2]), ..Listing::default() };
    for _ in 0..3 {
        assert_eq!(run.lists(&unmounted, &mut all), (vec![], vec![]));
    }
    assert_eq!(run.reads(&[file]), []);
}

#[test]
fn a_renamed_file_is_read_at_once_and_another_one_under_its_name_is_new() {
    let mut run = Run::new(FileMode::Renamed);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), [whole("/in/a", 10)]);
    assert_eq!(run.reads(&[listed("/in/a", id(2, 2), 10, 1)]), [whole("/in/a", 10)], "renamed over the first");
    assert_eq!(run.reads(&[listed("/in/a", id(2, 2), 10, 1)]), []);
}

#[test]
fn a_file_is_the_same_under_another_name_under_several_and_under_one_that_the_filter_leaves_out() {
    let mut run = Run::new(FileMode::Renamed);
    let both = [listed("/in/a", id(1, 1), 10, 1), listed("/in/b", id(1, 1), 10, 1)];
    assert_eq!(run.reads(&both).len(), 1, "two names of one file");
    assert_eq!(run.reads(&[listed("/in/c", id(1, 1), 10, 1)]), []);
    assert_eq!(run.reads(&[Listed { wanted: false, ..listed("/in/.c", id(1, 1), 10, 1) }]), []);
    run.restarts();
    assert!(run.tracker.knows_inode(1) && !run.tracker.knows_inode(2));
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), []);
}
