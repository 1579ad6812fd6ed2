//! What listings lead to, case by case.

use super::*;
use crate::files::options::FileOptions;
use std::io;
use std::path::PathBuf;

/// The file with that number; `born` tells two that had it one after another apart.
fn id(inode: u64, born: i64) -> FileId {
    FileId { device: 1, inode, born: Some(Stamp::new(born)) }
}

fn listed(path: &str, id: FileId, size: u64, modified: i64) -> Listed {
    Listed { path: PathBuf::from(path), id, size, modified: Stamp::new(modified), wanted: true }
}

fn listing(files: &[Listed]) -> Listing {
    Listing { files: files.to_vec(), devices: BTreeSet::from([1]), ..Listing::default() }
}

fn rules(mode: FileMode) -> Rules {
    Rules::of(&FileOptions::default().mode(mode).settle(Duration::from_secs(2)), 100)
}

/// All of a file is complete.
fn all(candidate: &Candidate, _: u64) -> Look {
    Look::UpTo(candidate.size, None)
}

/// Records of ten bytes are.
fn tens(candidate: &Candidate, room: u64) -> Look {
    let end = candidate.size.min(candidate.from.saturating_add(room)) / 10 * 10;
    let end = if end > candidate.from { end } else { candidate.from + 10 };
    if end <= candidate.size { Look::UpTo(end, None) } else { Look::Incomplete }
}

/// A tracker with what it has done so far.
struct Run {
    tracker: Tracker,
    rules: Rules,
    memory: SourceMemory,
    now: u64,
}

impl Run {
    fn new(mode: FileMode) -> Run {
        Run::with(rules(mode))
    }

    fn with(rules: Rules) -> Run {
        Run { tracker: Tracker::new(rules), rules, memory: SourceMemory::new(), now: 0 }
    }

    /// A second later: what is read, and what is told.
    fn lists(&mut self, listing: &Listing, look: LookAt<'_>) -> (Vec<(String, u64, u64)>, Vec<Report>) {
        self.now += 1;
        let at = Duration::from_secs(self.now);
        let Decision { pieces, reports } = self.tracker.decide(listing, When { began: at, ended: at }, look);
        for change in self.tracker.changes().unwrap() {
            match change {
                MemoryChange::Put { key, value } => drop(self.memory.insert(key, value)),
                MemoryChange::Forget { key } => drop(self.memory.remove(&key)),
            }
        }
        (pieces.iter().map(|piece| (piece.path().display().to_string(), piece.from, piece.to)).collect(), reports)
    }

    /// What is read when these are there.
    fn reads(&mut self, files: &[Listed]) -> Vec<(String, u64, u64)> {
        let (pieces, reports) = match self.rules.mode {
            FileMode::Tail => self.lists(&listing(files), &mut tens),
            _ => self.lists(&listing(files), &mut all),
        };
        assert_eq!(reports, [], "nothing is to be told");
        pieces
    }

    fn tells(&mut self, files: &[Listed]) -> Vec<Report> {
        match self.rules.mode {
            FileMode::Tail => self.lists(&listing(files), &mut tens).1,
            _ => self.lists(&listing(files), &mut all).1,
        }
    }

    /// Goes on from what was written down.
    fn restarts(&mut self) {
        self.tracker = Tracker::new(self.rules);
        self.tracker.recall(&self.memory).unwrap();
    }
}

fn whole(path: &str, size: u64) -> (String, u64, u64) {
    (path.to_owned(), 0, size)
}

#[test]
fn a_file_is_read_when_it_has_been_the_same_for_long_enough_and_only_then() {
    let mut run = Run::new(FileMode::Settled);
    let file = |size, modified| listed("/in/a", id(1, 1), size, modified);
    assert_eq!(run.reads(&[file(10, 1)]), []);
    assert_eq!(run.reads(&[file(10, 1)]), [], "a second is not long enough");
    assert_eq!(run.reads(&[file(10, 2)]), [], "it was written to: the time begins anew");
    assert_eq!(run.reads(&[file(20, 2)]), []);
    assert_eq!(run.reads(&[file(20, 2)]), []);
    assert_eq!(run.reads(&[file(20, 2)]), [whole("/in/a", 20)]);
    assert_eq!(run.reads(&[file(20, 2)]), []);
    run.restarts();
    assert_eq!(run.reads(&[file(20, 2)]), [], "that it was read is written down");
}

/// A listing that takes long says nothing of when in between a file was as it is.
#[test]
fn the_time_of_rest_is_that_between_two_listings() {
    let mut tracker = Tracker::new(rules(FileMode::Settled));
    let files = listing(&[listed("/in/a", id(1, 1), 10, 1)]);
    let mut decide = |began, ended| {
        let when = When { began: Duration::from_secs(began), ended: Duration::from_secs(ended) };
        tracker.decide(&files, when, &mut all).pieces.len()
    };
    assert_eq!((decide(0, 3), decide(4, 9), decide(9, 9)), (0, 0, 1));
}

#[test]
fn a_file_without_content_is_not_read_and_what_comes_into_it_is() {
    for mode in [FileMode::Settled, FileMode::Renamed] {
        let mut run = Run::new(mode);
        for _ in 0..5 {
            assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 0, 1)]), []);
        }
        let later: Vec<_> = (0..5).flat_map(|_| run.reads(&[listed("/in/a", id(1, 1), 7, 2)])).collect();
        assert_eq!(later, [whole("/in/a", 7)]);
    }
}

#[test]
fn a_renamed_file_is_read_at_once_and_another_one_under_its_name_is_new() {
    let mut run = Run::new(FileMode::Renamed);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), [whole("/in/a", 10)]);
    assert_eq!(run.reads(&[listed("/in/a", id(2, 2), 10, 1)]), [whole("/in/a", 10)], "renamed over the first");
    assert_eq!(run.reads(&[listed("/in/a", id(2, 2), 10, 1)]), []);
}

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

/// A rename while a directory is being read hides the file from that listing: it is under the old name no more, and not yet
/// under the new one.
#[test]
fn a_file_that_one_listing_misses_is_not_forgotten() {
    for mode in [FileMode::Settled, FileMode::Renamed, FileMode::Tail] {
        let mut run = Run::new(mode);
        let read: Vec<_> = (0..4).flat_map(|_| run.reads(&[listed("/in/log", id(1, 1), 20, 1)])).collect();
        assert_eq!(read, [whole("/in/log", 20)]);
        for restarts in [false, true] {
            assert_eq!(run.reads(&[]), []);
            if restarts {
                run.restarts();
                assert_eq!(run.reads(&[]), [], "that one was missed is not written down");
            }
            let renamed = Listed { wanted: false, ..listed("/in/log.1", id(1, 1), 20, 1) };
            assert_eq!(run.reads(std::slice::from_ref(&renamed)), []);
            assert_eq!(run.reads(&[listed("/in/log", id(1, 1), 20, 1)]), []);
        }
        assert_eq!((run.reads(&[]), run.memory.len()), (vec![], 1));
        assert_eq!((run.reads(&[]), run.memory.len()), (vec![], 0), "two listings say that it is gone");
    }
}

/// The unread lines of a log that is rotated to a name which the filter leaves out.
#[test]
fn a_log_that_is_rotated_while_its_directory_is_read_loses_nothing() {
    let mut run = Run::new(FileMode::Tail);
    assert_eq!(run.reads(&[listed("/in/log", id(1, 1), 20, 1)]), [whole("/in/log", 20)]);
    assert_eq!(run.reads(&[listed("/in/log", id(2, 2), 10, 2)]), [whole("/in/log", 10)]);
    let rotated = Listed { wanted: false, ..listed("/in/log.1", id(1, 1), 40, 2) };
    let read = run.reads(&[rotated, listed("/in/log", id(2, 2), 10, 2)]);
    assert_eq!(read, [("/in/log.1".to_owned(), 20, 40)]);
}

#[test]
fn a_file_that_is_taken_back_before_it_was_read_is_not_read() {
    let mut run = Run::new(FileMode::Settled);
    assert_eq!(run.reads(&[listed("/in/a", id(1, 1), 10, 1)]), []);
    for _ in 0..4 {
        assert_eq!(run.reads(&[Listed { wanted: false, ..listed("/in/.a", id(1, 1), 10, 1) }]), []);
    }
    assert_eq!(run.tells(&[]), []);
}

/// As of a file that was linked to its name, and whose first name is still there.
#[test]
fn a_file_that_has_a_hidden_name_as_well_is_read_whichever_is_listed_first() {
    let (name, hidden) =
        (listed("/in/a", id(1, 1), 10, 1), Listed { wanted: false, ..listed("/in/.a", id(1, 1), 10, 1) });
    for files in [[name.clone(), hidden.clone()], [hidden, name]] {
        let mut run = Run::new(FileMode::Settled);
        let read: Vec<_> = (0..5).flat_map(|_| run.reads(&files)).collect();
        assert_eq!(read, [whole("/in/a", 10)]);
    }
}

#[test]
fn a_file_that_changes_after_it_was_read_is_told_once_with_its_name() {
    let mut run = Run::new(FileMode::Renamed);
    run.reads(&[listed("/in/a", id(1, 1), 10, 1)]);
    let changed = |now| Report::Changed { path: "/in/a".into(), read: 10, now };
    assert_eq!(run.tells(&[listed("/in/a", id(1, 1), 15, 2)]), [changed(15)]);
    assert_eq!(run.tells(&[listed("/in/a", id(1, 1), 25, 3)]), []);
    run.restarts();
    assert_eq!(run.tells(&[listed("/in/a", id(1, 1), 25, 3)]), [changed(25)], "once by each run");
}

#[test]
fn what_a_file_grows_by_is_read_when_that_is_wanted_and_has_come_to_rest() {
    let rules = Rules { when_grown: WhenGrown::Read, ..rules(FileMode::Renamed) };
    let mut run = Run::with(rules);
    run.reads(&[listed("/in/a", id(1, 1), 10, 1)]);
    let grown = [listed("/in/a", id(1, 1), 15, 2)];
    assert_eq!((run.reads(&grown), run.reads(&grown)), (vec![], vec![]));
    assert_eq!(run.reads(&grown), [("/in/a".to_owned(), 10, 15)]);
    assert_eq!(run.reads(&grown), []);
}

/// What is behind the place up to where it was read is no appendix of what was read then.
#[test]
fn a_file_that_was_written_anew_after_it_was_read_is_told_once_and_not_read_from_its_middle() {
    for mode in [FileMode::Settled, FileMode::Renamed] {
        let mut run = Run::with(Rules { when_grown: WhenGrown::Read, ..rules(mode) });
        let file = |size, modified| listing(&[listed("/in/a", id(1, 1), size, modified)]);
        let mut looks = 0;
        let mut marked = |candidate: &Candidate, _: u64| {
            looks += 1;
            match (candidate.from, candidate.mark) {
                (0, None) => Look::UpTo(candidate.size, Some(7)),
                (10, Some(7)) => Look::Rewritten,
                other => panic!("{other:?}"),
            }
        };
        let read: Vec<_> = (0..4).flat_map(|_| run.lists(&file(10, 1), &mut marked).0).collect();
        assert_eq!(read, [whole("/in/a", 10)]);
        let lists = |run: &mut Run, size, modified, look: LookAt<'_>| -> Vec<_> {
            let listings = (0..5).map(|_| run.lists(&file(size, modified), look));
            listings
                .flat_map(|(pieces, told)| told.into_iter().chain(pieces.into_iter().map(|piece| panic!("{piece:?}"))))
                .collect()
        };
        let changed = |now| Report::Changed { path: "/in/a".into(), read: 10, now };
        assert_eq!(lists(&mut run, 15, 2, &mut marked), [changed(15)]);
        assert_eq!(lists(&mut run, 18, 3, &mut marked), []);
        run.restarts();
        assert_eq!(lists(&mut run, 18, 3, &mut marked), [], "it is as it was when it was told");
        assert_eq!(lists(&mut run, 25, 4, &mut marked), [changed(25)], "once by each run");
        assert_eq!(looks, 4, "it is opened only when it has changed");
    }
}

#[test]
fn a_growing_file_is_read_up_to_its_last_complete_record() {
    let mut run = Run::new(FileMode::Tail);
    let file = |size, modified| [listed("/in/log", id(1, 1), size, modified)];
    assert_eq!(run.reads(&file(7, 1)), []);
    assert_eq!(run.reads(&file(25, 2)), [("/in/log".to_owned(), 0, 20)]);
    run.restarts();
    assert_eq!(run.reads(&file(25, 2)), []);
    assert_eq!(run.reads(&file(30, 3)), [("/in/log".to_owned(), 20, 30)]);
}

/// Opening every file whose last line is not complete in every batch would cost as much as there are files.
#[test]
fn an_incomplete_record_is_looked_for_only_when_the_file_has_grown() {
    let mut run = Run::new(FileMode::Tail);
    let file = listing(&[listed("/in/log", id(1, 1), 7, 1)]);
    let mut looks = 0;
    for _ in 0..5 {
        run.lists(&file, &mut |_, _| {
            looks += 1;
            Look::Incomplete
        });
    }
    assert_eq!(looks, 1);
    let longer = listing(&[listed("/in/log", id(1, 1), 9, 2)]);
    run.lists(&longer, &mut |candidate, _| {
        assert_eq!((candidate.from, candidate.looked), (0, 7), "no record ends before");
        Look::Incomplete
    });
}

#[test]
fn a_rotated_log_is_read_on_under_its_new_name_and_the_new_one_from_its_beginning() {
    let mut run = Run::new(FileMode::Tail);
    assert_eq!(run.reads(&[listed("/in/log", id(1, 1), 20, 1)]), [("/in/log".to_owned(), 0, 20)]);
    let old = Listed { wanted: false, ..listed("/in/log.1", id(1, 1), 40, 2) };
    let read = run.reads(&[listed("/in/log", id(2, 2), 10, 2), old]);
    assert_eq!(read, [("/in/log.1".to_owned(), 20, 40), ("/in/log".to_owned(), 0, 10)]);
}

#[test]
fn a_log_that_is_cut_short_is_told_and_read_from_its_beginning() {
    let mut run = Run::new(FileMode::Tail);
    run.reads(&[listed("/in/log", id(1, 1), 50, 1)]);
    let cut = listing(&[listed("/in/log", id(1, 1), 20, 2)]);
    let (pieces, reports) = run.lists(&cut, &mut tens);
    assert_eq!(pieces, [("/in/log".to_owned(), 0, 20)]);
    assert_eq!(reports, [Report::CutShort { path: "/in/log".into(), read: 50, now: 20 }]);
    assert_eq!(run.tells(&[listed("/in/log", id(1, 1), 0, 3)]).len(), 1);
    run.restarts();
    assert_eq!(run.reads(&[listed("/in/log", id(1, 1), 60, 4)]), [("/in/log".to_owned(), 0, 60)]);
}

#[test]
fn a_log_that_was_cut_short_and_is_longer_again_is_told_and_read_from_its_beginning() {
    let mut run = Run::new(FileMode::Tail);
    let file = |size| listing(&[listed("/in/log", id(1, 1), size, 1)]);
    let mut marked = |candidate: &Candidate, _: u64| match (candidate.from, candidate.mark) {
        (0, None) => Look::UpTo(candidate.size, Some(7)),
        (50, Some(7)) => Look::Rewritten,
        other => panic!("{other:?}"),
    };
    assert_eq!(run.lists(&file(50), &mut marked).0, [("/in/log".to_owned(), 0, 50)]);
    run.restarts();
    let rewritten = Report::Rewritten { path: "/in/log".into(), read: 50 };
    assert_eq!(run.lists(&file(80), &mut marked), (vec![], vec![rewritten]));
    run.restarts();
    assert_eq!(run.lists(&file(80), &mut marked).0, [("/in/log".to_owned(), 0, 80)]);
}

#[test]
fn what_is_gone_before_it_was_read_is_told() {
    let gone = |bytes| Report::GoneUnread { path: "/in/a".into(), bytes };
    let mut run = Run::new(FileMode::Tail);
    run.reads(&[listed("/in/a", id(1, 1), 25, 1)]);
    assert_eq!((run.tells(&[]), run.tells(&[])), (vec![], vec![gone(5)]));
    let mut run = Run::new(FileMode::Settled);
    run.reads(&[listed("/in/a", id(1, 1), 25, 1)]);
    assert_eq!((run.tells(&[]), run.tells(&[])), (vec![], vec![gone(25)]));
    let mut run = Run::new(FileMode::Renamed);
    run.reads(&[listed("/in/a", id(1, 1), 25, 1)]);
    assert_eq!((run.tells(&[]), run.tells(&[])), (vec![], vec![]), "it was read");
}

#[test]
fn a_line_that_does_not_end_is_told_once() {
    let mut run = Run::new(FileMode::Tail);
    let mut told = Vec::new();
    for size in [50, 150, 250] {
        let log = listing(&[listed("/in/log", id(1, 1), size, 1)]);
        told.extend(run.lists(&log, &mut |_, _| Look::Incomplete).1);
    }
    assert_eq!(told, [Report::LongLine { path: "/in/log".into(), at: 0, bytes: 150 }]);
}

#[test]
fn a_file_that_cannot_be_opened_is_told_once_and_waits_while_the_others_are_read() {
    let mut run = Run::new(FileMode::Renamed);
    let files = listing(&[listed("/in/a", id(1, 1), 10, 1), listed("/in/b", id(2, 1), 10, 1)]);
    let mut denied = |candidate: &Candidate, _| match candidate.id.inode {
        1 => Look::Unreadable("permission denied".to_owned()),
        _ => Look::UpTo(candidate.size, None),
    };
    let unreadable = Report::Unreadable { path: "/in/a".into(), reason: "permission denied".to_owned() };
    assert_eq!(run.lists(&files, &mut denied), (vec![whole("/in/b", 10)], vec![unreadable]));
    assert_eq!(run.lists(&files, &mut denied), (vec![], vec![]));
    assert_eq!(run.lists(&files, &mut all).0, [whole("/in/a", 10)]);
}

#[test]
fn what_was_there_before_the_first_start_is_passed_over_and_that_is_written_down() {
    let mut run = Run::new(FileMode::Renamed);
    let old = listed("/in/old", id(1, 1), 10, 1);
    run.tracker.pass_over(&listing(std::slice::from_ref(&old)), &mut |listed| (listed.size, None));
    assert_eq!(run.reads(std::slice::from_ref(&old)), []);
    run.restarts();
    assert_eq!(run.reads(&[old, listed("/in/new", id(2, 2), 10, 1)]), [whole("/in/new", 10)]);
}

#[test]
fn a_backlog_is_read_in_parts_those_first_that_came_first() {
    let mut run = Run::with(Rules { max_files: 2, max_bytes: 25, ..rules(FileMode::Renamed) });
    let mut files: Vec<_> = (1..=3).map(|n| listed(&format!("/in/m{n}"), id(n, 1), 10, 1)).collect();
    assert_eq!(run.reads(&files), [whole("/in/m1", 10), whole("/in/m2", 10)], "two files");
    files.push(listed("/in/a-large", id(8, 1), 100, 1));
    files.push(listed("/in/b", id(9, 1), 20, 1));
    assert_eq!(run.reads(&files), [whole("/in/m3", 10)], "the next in order would be too much");
    assert_eq!(run.reads(&files), [whole("/in/a-large", 100)], "one that is larger comes alone");
    assert_eq!(run.reads(&files), [whole("/in/b", 20)]);
    assert_eq!(run.reads(&files), []);
}

#[test]
fn files_that_grow_without_end_take_turns() {
    let mut run = Run::with(Rules { max_bytes: 20, ..rules(FileMode::Tail) });
    let files = [listed("/in/a", id(1, 1), 1_000, 1), listed("/in/b", id(2, 1), 1_000, 1)];
    let read: Vec<_> = (0..4).flat_map(|_| run.reads(&files)).map(|(path, from, _)| (path, from)).collect();
    let expected = [("/in/a", 0), ("/in/b", 0), ("/in/a", 20), ("/in/b", 20)];
    assert_eq!(read, expected.map(|(path, from)| (path.to_owned(), from)));
}

#[test]
fn what_cannot_be_looked_at_is_not_gone() {
    let mut run = Run::new(FileMode::Renamed);
    let (one, other) = (listed("/in/x/a", id(1, 1), 10, 1), listed("/in/y/b", id(2, 1), 10, 1));
    assert_eq!(run.reads(&[one.clone(), other.clone()]).len(), 2);
    let failed = vec![(PathBuf::from("/in/x"), io::Error::from(io::ErrorKind::PermissionDenied))];
    let denied = Listing { failed, ..listing(&[]) };
    for _ in 0..3 {
        assert_eq!(run.lists(&denied, &mut all), (vec![], vec![]));
    }
    assert_eq!(run.memory.len(), 1, "the other one is gone");
    assert_eq!(run.reads(&[one, other]), [whole("/in/y/b", 10)]);
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

#[test]
fn a_row_that_cannot_be_understood_is_refused() {
    let memory = SourceMemory::from([(vec![1], vec![9, 9])]);
    assert!(Tracker::new(rules(FileMode::Tail)).recall(&memory).unwrap_err().contains("later version"));
}
