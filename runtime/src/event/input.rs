//! What a batch reads of an input stream, for people.

use std::fmt::Display;

/// What a batch reads of an input stream, for people: the files of a stream of files, the positions of a log. Bounded, whatever a
/// source says.
///
/// ```
/// use waterwheel_runtime::event::InputMetadata;
///
/// let read = InputMetadata::of(["/in/a.txt", "/in/b.txt"]);
/// assert_eq!(read.description(), "/in/a.txt\n/in/b.txt");
/// let many = InputMetadata::of(0..1000);
/// assert_eq!((many.items.len(), many.omitted), (InputMetadata::MOST_ITEMS, 900));
/// assert!(many.description().ends_with("\n99\nand 900 more"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputMetadata {
    /// Its parts, in the order in which they are read; no more than [`MOST_ITEMS`](InputMetadata::MOST_ITEMS).
    pub items: Vec<String>,
    /// How many there are beyond those.
    pub omitted: u64,
}

impl InputMetadata {
    /// Parts that are named.
    pub const MOST_ITEMS: usize = 100;

    /// Characters of a part that are kept.
    pub const MOST_CHARACTERS: usize = 1000;

    /// These parts: the first of them are named, the others counted.
    pub fn of(parts: impl IntoIterator<Item = impl Display>) -> InputMetadata {
        let mut parts = parts.into_iter();
        let items = parts.by_ref().take(Self::MOST_ITEMS).map(|part| shortened(part.to_string())).collect();
        InputMetadata { items, omitted: parts.count() as u64 }
    }

    /// The same within the bounds, which whoever fills the fields may have passed.
    #[must_use]
    pub fn bounded(mut self) -> InputMetadata {
        let beyond = self.items.len().saturating_sub(Self::MOST_ITEMS);
        self.items.truncate(Self::MOST_ITEMS);
        self.items = self.items.into_iter().map(shortened).collect();
        InputMetadata { items: self.items, omitted: self.omitted.saturating_add(beyond as u64) }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.omitted == 0
    }

    /// One part a line, and how many more there are.
    pub fn description(&self) -> String {
        let more = (self.omitted > 0).then(|| format!("and {} more", self.omitted));
        let lines: Vec<&str> = self.items.iter().chain(&more).map(String::as_str).collect();
        lines.join("\n")
    }
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(InputMetadata::MOST_CHARACTERS) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_were_filled_beyond_the_bounds_are_brought_back_to_them() {
        let told = InputMetadata { items: vec!["x".repeat(2000); 1000], omitted: u64::MAX }.bounded();
        assert_eq!((told.items.len(), told.omitted), (InputMetadata::MOST_ITEMS, u64::MAX));
        assert_eq!(told.items[0].len(), InputMetadata::MOST_CHARACTERS + 3);
        let told = InputMetadata::of(["x".repeat(2000)]);
        assert_eq!(told.clone().bounded(), told);
    }

    #[test]
    fn a_part_of_any_length_is_kept_up_to_a_bound() {
        let told = InputMetadata::of(["\u{e9}".repeat(100_000)]);
        assert_eq!(told.items[0].chars().count(), InputMetadata::MOST_CHARACTERS + 3);
        assert!(!told.is_empty() && InputMetadata::default().is_empty());
        assert_eq!(InputMetadata::default().description(), "");
    }
}
