//! What the examples share, so that each of them shows its stream and nothing else: the command line ([`cli`]), a source of
//! text that needs no second terminal ([`feed`], [`text_server`]), one that wants to be answered ([`broker`]), one that posts by HTTP
//! ([`http_feed`]), the words and page views that it sends ([`words`], [`page_views`]), a place to write to ([`count_sink`]), and
//! running to the end ([`run`](run::run)).

pub mod broker;
pub mod cli;
pub mod count_sink;
pub mod feed;
pub mod http_feed;
pub mod page_views;
#[cfg(feature = "monitor")]
pub mod progress;
pub mod run;
pub mod text_server;
pub mod words;
