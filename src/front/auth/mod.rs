//! Authentication over HTTP: configured tokens, access tokens of an OAuth server, failed attempts.

pub(crate) mod access;
mod failures;
mod jwks;
pub mod jwt;
pub(crate) mod metadata;
pub(crate) mod step_up;
mod tokens;

pub use access::Access;
