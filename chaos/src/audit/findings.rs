//! What an audit found.

use std::fmt;

/// How many differences of a kind are told in full.
const TOLD: usize = 5;

/// What is missing, doubled or otherwise wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Records that were looked at.
    pub records: u64,
    /// Records that were sent and are nowhere.
    pub lost: u64,
    /// Records that are somewhere twice.
    pub twice: u64,
    /// Results that do not follow from the records.
    pub wrong: u64,
    first: Vec<String>,
}

impl Findings {
    /// None yet, among so many records.
    pub fn among(records: u64) -> Findings {
        Findings { records, ..Findings::default() }
    }

    /// Whether everything is as it should be.
    pub fn is_clean(&self) -> bool {
        self.lost + self.twice + self.wrong == 0
    }

    pub(super) fn lost(&mut self, what: String) {
        self.lost += 1;
        self.tell(self.lost, what);
    }

    pub(super) fn twice(&mut self, what: String) {
        self.twice += 1;
        self.tell(self.twice, what);
    }

    pub(super) fn wrong(&mut self, what: String) {
        self.wrong += 1;
        self.tell(self.wrong, what);
    }

    fn tell(&mut self, number: u64, what: String) {
        if number <= TOLD as u64 {
            self.first.push(what);
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lost, {} counted twice, {} results wrong", self.lost, self.twice, self.wrong)?;
        self.first.iter().try_for_each(|what| write!(f, "\n  {what}"))
    }
}
