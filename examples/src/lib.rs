//! What the examples share, so that each of them shows its stream and nothing else: the command line ([`cli`]), a source of
//! text that needs no second terminal ([`text_server`]) and the words it sends ([`words`]).

pub mod cli;
pub mod text_server;
pub mod words;
