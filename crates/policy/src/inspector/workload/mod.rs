//! Weighs the work that a workflow asks for: of one number, of one node, and along the links of a graph.
//!
//! | module | knows |
//! |---|---|
//! | `amount` | what a number counts by its name, and the most that it may be |
//! | `node` | the numbers of one node together |
//! | `volumes` | pictures followed through a graph |
//! | `estimate` | the work of each node, for the rate limit |

mod amount;
mod estimate;
mod node;
mod volumes;

pub(super) use amount::Amount;
pub(super) use node::{TOO_MANY, Volume, Work};
pub(super) use volumes::{Volumes, enlargement, number};
