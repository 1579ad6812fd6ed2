//! What every request passes: who may look, and what browsers are told.

use crate::api::ApiError;
use crate::shared::Shared;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, ResponseError};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::net::IpAddr;
use waterwheel_runtime::config::Secret;

/// A page runs its own scripts, talks to its own server, and stands in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of every answer.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Refuses whoever may not look, and sees to it that every answer has its headers and every error its JSON.
pub(crate) async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let token = request.app_data::<Data<Shared>>().and_then(|shared| shared.ui.token.clone());
    let seen = Seen { method: request.method(), path: request.path(), headers: request.headers() };
    let mut response = match seen.refusal(token.as_ref()) {
        Some(refusal) => request.into_response(refusal.error_response()),
        None => {
            let response = next.call(request).await?;
            match plain_error(&response) {
                Some(error) => response.into_response(error.error_response()),
                None => response.map_into_boxed_body(),
            }
        }
    };
    let unauthorized = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if unauthorized {
        // Browsers ask for a name and a password; any name will do, the password is the token.
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Waterwheel\""));
    }
    Ok(response)
}

/// The error of an answer that the framework made, which is not JSON.
fn plain_error<B>(response: &ServiceResponse<B>) -> Option<ApiError> {
    let status = response.status();
    let json =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|of| of.as_bytes().starts_with(b"application/json"));
    let message = match status {
        StatusCode::METHOD_NOT_ALLOWED => "this can only be looked at, with GET; see /api/v1/openapi.json",
        _ => "the request is not understood; see /api/v1/openapi.json",
    };
    ((status.is_client_error() || status.is_server_error()) && !json).then(|| ApiError::new(status, message))
}

/// What a request is judged by.
struct Seen<'a> {
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
}

impl Seen<'_> {
    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Why the request is refused, if it is.
    fn refusal(&self, token: Option<&Secret>) -> Option<ApiError> {
        match token {
            Some(token) if !self.is_probe() && !self.knows(token) => {
                let message = "a token is needed, as `Authorization: Bearer TOKEN` or as a password; it is ui.token";
                return Some(ApiError::new(StatusCode::UNAUTHORIZED, message));
            }
            Some(_) => {}
            // A name of somebody else's that leads here would let pages of theirs read what is shown here.
            None if !self.header(header::HOST).is_some_and(is_this_machine) => {
                let message = "without a token the page is served under the names of this machine only; set ui.token";
                return Some(ApiError::new(StatusCode::FORBIDDEN, message));
            }
            None => {}
        }
        // A page of somebody else's that has this one asked for, over and over, would cost the program its time.
        if self.header(HeaderName::from_static("sec-fetch-site")) == Some("cross-site") && !self.arrives() {
            return Some(ApiError::new(StatusCode::FORBIDDEN, "pages of others may lead here, and ask for nothing"));
        }
        let looks = matches!(*self.method, Method::GET | Method::HEAD);
        let foreign = || {
            let origin = self.header(header::ORIGIN)?;
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            (Some(host) != self.header(header::HOST)).then_some(())
        };
        (!looks && foreign().is_some())
            .then(|| ApiError::new(StatusCode::FORBIDDEN, "this can be asked for by the page itself only"))
    }

    /// Whether somebody follows a link to a page.
    fn arrives(&self) -> bool {
        self.method == Method::GET && self.header(HeaderName::from_static("sec-fetch-mode")) == Some("navigate")
    }

    /// Whether it asks only if the application lives.
    fn is_probe(&self) -> bool {
        matches!(self.path, "/health" | "/ready")
    }

    fn knows(&self, token: &Secret) -> bool {
        let Some((scheme, credentials)) = self.header(header::AUTHORIZATION).and_then(|value| value.split_once(' '))
        else {
            return false;
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            return token.is(credentials.trim().as_bytes());
        }
        let decoded = scheme.eq_ignore_ascii_case("basic").then(|| BASE64_STANDARD.decode(credentials.trim()).ok());
        let decoded = decoded.flatten().unwrap_or_default();
        let password = decoded.iter().position(|byte| *byte == b':').and_then(|colon| decoded.get(colon + 1..));
        password.is_some_and(|password| token.is(password))
    }
}

/// Whether a `Host` header names the machine that asks.
fn is_this_machine(host: &str) -> bool {
    let without_port = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let Some(name) = without_port else { return false };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, path: &str, headers: &[(&str, &str)], token: Option<&str>) -> Option<u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let token = token.map(Secret::from);
        let seen = Seen { method: &method, path, headers: &map };
        seen.refusal(token.as_ref()).map(|error| error.status.as_u16())
    }

    #[test]
    fn without_a_token_only_names_of_this_machine_lead_to_the_page() {
        for (host, expected) in [
            ("localhost:4040", None),
            ("LocalHost", None),
            ("127.0.0.1:4040", None),
            ("[::1]:4040", None),
            ("evil.example:4040", Some(403)),
            ("localhost.evil.example", Some(403)),
            ("10.0.0.1:4040", Some(403)),
            ("[::2]", Some(403)),
            ("", Some(403)),
        ] {
            assert_eq!(refused(Method::GET, "/", &[("host", host)], None), expected, "{host}");
        }
        assert_eq!(refused(Method::GET, "/", &[], None), Some(403));
    }

    #[test]
    fn the_token_is_taken_as_bearer_and_as_password_and_nothing_else_is() {
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        for (credentials, expected) in [
            ("Bearer sesame".to_owned(), None),
            ("bearer sesame".to_owned(), None),
            (basic("anybody:sesame"), None),
            (basic(":sesame"), None),
            ("Bearer sesam".to_owned(), Some(401)),
            ("Bearer sesamea".to_owned(), Some(401)),
            ("Bearer".to_owned(), Some(401)),
            (basic("sesame"), Some(401)),
            (basic("sesame:"), Some(401)),
            ("Basic ?".to_owned(), Some(401)),
            ("Digest sesame".to_owned(), Some(401)),
        ] {
            let headers = [("host", "wheel.example"), ("authorization", credentials.as_str())];
            assert_eq!(refused(Method::GET, "/metrics", &headers, Some("sesame")), expected, "{credentials}");
        }
        assert_eq!(refused(Method::GET, "/", &[], Some("sesame")), Some(401));
        assert_eq!(refused(Method::GET, "/health", &[], Some("sesame")), None, "probes know no token");
    }

    #[test]
    fn pages_of_others_may_lead_here_and_ask_for_nothing() {
        let host = ("host", "localhost:4040");
        for (site, mode, expected) in [
            ("cross-site", "no-cors", Some(403)),
            ("cross-site", "cors", Some(403)),
            ("cross-site", "navigate", None),
            ("same-origin", "cors", None),
            ("none", "navigate", None),
        ] {
            let headers = [host, ("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            assert_eq!(refused(Method::GET, "/api/v1/applications", &headers, None), expected, "{site} {mode}");
        }
    }

    #[test]
    fn pages_of_others_change_nothing() {
        let host = ("host", "localhost:4040");
        for (origin, expected) in [
            ("http://localhost:4040", None),
            ("http://localhost:4041", Some(403)),
            ("http://evil", Some(403)),
            ("null", Some(403)),
        ] {
            assert_eq!(refused(Method::POST, "/stop", &[host, ("origin", origin)], None), expected, "{origin}");
            assert_eq!(refused(Method::GET, "/", &[host, ("origin", origin)], None), None, "looking changes nothing");
        }
        assert_eq!(refused(Method::POST, "/stop", &[host], None), None, "a program, no page");
    }
}
