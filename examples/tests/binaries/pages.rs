//! What `print` writes, read back.

use std::collections::BTreeMap;

/// The line above and below the time.
const RULE: &str = "-------------------------------------------";

/// What one batch printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// The local time, as it was written.
    pub(crate) time: String,
    /// The lines of the records.
    pub(crate) records: Vec<String>,
    /// Whether `...` said that there are more.
    pub(crate) more: bool,
}

impl Page {
    /// Reads a page from the lines that are to come: the lines that come before it, and the page; `None` when there is none.
    pub(crate) fn read(mut next: impl FnMut() -> Option<String>) -> Option<(Vec<String>, Page)> {
        let mut before = Vec::new();
        loop {
            match next()? {
                rule if rule == RULE => break,
                line => before.push(line),
            }
        }
        let title = next().expect("a page has a title");
        let time = title.strip_prefix("Time: ").unwrap_or_else(|| panic!("{title:?} is no title")).to_owned();
        assert_eq!(next().as_deref(), Some(RULE), "the title is ruled off");
        let mut page = Page { time, records: Vec::new(), more: false };
        loop {
            match next().expect("a page ends with an empty line").as_str() {
                "" => return Some((before, page)),
                "..." => page.more = true,
                record => page.records.push(record.to_owned()),
            }
        }
    }

    /// The pairs of word and count.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (String, u64)> {
        self.records.iter().map(|record| {
            let pair = record.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')?.rsplit_once(','));
            let (word, count) = pair.unwrap_or_else(|| panic!("{record:?} is no pair"));
            (word.to_owned(), count.parse().unwrap())
        })
    }
}

/// The counts of several pages in one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<String, u64>);

impl Counts {
    pub(crate) fn add(&mut self, page: &Page) {
        for (word, count) in page.counts() {
            *self.0.entry(word).or_default() += count;
        }
    }

    /// The counts of all `pages`.
    pub(crate) fn all(pages: &[Page]) -> Counts {
        let mut counts = Counts::default();
        pages.iter().for_each(|page| counts.add(page));
        counts
    }

    pub(crate) fn of(&self, word: &str) -> u64 {
        self.0.get(word).copied().unwrap_or_default()
    }

    pub(crate) fn is(&self, expected: &[(&str, u64)]) -> bool {
        self.0.len() == expected.len() && expected.iter().all(|(word, count)| self.of(word) == *count)
    }
}
