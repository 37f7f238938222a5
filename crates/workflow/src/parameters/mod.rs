//! The parameters of a workflow: found in the file, typed by the node catalogue, filled in with values.
//!
//! Five ways to say what can be set, strongest first: the map of a [`Sidecar`] (node and input), whole values
//! `PARAM_[TYPE_]NAME`, `{{name}}` in values, node titles `$name.input!:description`, and, when a file has none
//! of these, what is usually set ([`find()`] infers prompts, seed, steps, size, pictures and models).
//!
//! Values are put into the parsed tree, typed, each at its location; text is never pasted into JSON.

mod complete;
mod fill;
mod find;
mod infer;
mod kind;
mod marker;
mod parameter;
mod schema;
mod sidecar;
mod value;

pub use fill::Filled;
pub use find::find;
pub use kind::Kind;
pub use parameter::{Form, Origin, Parameter, Parameters, ValuePath};
pub use sidecar::{Adjustment, Sidecar, Spot};

#[cfg(test)]
mod tests;
