//! How the program differs from the one that wrote the checkpoint, operator by operator.

use super::OperatorRecord;
use crate::state::StateSchema;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use thiserror::Error;

/// What became of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it was; its state goes on.
    Unchanged,
    /// It is new, and begins with nothing.
    Added,
    /// It is gone, and its state with it.
    Dropped,
    /// Its name stands for state of another type, which cannot be read as that.
    ChangedType {
        /// What is stored.
        stored: Box<StateSchema>,
        /// What the program has.
        current: Box<StateSchema>,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Unchanged => "unchanged",
            Verdict::Added => "added",
            Verdict::Dropped => "dropped",
            Verdict::ChangedType { .. } => "changed type",
        })
    }
}

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRow {
    /// Its name.
    pub name: String,
    /// What it is, or was.
    pub kind: String,
    /// Whether it has state.
    pub stateful: bool,
    /// What became of it.
    pub verdict: Verdict,
}

/// The comparison of two programs; shown as a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanChanges {
    /// The operators of the program in their order, then those that are gone.
    pub rows: Vec<PlanRow>,
}

/// State that does not fit the program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the state of the operator {name:?} was written by {} with keys {} and values {}, but the program has {} with keys {} and \
     values {}{}: give the operator another name (`.named(..)`) to begin with empty state, or restore its types",
    stored.kind, stored.key.type_name, stored.value.type_name, current.kind, current.key.type_name,
    current.value.type_name, stored.check(current).map_or_else(|difference| format!(" ({difference})"), |()| String::new())
)]
pub struct ChangedType {
    /// The operator.
    pub name: String,
    /// What is stored.
    pub stored: StateSchema,
    /// What the program has.
    pub current: StateSchema,
}

/// Operators with state whose names are given by their order, of which there are more or fewer than there were.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the checkpoint has the state of {stored} `{operator}` without a name, and the program has {current} of them: which is which cannot be told; give the ones that are new a name (`.named(..)`), and leave the others as they were"
)]
pub struct AmbiguousState {
    /// What they are.
    pub operator: String,
    /// How many of them the checkpoint has.
    pub stored: usize,
    /// How many of them the program has.
    pub current: usize,
}

/// Whether operators with state and without a name are as many as they were. Such names count the operators of a kind from the
/// first on: one that is put before another takes its name, and with it its state. If none is left, nothing can be mistaken.
///
/// # Errors
/// A kind of which there are more or fewer.
pub fn check_unnamed(stored: &[OperatorRecord], current: &[OperatorRecord]) -> Result<(), AmbiguousState> {
    let current = unnamed_states(current);
    for (operator, stored) in unnamed_states(stored) {
        let current = current.get(operator).copied().unwrap_or(0);
        if current != 0 && current != stored {
            return Err(AmbiguousState { operator: operator.to_owned(), stored, current });
        }
    }
    Ok(())
}

/// How many operators of each kind have state and a name that is given by their order.
fn unnamed_states(operators: &[OperatorRecord]) -> BTreeMap<&str, usize> {
    let mut unnamed = BTreeMap::new();
    for operator in operators.iter().filter(|operator| operator.state.is_some()) {
        // The state of some operators belongs to a part of them.
        let whole = operator.name.split_once('/').map_or(operator.name.as_str(), |(whole, _)| whole);
        if let Some((kind, _)) = whole.rsplit_once('-').filter(|(_, number)| number.parse::<u32>().is_ok()) {
            *unnamed.entry(kind).or_insert(0) += 1;
        }
    }
    unnamed
}

/// Compares the operators that wrote a checkpoint with those of the program, by their names.
///
/// ```
/// use waterwheel_runtime::durable::{OperatorRecord, Verdict, plan_changes};
///
/// let record = |name: &str| OperatorRecord { name: name.to_owned(), kind: "map".to_owned(), state: None };
/// let changes = plan_changes(&[record("a"), record("b")], &[record("b"), record("c")]);
/// let verdicts: Vec<_> = changes.rows.iter().map(|row| (row.name.as_str(), &row.verdict)).collect();
/// assert_eq!(verdicts, [("b", &Verdict::Unchanged), ("c", &Verdict::Added), ("a", &Verdict::Dropped)]);
/// ```
pub fn plan_changes(stored: &[OperatorRecord], current: &[OperatorRecord]) -> PlanChanges {
    let row = |record: &OperatorRecord, verdict| PlanRow {
        name: record.name.clone(),
        kind: record.kind.clone(),
        stateful: record.state.is_some(),
        verdict,
    };
    let mut before: BTreeMap<&str, &OperatorRecord> =
        stored.iter().map(|record| (record.name.as_str(), record)).collect();
    let mut rows = Vec::new();
    for record in current {
        let verdict = match before.get(record.name.as_str()) {
            Some(OperatorRecord { state: Some(stored), .. }) => match &record.state {
                Some(current) if stored.check(current).is_ok() => Verdict::Unchanged,
                Some(current) => {
                    Verdict::ChangedType { stored: Box::new(stored.clone()), current: Box::new(current.clone()) }
                }
                // What it was is gone, and something else has its name.
                None => Verdict::Added,
            },
            Some(old) if old.kind == record.kind && record.state.is_none() => Verdict::Unchanged,
            Some(_) | None => Verdict::Added,
        };
        if verdict != Verdict::Added {
            before.remove(record.name.as_str());
        }
        rows.push(row(record, verdict));
    }
    let gone: HashMap<&str, &OperatorRecord> = before.into_iter().collect();
    let in_order = stored.iter().filter(|record| gone.contains_key(record.name.as_str()));
    rows.extend(in_order.map(|record| row(record, Verdict::Dropped)));
    PlanChanges { rows }
}

impl PlanChanges {
    /// Whether all is as it was.
    pub fn is_unchanged(&self) -> bool {
        self.rows.iter().all(|row| row.verdict == Verdict::Unchanged)
    }

    /// Whether all stored state fits.
    ///
    /// # Errors
    /// The first operator whose stored state is of another type.
    pub fn check(&self) -> Result<(), Box<ChangedType>> {
        let misfit = self.rows.iter().find_map(|row| match &row.verdict {
            Verdict::ChangedType { stored, current } => {
                Some(ChangedType { name: row.name.clone(), stored: (**stored).clone(), current: (**current).clone() })
            }
            _ => None,
        });
        misfit.map_or(Ok(()), |misfit| Err(Box::new(misfit)))
    }

    /// The operators whose stored state nobody has any more.
    pub fn dropped_state(&self) -> impl Iterator<Item = &str> {
        let dropped = self.rows.iter().filter(|row| row.stateful && row.verdict == Verdict::Dropped);
        dropped.map(|row| row.name.as_str())
    }
}

impl fmt::Display for PlanChanges {
    /// One line per operator, in columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&PlanRow) -> usize, least: usize| self.rows.iter().map(of).max().unwrap_or(0).max(least);
        let (name, kind) = (width(|row| row.name.chars().count(), 8), width(|row| row.kind.chars().count(), 4));
        write!(f, "{:name$}  {:kind$}  {:5}  verdict", "operator", "kind", "state")?;
        for row in &self.rows {
            let state = if row.stateful { "yes" } else { "no" };
            write!(f, "\n{:name$}  {:kind$}  {state:5}  {}", row.name, row.kind, row.verdict)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::TypeSchema;

    fn stateless(name: &str, kind: &str) -> OperatorRecord {
        OperatorRecord { name: name.to_owned(), kind: kind.to_owned(), state: None }
    }

    fn stateful<V: serde::de::DeserializeOwned>(name: &str, kind: &str) -> OperatorRecord {
        let (key, value) = (TypeSchema::of::<String>(), TypeSchema::of::<V>());
        let state = StateSchema { kind: kind.to_owned(), key, value };
        OperatorRecord { state: Some(state), ..stateless(name, kind) }
    }

    fn verdicts(stored: &[OperatorRecord], current: &[OperatorRecord]) -> Vec<(String, String)> {
        let rows = plan_changes(stored, current).rows;
        rows.into_iter().map(|row| (row.name, row.verdict.to_string())).collect()
    }

    fn expected(rows: &[(&str, &str)]) -> Vec<(String, String)> {
        rows.iter().map(|(name, verdict)| (name.to_string(), verdict.to_string())).collect()
    }

    #[test]
    fn operators_are_known_by_their_names_wherever_they_stand() {
        let old = [stateless("words", "flat_map"), stateful::<u64>("counts", "update_state_by_key")];
        let new =
            [stateful::<u64>("counts", "update_state_by_key"), stateless("words", "flat_map"), stateless("x", "map")];
        assert_eq!(verdicts(&old, &new), expected(&[("counts", "unchanged"), ("words", "unchanged"), ("x", "added")]));
        assert!(plan_changes(&old, &old).is_unchanged() && !plan_changes(&old, &new).is_unchanged());
        assert_eq!(plan_changes(&old, &new).check(), Ok(()));
    }

    #[test]
    fn state_of_another_type_or_kind_is_refused_by_name() {
        let old = [stateful::<u64>("counts", "update_state_by_key")];
        for new in [stateful::<u32>("counts", "update_state_by_key"), stateful::<u64>("counts", "map_with_state")] {
            let new_kind = new.kind == "map_with_state";
            let error = plan_changes(&old, &[new]).check().unwrap_err();
            assert_eq!(error.name, "counts");
            let difference = if new_kind { "written by update_state_by_key" } else { "(values: u64 became u32): give" };
            assert!(error.to_string().contains(".named(") && error.to_string().contains(difference), "{error}");
        }
    }

    #[test]
    fn a_type_may_be_renamed() {
        let [old, new] = ["shop::Count", "shop::counting::Total"].map(|name| {
            let mut record = stateful::<u64>("counts", "update_state_by_key");
            record.state.iter_mut().for_each(|state| state.value.type_name = name.to_owned());
            record
        });
        assert!(plan_changes(&[old], &[new]).is_unchanged());
    }

    #[test]
    fn state_is_dropped_when_its_name_is_gone_or_stands_for_something_stateless() {
        let old = [stateful::<u64>("counts", "update_state_by_key"), stateless("a", "map")];
        for new in [vec![], vec![stateless("counts", "filter")]] {
            let changes = plan_changes(&old, &new);
            assert_eq!(changes.dropped_state().collect::<Vec<_>>(), ["counts"]);
            assert_eq!(changes.rows.iter().filter(|row| row.verdict == Verdict::Dropped).count(), 2);
        }
        assert_eq!(
            verdicts(&[stateless("a", "map")], &[stateful::<u8>("a", "map_with_state")]),
            expected(&[("a", "added"), ("a", "dropped")])
        );
    }

    #[test]
    fn more_or_fewer_states_that_only_their_order_tells_apart_are_ambiguous() {
        let unnamed = |count: usize| -> Vec<OperatorRecord> {
            (1..=count).map(|n| stateful::<u64>(&format!("window-{n}/sums"), "window")).collect()
        };
        for (stored, current, clear) in [(1, 1, true), (2, 0, true), (0, 2, true), (1, 2, false), (2, 1, false)] {
            let checked = check_unnamed(&unnamed(stored), &unnamed(current));
            let expected = AmbiguousState { operator: "window".to_owned(), stored, current };
            assert_eq!(checked, if clear { Ok(()) } else { Err(expected) });
        }
        let named = [unnamed(1), vec![stateful::<u64>("late-counts", "window")]].concat();
        assert_eq!(check_unnamed(&unnamed(1), &named), Ok(()));
    }

    #[test]
    fn it_is_shown_as_a_table() {
        let changes = plan_changes(&[stateless("words", "flat_map")], &[stateful::<u64>("counts", "count_by_window")]);
        let table = "operator  kind             state  verdict\n\
                     counts    count_by_window  yes    added\n\
                     words     flat_map         no     dropped";
        assert_eq!(changes.to_string(), table);
    }
}
