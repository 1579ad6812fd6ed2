//! The part of an address behind the question mark.

use super::ApiError;
use crate::store::Status;
use waterwheel_runtime::time::Time;

/// Batches of an answer when nobody says how many: as many as are kept unless more are asked for.
const UNLESS_ASKED: usize = 1000;

/// Which batches are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batches {
    pub(super) statuses: Vec<Status>,
    pub(super) limit: usize,
    pub(super) offset: usize,
    /// Only batches of earlier times.
    pub(super) before: Option<Time>,
}

/// How many are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) limit: usize,
}

impl Batches {
    /// `status` may be there more than once; without it all are wanted, the last thousand of them unless `limit` says more.
    pub(super) fn parse(query: &str) -> Result<Batches, ApiError> {
        let mut batches = Batches { statuses: Vec::new(), limit: UNLESS_ASKED, offset: 0, before: None };
        for (key, value) in pairs(query) {
            match key {
                "status" => batches.statuses.push(status(value)?),
                "limit" => batches.limit = number(key, value)?,
                "offset" => batches.offset = number(key, value)?,
                "before" => batches.before = Some(Time::from_millis(number(key, value)?)),
                _ => return Err(unknown("status, limit, offset and before")),
            }
        }
        if batches.statuses.is_empty() {
            batches.statuses = Status::ALL.to_vec();
        }
        Ok(batches)
    }
}

impl Limit {
    pub(super) fn parse(query: &str) -> Result<Limit, ApiError> {
        let mut limit = Limit { limit: UNLESS_ASKED };
        for (key, value) in pairs(query) {
            match key {
                "limit" => limit.limit = number(key, value)?,
                _ => return Err(unknown("limit")),
            }
        }
        Ok(limit)
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn status(name: &str) -> Result<Status, ApiError> {
    let names = Status::ALL.map(Status::name).join(", ");
    Status::from_name(name).ok_or_else(|| ApiError::bad_request(format!("the status has to be one of {names}")))
}

fn number<N: std::str::FromStr>(key: &str, value: &str) -> Result<N, ApiError> {
    value.parse().map_err(|_| ApiError::bad_request(format!("{key} has to be a whole number")))
}

fn unknown(known: &str) -> ApiError {
    ApiError::bad_request(format!("a parameter is not known; there are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asks_for_the_last_thousand_batches() {
        let last = Batches { statuses: Status::ALL.to_vec(), limit: 1000, offset: 0, before: None };
        assert_eq!(Batches::parse(""), Ok(last));
        assert_eq!(Limit::parse("&"), Ok(Limit { limit: 1000 }));
    }

    #[test]
    fn several_statuses_and_a_part_of_them_may_be_asked_for() {
        let statuses = vec![Status::Queued, Status::Completed];
        let expected = Batches { statuses, limit: 20, offset: 40, before: Some(Time::from_millis(-7)) };
        assert_eq!(Batches::parse("status=QUEUED&limit=20&status=COMPLETED&offset=40&before=-7"), Ok(expected));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (query, told) in [
            ("status=DONE", "QUEUED, PROCESSING, COMPLETED"),
            ("status", "QUEUED, PROCESSING, COMPLETED"),
            ("limit=-1", "limit has to be a whole number"),
            ("offset=x", "offset has to be a whole number"),
            ("before=now", "before has to be a whole number"),
            ("order=asc", "status, limit, offset and before"),
        ] {
            let error = Batches::parse(query).unwrap_err();
            assert!(error.message.contains(told), "{query}: {error}");
        }
    }
}
