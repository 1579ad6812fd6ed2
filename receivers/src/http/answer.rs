//! What a client is told. Pure, but for the type of a response.

use super::body::BodyError;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde_json::json;
use std::time::Duration;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The records are stored, as well as was asked for.
    Stored {
        records: usize,
        reliably: bool,
    },
    /// The query, or a record, cannot be understood.
    Malformed(Place),
    NoSuchPath,
    NoSuchMethod,
    /// The body took too long.
    TooSlow(Duration),
    TooLarge(Place),
    /// The type of the body.
    Unsupported(String),
    /// There is no room in the stream, for so long at least.
    NoRoom(Duration),
    /// The decoding of a record panicked.
    Panicked(String),
    Stopping,
    /// Storing took too long.
    Unknown(Duration),
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) problem: String,
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
}

impl Place {
    pub(super) fn nowhere(problem: impl Into<String>) -> Place {
        Place { problem: problem.into(), line: None, column: None }
    }
}

impl From<BodyError> for Answer {
    fn from(error: BodyError) -> Answer {
        let problem = error.to_string();
        match error {
            BodyError::Wrong { line, column, .. } => {
                Answer::Malformed(Place { problem, line: Some(line), column: Some(column) })
            }
            BodyError::LineTooLong { line, .. } => Answer::TooLarge(Place { problem, line: Some(line), column: None }),
            BodyError::TooMany { .. } | BodyError::TooHeavy { .. } => Answer::TooLarge(Place::nowhere(problem)),
        }
    }
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Answer::Stored { reliably: true, .. } => StatusCode::OK,
            Answer::Stored { reliably: false, .. } => StatusCode::ACCEPTED,
            Answer::Malformed(_) => StatusCode::BAD_REQUEST,
            Answer::NoSuchPath => StatusCode::NOT_FOUND,
            Answer::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Answer::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Answer::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Answer::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Answer::NoRoom(_) => StatusCode::TOO_MANY_REQUESTS,
            Answer::Panicked(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Answer::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Answer::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// What is wrong; `None` when nothing is.
    pub(super) fn problem(&self) -> Option<String> {
        Some(match self {
            Answer::Stored { .. } => return None,
            Answer::Malformed(place) | Answer::TooLarge(place) => place.problem.clone(),
            Answer::NoSuchPath => "there is nothing at this path".to_owned(),
            Answer::NoSuchMethod => "records are sent by POST".to_owned(),
            Answer::TooSlow(limit) => format!("the body has not arrived within {limit:?}"),
            Answer::Unsupported(problem) => problem.clone(),
            Answer::NoRoom(_) => "the stream has no room at present; send the records again later".to_owned(),
            Answer::Panicked(message) => format!("the decoding of a record panicked: {message}"),
            Answer::Stopping => "the program is stopping".to_owned(),
            Answer::Unknown(limit) => {
                format!(
                    "the records were received, and have not been stored within {limit:?}; they may be stored later"
                )
            }
        })
    }

    /// Whether this is the client's doing.
    pub(super) fn blames_client(&self) -> bool {
        matches!(
            self,
            Answer::Malformed(_)
                | Answer::TooSlow(_)
                | Answer::TooLarge(_)
                | Answer::Unsupported(_)
                | Answer::Panicked(_)
        )
    }

    /// Whether the rest of the connection has no meaning, or would come too late.
    pub(super) fn closes(&self) -> bool {
        matches!(self, Answer::TooSlow(_) | Answer::TooLarge(_) | Answer::Stopping)
    }

    pub(super) fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if let Answer::NoRoom(wait) = self {
            // Whole seconds; none would be an invitation to come again at once.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.insert_header((header::RETRY_AFTER, seconds.max(1)));
        }
        if let Answer::NoSuchMethod = self {
            response.insert_header((header::ALLOW, "POST"));
        }
        if self.closes() {
            response.force_close();
        }
        let text = match self {
            Answer::Stored { records, .. } => json!({ "records": records }),
            Answer::Malformed(place) | Answer::TooLarge(place) => match (place.line, place.column) {
                (Some(line), Some(column)) => json!({ "error": place.problem, "line": line, "column": column }),
                (Some(line), None) => json!({ "error": place.problem, "line": line }),
                _ => json!({ "error": place.problem }),
            },
            answer => json!({ "error": answer.problem() }),
        };
        response.content_type("application/json").body(format!("{text}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(answer: &Answer, name: header::HeaderName) -> Option<String> {
        Some(answer.response().headers().get(name)?.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_client_is_told_to_come_again_after_whole_seconds_and_never_at_once() {
        for (wait, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (90_000, "90")] {
            let answer = Answer::NoRoom(Duration::from_millis(wait));
            assert_eq!(header_of(&answer, header::RETRY_AFTER).as_deref(), Some(seconds));
        }
        assert_eq!(header_of(&Answer::Stopping, header::RETRY_AFTER), None);
    }

    #[test]
    fn faults_of_a_body_are_400_and_what_is_too_large_is_413() {
        let wrong = BodyError::Wrong { line: 2, column: 5, problem: "no number".into() };
        for (error, status) in [
            (wrong, 400),
            (BodyError::LineTooLong { line: 7, bytes: 12, limit: 10 }, 413),
            (BodyError::TooMany { limit: 10 }, 413),
            (BodyError::TooHeavy { limit: 10 }, 413),
        ] {
            let text = error.to_string();
            let answer = Answer::from(error);
            assert_eq!((answer.status().as_u16(), answer.problem()), (status, Some(text)));
        }
    }
}
