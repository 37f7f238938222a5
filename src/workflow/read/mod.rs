//! Reading a workflow from whatever holds it: text, pictures, videos, sounds. The content decides, not the name.
//!
//! Containers are walked by their own structure with hard bounds; nothing is decoded but text.

mod found;

pub use found::{Found, Source, read, read_value};
