//! The plan of a program: its operators, for people to read and for programs to compare.

use std::fmt;
use std::time::Duration;
use waterwheel_runtime::block::StorageLevel;
use waterwheel_runtime::ids::StreamId;
use waterwheel_runtime::site::Site;
use waterwheel_runtime::time::DurationExt;

/// One operator of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOperator {
    /// Its name: given with [`named`](crate::DStream::named), or made of the operator and how many of it there were before.
    pub name: String,
    /// Whether the user named it.
    pub named: bool,
    /// The operator and the user's line.
    pub site: Site,
    /// Every how much time it has a dataset.
    pub slide: Duration,
    /// The input stream that it is, if it is one: its records are counted under this number.
    pub stream: Option<StreamId>,
    /// Where its datasets are kept once they are computed.
    pub level: Option<StorageLevel>,
    /// The names of the operators that it is made of.
    pub inputs: Vec<String>,
}

/// The operators of a program, each after those it is made of; outputs last. Its text is a table.
///
/// ```
/// use waterwheel_operators::prelude::*;
/// use waterwheel_operators::testkit::Scripted;
///
/// let ssc = StreamingContext::new(Config::local("Doc"), seconds(1))?;
/// let words = ssc.input_stream(Scripted::new([vec!["drop"]])).named("words");
/// words.map(|word| word.len()).print();
/// let plan = ssc.plan();
/// let names: Vec<_> = plan.operators.iter().map(|operator| operator.name.as_str()).collect();
/// assert_eq!(names, ["words", "map-1", "output-1"]);
/// assert_eq!(plan.operators[1].inputs, ["words"]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The operators.
    pub operators: Vec<PlannedOperator>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |operator: &PlannedOperator| {
            let level = operator.level.map(|level| level.to_string()).unwrap_or_default();
            [
                operator.name.clone(),
                operator.inputs.join(", "),
                operator.slide.pretty(),
                level,
                operator.site.to_string(),
            ]
        };
        let head = ["operator", "made of", "every", "kept", "defined by"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(self.operators.iter().map(row)).collect();
        let width =
            |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        for row in &rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = width(column).unwrap_or(0);
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
