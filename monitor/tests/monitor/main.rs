//! The monitor of real running programs, seen from outside: over HTTP, and in a browser.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod browser;
mod chromium;
mod document;
mod following;
mod live_page;
mod modules;
mod queues;
mod rest;
mod safety;
mod spark;
mod support;
mod vendored;
