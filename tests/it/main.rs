//! Integration tests.

mod config;
mod layers;
