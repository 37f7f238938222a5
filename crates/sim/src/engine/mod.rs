//! Execution: one worker takes prompts from the queue and runs their nodes.

mod cache;
mod failure;
mod node;
mod plan;
mod run;
mod worker;

pub(super) use cache::Cache;
pub(super) use worker::{restart, start};
