//! How much each node of a workflow makes, for those who weigh work: the same reckoning that refuses what is too much.

use super::{
    class_facts::Facts,
    dataflow::DataFlow,
    inspect::{Inspector, Knowledge},
    workload::Volume,
};
use comfywarden_workflow::Workflow;

/// More steps than anything takes; keeps products finite.
const MAX_STEPS: f64 = 1e12;

/// What one node makes.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Megapixels over all pictures and frames; where `is_known` is false, in sizes of whatever comes in.
    pub megapixels: f64,
    /// The graph says how large the pictures are.
    pub is_known: bool,
    /// The node decides how large its pictures are, or how many.
    pub resizes: bool,
    /// How often it goes over them.
    pub steps: f64,
}

impl Inspector {
    /// The load of each node. `loaded` is the area, in pixels, of pictures whose size only their file tells.
    pub fn loads(&self, workflow: &Workflow, loaded: f64) -> Vec<Load> {
        let facts = Facts::new(self.memory(), self.lists(), Knowledge::default(), false);
        let value = workflow.to_value();
        let Some(map) = value.as_object() else { return Vec::new() };
        let flow = DataFlow::new(map, &facts).with_loaded(Volume { area: loaded, many: 1.0, is_known: true });
        let load = |(id, node): (_, &comfywarden_workflow::Node)| {
            let volume = flow.volume(id).unwrap_or(Volume::LEAST);
            let steps = node.inputs.get("steps").and_then(|steps| flow.number(steps));
            let unit = if volume.is_known { 1e-6 } else { 1.0 };
            Load {
                megapixels: volume.area * volume.many * unit,
                is_known: volume.is_known,
                resizes: flow.work(facts.class(&node.class_type), &node.inputs).resizes(),
                steps: steps.unwrap_or_default().clamp(0.0, MAX_STEPS),
            }
        };
        workflow.iter().map(|(id, node)| load((id.as_str(), node))).collect()
    }
}
