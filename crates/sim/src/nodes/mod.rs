//! The work of the nodes: pixels where no model is needed, a painted placeholder where one would be.

mod data;
mod generic;
mod images;
mod inputs;
mod load;
mod masks;
mod run;
mod save;
mod test_nodes;
mod timing;
mod trace;

pub(super) use data::{Call, Data, Input, Inputs, Raised, Work};
pub(super) use load::{annotated, find_input};
pub(super) use run::run;
pub(super) use timing::{Timing, previews, timing};
