//! Whether directories stayed as they were while they were listed: then a file that their listing does not have is not there. Pure.
//!
//! A file that is renamed while its directory is read may be listed under neither name, and one that is moved from a directory that
//! is read later into one that was read before is in neither. Either way a name changes in a directory that was listed, and its
//! file system gives that directory another time. So at the end of a listing every directory is asked for its times. Only two changes that are
//! closer together than these times are apart could hide: that is why the times must have been seen some while before the listing began.
//! No clock is compared: times of directories are the same or not, and the while is measured by the engine's monotonic clock.

use super::disk::DirectoryStamp;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// When a listing was made, by the engine's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    pub(super) began: Duration,
    pub(super) ended: Duration,
}

/// What the times of directories say at the end of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Quiet {
    /// They are what they were at the end of the last listing: nothing is seen to have changed since then.
    pub(super) is_same: bool,
    /// No name came, went or changed while the directories were listed.
    pub(super) is_still: bool,
}

/// How directories were at the end of the last listing.
#[derive(Debug, Default)]
pub(super) struct Stillness {
    seen: HashMap<PathBuf, Seen>,
}

#[derive(Debug)]
struct Seen {
    stamp: DirectoryStamp,
    /// Since when it is known to be that.
    since: Duration,
    /// Whether no name in it changed during that listing.
    was_still: bool,
}

impl Stillness {
    /// What is to be said of `directories`, which are all that were listed, as they are after the last of them was read; `None` for one
    /// that cannot be asked, or is another one than was read.
    pub(super) fn of(&mut self, directories: Vec<(PathBuf, Option<DirectoryStamp>)>, when: When) -> Quiet {
        let (mut is_same, mut is_still) = (true, true);
        let mut seen = HashMap::with_capacity(directories.len());
        for (path, stamp) in directories {
            let Some(stamp) = stamp else {
                (is_same, is_still) = (false, false);
                continue;
            };
            let since = match self.seen.get(&path) {
                Some(before) if before.stamp == stamp => before.since,
                _ => {
                    is_same = false;
                    when.ended
                }
            };
            let was_still = when.began.saturating_sub(since) >= stamp.grain();
            is_still &= was_still;
            seen.insert(path, Seen { stamp, since, was_still });
        }
        self.seen = seen;
        Quiet { is_same, is_still }
    }

    /// Whether no name in a directory, which is like `stamp` now, came, went or changed since the last listing began.
    pub(super) fn lasts(&self, path: &Path, stamp: &DirectoryStamp) -> bool {
        self.seen.get(path).is_some_and(|seen| seen.was_still && seen.stamp == *stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::identity::Stamp;
    use proptest::prelude::*;

    fn stamp(inode: u64, ticks: u64, tick: Duration) -> DirectoryStamp {
        let at = tick * u32::try_from(ticks).unwrap();
        let at = Stamp::at(at.as_secs().cast_signed(), at.subsec_nanos());
        DirectoryStamp { device: 1, inode, modified: at, changed: at }
    }

    fn listing(began: u64, ended: u64) -> When {
        When { began: Duration::from_millis(began), ended: Duration::from_millis(ended) }
    }

    #[test]
    fn directories_are_still_when_they_have_the_times_that_they_had_some_while_before() {
        let tick = Duration::from_millis(4);
        let one = |ticks| vec![(PathBuf::from("/in"), Some(stamp(1, ticks, tick)))];
        let mut stillness = Stillness::default();
        let mut of = |directories, began, ended| {
            let Quiet { is_same, is_still } = stillness.of(directories, listing(began, ended));
            (is_same, is_still)
        };
        assert_eq!(of(one(1), 1_000, 1_001), (false, false), "nothing was seen before");
        assert_eq!(of(one(1), 1_100, 1_101), (true, false), "that is no while");
        assert_eq!(of(one(1), 1_101, 1_102), (true, true));
        assert_eq!(of(one(2), 2_000, 2_001), (false, false), "a name changed, before the listing or in it");
        assert_eq!(of(one(2), 3_000, 3_001), (true, true));
        let replaced = vec![(PathBuf::from("/in"), Some(stamp(2, 2, tick)))];
        assert_eq!(of(replaced, 4_000, 4_001), (false, false), "it is another directory");
        assert_eq!(of(vec![(PathBuf::from("/in"), None)], 5_000, 5_001), (false, false), "it cannot be asked");
        let two = [one(2), vec![(PathBuf::from("/in/new"), Some(stamp(3, 2, tick)))]].concat();
        assert_eq!(of(two.clone(), 6_000, 6_001), (false, false));
        assert_eq!(of(two, 7_000, 7_001), (true, true));
    }

    #[test]
    fn names_last_when_the_last_listing_was_still_and_the_directory_is_what_it_was_then() {
        let (path, now) = (PathBuf::from("/in"), stamp(1, 1, Duration::from_millis(4)));
        let mut stillness = Stillness::default();
        assert!(!stillness.lasts(&path, &now), "nothing is known of it");
        stillness.of(vec![(path.clone(), Some(now))], listing(1_000, 1_001));
        assert!(!stillness.lasts(&path, &now), "a name may have changed after it was read");
        stillness.of(vec![(path.clone(), Some(now))], listing(2_000, 2_001));
        assert!(stillness.lasts(&path, &now));
        assert!(!stillness.lasts(&path, &stamp(1, 2, Duration::from_millis(4))), "a name has changed since then");
        assert!(!stillness.lasts(&path, &stamp(2, 1, Duration::from_millis(4))), "it is another directory");
    }

    proptest! {
        /// Whatever the ticks of the file system are, and whenever directories change and are listed.
        #[test]
        fn a_directory_that_changes_while_it_is_listed_is_never_still(
            (tick, seconds) in (1..=10_u64, any::<bool>()),
            changes in prop::collection::vec((0..2_usize, 1..400_u64), 0..40),
            listings in prop::collection::vec((0..300_u64, 0..30_u64), 1..30),
        ) {
            // Times without a fraction are those of file systems that know only every other second.
            let tick = Duration::from_millis(if seconds { 2_000 } else { tick });
            let mut at = 0;
            let changes: Vec<(usize, u64)> = changes.into_iter().map(|(which, later)| { at += later; (which, at) }).collect();
            let (mut stillness, mut now) = (Stillness::default(), 0);
            for (pause, length) in listings {
                let (began, ended) = (now + pause, now + pause + length);
                now = ended;
                let of = |which: usize| {
                    let last = changes.iter().rfind(|(changed, at)| *changed == which && *at <= ended);
                    let ticks = last.map_or(0, |(_, at)| Duration::from_millis(*at).as_nanos() / tick.as_nanos());
                    // The times of finer file systems have a fraction nearly always.
                    let fraction = if seconds { Duration::ZERO } else { Duration::from_nanos(1) };
                    let at = tick * u32::try_from(ticks).unwrap() + fraction;
                    let at = Stamp::at(at.as_secs().cast_signed(), at.subsec_nanos());
                    (PathBuf::from(format!("/{which}")), Some(DirectoryStamp { device: 1, inode: which as u64, modified: at, changed: at }))
                };
                let Quiet { is_still, .. } = stillness.of(vec![of(0), of(1)], listing(began, ended));
                let has_changed = changes.iter().any(|(_, at)| (began..=ended).contains(at));
                prop_assert!(!(is_still && has_changed), "{began}..={ended}");
            }
        }
    }
}
