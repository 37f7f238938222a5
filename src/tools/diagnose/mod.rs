//! Diagnosis of a job: its outcome, the cause, and the next steps.
//!
//! | module | owns |
//! |---|---|
//! | `tool` | which job, and where it stands |
//! | `failure` | a node that raised |
//! | `memory` | the ladder of things to try when memory ran out |
//! | `causes` | well-known exceptions and what lies behind them |
//! | `remedy` | what to do about a workflow that was refused |

mod causes;
mod failure;
mod memory;
mod remedy;
mod tool;
mod verdict;

pub(super) use tool::tools;
