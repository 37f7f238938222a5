//! Integration tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "a broken expectation must stop the test, in its helpers too"
)]

mod cli;
mod comfy;
mod http;
mod mcp;
mod project;
mod security;
mod sim;
mod support;
mod tools;
