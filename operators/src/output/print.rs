//! `print`: the first records of every batch, for people.

use crate::dstream::DStream;
use crate::outcome::BoxError;
use crate::record::Data;
use crate::show::{Show, Shown};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::sync::PoisonError;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::Time;

/// How many records `print` shows.
const DEFAULT_RECORDS: usize = 10;

/// The line above and below the time.
const RULE: &str = "-------------------------------------------";

impl<T: Data + Show> DStream<'_, T> {
    /// Prints the first ten records of every batch to standard output, under the batch's local time.
    ///
    /// ```text
    /// -------------------------------------------
    /// Time: 2014-10-14 15:25:21
    /// -------------------------------------------
    /// (hello,1)
    /// (world,1)
    /// ...
    ///
    /// ```
    #[track_caller]
    pub fn print(&self) {
        self.print_at(Site::here("print"), DEFAULT_RECORDS);
    }

    /// Prints the first `n` records of every batch, and `...` when there are more.
    ///
    /// ```
    /// # use waterwheel_operators::testkit::run;
    /// run([vec!["to", "be", "or"]], |words| {
    ///     words.print_n(2);
    ///     words
    /// })?;
    /// # Ok::<(), waterwheel_operators::Error>(())
    /// ```
    #[track_caller]
    pub fn print_n(&self, n: usize) {
        self.print_at(Site::here("print"), n);
    }

    fn print_at(&self, site: Site, n: usize) {
        let printer = self.context().printer().clone();
        self.output_at(site, move |dataset, time| {
            let taken = dataset.take_at(site, n.saturating_add(1))?;
            let text = page(&taken, n, time, &TimeZone::system())?;
            // One write per batch, so that the pages of contexts side by side do not mix.
            let mut out = printer.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(text.as_bytes())?;
            out.flush()?;
            Ok(())
        });
    }
}

/// What one batch prints: `taken` holds at most one record more than `n`.
fn page<T: Show>(taken: &[T], n: usize, time: Time, zone: &TimeZone) -> Result<String, BoxError> {
    let local = Timestamp::from_millisecond(time.millis())?.to_zoned(zone.clone());
    // The fraction is shown when there is one.
    let format = if time.millis().rem_euclid(1000) == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.3f" };
    let mut page = format!("{RULE}\nTime: {}\n{RULE}\n", local.strftime(format));
    for record in taken.iter().take(n) {
        writeln!(page, "{}", Shown(record))?;
    }
    if taken.len() > n {
        page.push_str("...\n");
    }
    page.push('\n');
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_the_guide_shows() {
        let records = [("hello".to_owned(), 1), ("world".to_owned(), 1)];
        let page = page(&records, 10, Time::from_millis(1_413_300_321_000), &TimeZone::UTC).unwrap();
        assert_eq!(page, format!("{RULE}\nTime: 2014-10-14 15:25:21\n{RULE}\n(hello,1)\n(world,1)\n\n"));
        assert_eq!(RULE.len(), 43);
    }

    #[test]
    fn more_records_than_asked_for_are_dots_and_a_fraction_is_shown() {
        let page = page(&[1, 2, 3], 2, Time::from_millis(1_413_300_321_250), &TimeZone::UTC).unwrap();
        assert_eq!(page, format!("{RULE}\nTime: 2014-10-14 15:25:21.250\n{RULE}\n1\n2\n...\n\n"));
    }
}
