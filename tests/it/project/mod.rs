//! The repository itself: layers, documents, packages.

mod acceptance;
mod distribution;
mod layers;
