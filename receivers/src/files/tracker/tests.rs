//! What listings lead to, case by case.

mod forgetting;
mod identity;

use super::*;
use crate::files::options::FileOptions;
use crate::files::stillness::Quiet;
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
    Listing { files: files.to_vec(), devices: BTreeSet::from([1]), quiet: STILL, ..Listing::default() }
}

/// No name changed.
const STILL: Quiet = Quiet { is_same: true, is_still: true };

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

#[test]
fn a_row_that_cannot_be_understood_is_refused() {
    let memory = SourceMemory::from([(vec![1], vec![9, 9])]);
    assert!(Tracker::new(rules(FileMode::Tail)).recall(&memory).unwrap_err().contains("later version"));
}
