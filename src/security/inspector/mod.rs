//! The inspector: what a workflow would do to the host, said before it runs.

mod finding;
mod inspect;
mod verdict;

pub use finding::{Finding, Flag, Severity};
pub use inspect::{Inspector, Knowledge};
pub use verdict::{Asking, Verdict, VettedWorkflow};
