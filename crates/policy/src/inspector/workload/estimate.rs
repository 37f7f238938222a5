//! The work that each node of a workflow asks for, by the sizes that also decide what is refused.

use super::{
    node::Volume,
    volumes::{self, Volumes},
};
use crate::inspector::{class_facts::Facts, dataflow::DataFlow, inspect::Inspector, knowledge::Knowledge};
use comfywarden_workflow::{Node, Workflow};

/// The most steps of one node; keeps products finite.
const MAX_STEPS: f64 = 1e12;

/// The work of one node.
#[derive(Debug, Clone, Copy)]
pub struct NodeWork {
    /// Megapixels over all pictures and frames; where `is_known` is false, in sizes of whatever comes in.
    pub megapixels: f64,
    /// The graph says how large the pictures are.
    pub is_known: bool,
    /// The node decides how large its pictures are, or how many.
    pub resizes: bool,
    /// Passes over the pictures.
    pub steps: f64,
}

impl Inspector {
    /// Estimates the work of each node. `loaded` is the area, in pixels, of pictures whose size only their file tells.
    pub fn work(&self, workflow: &Workflow, loaded: f64) -> Vec<NodeWork> {
        let facts = Facts::new(self.cache(), self.lists(), Knowledge::default(), false);
        let value = workflow.to_value();
        let Some(map) = value.as_object() else { return Vec::new() };
        let flow = DataFlow::new(map, &facts);
        let volumes = Volumes::new(Volume { area: loaded, many: 1.0, is_known: true });
        let work = |(id, node): (_, &Node)| {
            let volume = volumes.of(&flow, id).unwrap_or(Volume::LEAST);
            let steps = node.inputs.get("steps").and_then(|steps| volumes::number(&flow, steps));
            let unit = if volume.is_known { 1e-6 } else { 1.0 };
            NodeWork {
                megapixels: volume.area * volume.many * unit,
                is_known: volume.is_known,
                resizes: volumes::work(&flow, facts.class(&node.class_type), &node.inputs).resizes(),
                steps: steps.unwrap_or_default().clamp(0.0, MAX_STEPS),
            }
        };
        workflow.iter().map(|(id, node)| work((id.as_str(), node))).collect()
    }
}
