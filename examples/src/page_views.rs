//! A made-up clickstream, in the form of Spark's example of it: somebody looks at a page and gets it, or an error.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::{Deserialize, Serialize};

/// Pages, and how many of a hundred views are of each.
pub const PAGES: [(&str, u32); 3] = [("/home", 70), ("/news", 20), ("/contact", 10)];

/// Zip codes that views come from; each as often as the others.
pub const ZIP_CODES: [u32; 2] = [94709, 94117];

/// Users are numbered from 1 to this.
pub const USERS: u32 = 100;

/// One view in this many ends in an error.
const ERRORS: u32 = 20;

/// One view of a page. As a line of text, its fields are separated by tabs.
///
/// ```
/// use examples::page_views::PageView;
///
/// let view: PageView = "/news\t404\t94709\t17".parse()?;
/// assert_eq!((view.page.as_str(), view.is_error()), ("/news", true));
/// assert_eq!(view.to_string(), "/news\t404\t94709\t17");
/// # Ok::<(), examples::page_views::NoPageView>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageView {
    /// The page.
    pub page: String,
    /// The HTTP status that was answered.
    pub status: u16,
    /// Where the user is.
    pub zip_code: u32,
    /// Who looked.
    pub user: u32,
}

impl PageView {
    /// Whether the user got something else than the page.
    pub fn is_error(&self) -> bool {
        self.status != 200
    }
}

/// A line that is no page view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPageView;

impl fmt::Display for NoPageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected page, status, zip code and user, separated by tabs")
    }
}

impl std::error::Error for NoPageView {}

impl FromStr for PageView {
    type Err = NoPageView;

    fn from_str(line: &str) -> Result<Self, NoPageView> {
        let mut fields = line.trim_end().split('\t');
        let mut field = || fields.next().ok_or(NoPageView);
        let (page, status, zip_code, user) = (field()?, field()?, field()?, field()?);
        let number = |text: &str| text.parse::<u32>().map_err(|_| NoPageView);
        let status = status.parse().map_err(|_| NoPageView)?;
        let view = Self { page: page.to_owned(), status, zip_code: number(zip_code)?, user: number(user)? };
        if fields.next().is_some() { Err(NoPageView) } else { Ok(view) }
    }
}

impl fmt::Display for PageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}\t{}\t{}", self.page, self.status, self.zip_code, self.user)
    }
}

/// An endless clickstream, the same for the same seed.
///
/// ```
/// use examples::page_views::PageViews;
///
/// let views: Vec<_> = PageViews::new(7).take(100).collect();
/// assert_eq!(views, PageViews::new(7).take(100).collect::<Vec<_>>());
/// ```
#[derive(Clone, Debug)]
pub struct PageViews {
    random: StdRng,
}

impl PageViews {
    /// The views of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { random: StdRng::seed_from_u64(seed) }
    }
}

impl Iterator for PageViews {
    type Item = PageView;

    fn next(&mut self) -> Option<PageView> {
        let mut chance = self.random.random_range(0..100);
        let page = PAGES.iter().find(|(_, share)| {
            let found = chance < *share;
            chance = chance.saturating_sub(*share);
            found
        });
        let status = if self.random.random_range(0..ERRORS) == 0 { 404 } else { 200 };
        let zip_code = ZIP_CODES.get(self.random.random_range(0..ZIP_CODES.len()));
        let user = self.random.random_range(1..=USERS);
        Some(PageView { page: page?.0.to_owned(), status, zip_code: *zip_code?, user })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_text_is_the_view_it_was_made_of() {
        for view in PageViews::new(3).take(1000) {
            assert_eq!(view.to_string().parse(), Ok(view));
        }
    }

    #[test]
    fn other_lines_are_no_views() {
        for line in
            ["", "/news", "/news\t200\t94709", "/news\t200\t94709\t1\t1", "/news\tOK\t94709\t1", "/news 200 1 1"]
        {
            assert_eq!(line.parse::<PageView>(), Err(NoPageView), "{line}");
        }
    }

    #[test]
    fn pages_errors_and_users_come_as_often_as_they_should() {
        let views: Vec<_> = PageViews::new(1).take(10_000).collect();
        let share = |wanted: &dyn Fn(&PageView) -> bool| views.iter().filter(|view| wanted(view)).count() / 100;
        for (page, expected) in PAGES {
            assert!(share(&|view| view.page == page).abs_diff(expected as usize) <= 2, "{page}");
        }
        assert!((3..=7).contains(&share(&PageView::is_error)));
        for zip_code in ZIP_CODES {
            assert!((47..=53).contains(&share(&|view| view.zip_code == zip_code)));
        }
        assert!((1..=USERS).all(|user| views.iter().any(|view| view.user == user)));
    }
}
