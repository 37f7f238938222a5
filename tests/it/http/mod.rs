//! The HTTP server: access, limits, OAuth, and several processes behind one address.

pub(crate) mod access;
mod bodies;
mod limits;
pub(crate) mod oauth;
mod replicas;
mod strangers;
mod tenancy;
