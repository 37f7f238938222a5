//! Progress of a run: one figure over all nodes that never falls.

use std::collections::{HashMap, HashSet};

use super::{Progress, frames::NodeState};
use comfywarden_workflow::graph::Workflow;

/// Limit for the steps of one node that count; a node may claim anything.
const MAX_WEIGHT: f64 = 1_000.0;
/// Graphs past this size are measured by node counts alone, to keep memory small.
const MAX_PLANNED: usize = 500;

/// The progress of one run.
#[derive(Debug, Default)]
pub(crate) struct RunProgress {
    /// Class and weight by node: nodes with steps weigh as much as their steps.
    plan: HashMap<String, (String, f64)>,
    /// The weight of all nodes.
    total: f64,
    /// Finished part of each node, 0 to 1.
    done: HashMap<String, f64>,
    /// Nodes that were reported as finished.
    finished: HashSet<String>,
    node_id: Option<String>,
    step: Option<(u64, u64)>,
    percent: f64,
}

impl RunProgress {
    /// A run that knows the workflow beforehand.
    pub(crate) fn new(workflow: &Workflow) -> Self {
        let mut run = Self::default();
        for (id, node) in workflow.iter() {
            let steps = node.inputs.get("steps").and_then(serde_json::Value::as_f64).unwrap_or(1.0);
            let weight = steps.clamp(1.0, MAX_WEIGHT);
            run.total += weight;
            if workflow.len() <= MAX_PLANNED {
                run.plan.insert(id.as_str().to_owned(), (node.class_type.clone(), weight));
            }
        }
        run
    }

    /// The state to show.
    pub(crate) fn progress(&self) -> Progress {
        Progress {
            node_type: self.node_id.as_ref().and_then(|id| self.plan.get(id)).map(|(class, _)| class.clone()),
            node_id: self.node_id.clone(),
            step: self.step.map(|(step, _)| step),
            total_steps: self.step.map(|(_, total)| total),
            percent: self.percent,
        }
    }

    /// True once a node ran.
    pub(crate) fn has_begun(&self) -> bool {
        self.node_id.is_some()
    }

    /// These nodes are done already.
    pub(crate) fn cached(&mut self, nodes: &[String]) {
        for node in nodes {
            self.done.insert(node.clone(), 1.0);
            self.finished.insert(node.clone());
        }
        self.measure();
    }

    /// A node began.
    pub(crate) fn executing(&mut self, node: &str) {
        if self.node_id.as_deref() != Some(node) {
            self.node_id = Some(node.to_owned());
            self.step = None;
        }
    }

    /// A node made a step. True when that is news.
    pub(crate) fn step(&mut self, node: Option<&str>, value: f64, max: f64) -> bool {
        let before = (self.node_id.clone(), self.step, self.percent.to_bits());
        if let Some(node) = node {
            self.executing(node);
            self.done.insert(node.to_owned(), part(value, max));
        }
        self.step = Some((whole(value), whole(max)));
        self.measure();
        before != (self.node_id.clone(), self.step, self.percent.to_bits())
    }

    /// Takes over a `progress_state`. Gives the nodes that are newly finished.
    pub(crate) fn states(&mut self, states: &[NodeState]) -> Vec<String> {
        let mut finished = Vec::new();
        for state in states {
            let now = if state.state == "finished" { 1.0 } else { part(state.value, state.max) };
            self.done.insert(state.node_id.clone(), now);
            // The last step of a node comes before its end, so a finished part says nothing.
            if state.state == "finished" && self.finished.insert(state.node_id.clone()) {
                finished.push(state.node_id.clone());
            }
            if state.state == "running" {
                self.executing(&state.node_id);
                if state.max > 1.0 {
                    self.step = Some((whole(state.value), whole(state.max)));
                }
            }
        }
        self.measure();
        finished
    }

    /// The run is over: forgets the graph and keeps the figure.
    pub(crate) fn finish(&mut self, succeeded: bool) {
        if succeeded {
            self.percent = 100.0;
        }
        self.plan = HashMap::new();
        self.done = HashMap::new();
        self.finished = HashSet::new();
    }

    fn measure(&mut self) {
        let weight = |node: &str| self.plan.get(node).map_or(1.0, |(_, weight)| *weight);
        let done: f64 = self.done.iter().map(|(node, part)| weight(node) * part).sum();
        // Nodes that a run adds by itself are not in the plan.
        let seen: f64 = self.done.keys().map(|node| weight(node)).sum();
        let total = self.total.max(seen);
        if total > 0.0 {
            self.percent = self.percent.max((done / total * 100.0).min(100.0));
        }
    }
}

fn part(value: f64, max: f64) -> f64 {
    let part = value / max;
    if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of exact integers"
)]
fn whole(value: f64) -> u64 {
    if value.is_finite() { value.clamp(0.0, 9_007_199_254_740_992.0) as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow() -> Workflow {
        Workflow::from_value(&serde_json::json!({
            "1": {"class_type": "CheckpointLoaderSimple", "inputs": {}},
            "2": {"class_type": "KSampler", "inputs": {"steps": 8}},
            "3": {"class_type": "SaveImage", "inputs": {}},
        }))
        .unwrap()
    }

    fn state(node_id: &str, value: f64, max: f64, state: &str) -> NodeState {
        NodeState { node_id: node_id.into(), value, max, state: state.into() }
    }

    #[test]
    fn weighs_nodes_by_their_steps_and_never_falls() {
        let mut run = RunProgress::new(&workflow());
        assert_eq!(run.states(&[state("1", 1.0, 1.0, "finished")]), ["1"]);
        assert!((run.percent - 10.0).abs() < 1e-9);
        assert!(run.step(Some("2"), 4.0, 8.0));
        assert!((run.percent - 50.0).abs() < 1e-9);
        assert!(!run.step(Some("2"), 4.0, 8.0));
        run.step(Some("2"), 1.0, 8.0);
        assert!((run.percent - 50.0).abs() < 1e-9);
        let shown = run.progress();
        assert_eq!(
            (shown.node_type.as_deref(), shown.step, shown.total_steps),
            (Some("KSampler"), Some(1), Some(8))
        );
        run.finish(true);
        assert!((run.progress().percent - 100.0).abs() < 1e-9);
    }

    #[test]
    fn counts_cached_nodes_as_done_and_survives_odd_figures() {
        let mut run = RunProgress::new(&workflow());
        run.cached(&["1".into(), "3".into()]);
        assert!((run.percent - 20.0).abs() < 1e-9);
        for (value, max) in [(f64::NAN, 0.0), (5.0, 0.0), (-1.0, -1.0), (1e300, 1.0)] {
            run.step(Some("2"), value, max);
            assert!((0.0..=100.0).contains(&run.percent));
        }
    }

    #[test]
    fn reports_a_finished_node_once_also_after_its_last_step() {
        let mut run = RunProgress::default();
        let states = [state("1", 1.0, 1.0, "finished"), state("2", 0.0, 1.0, "running")];
        assert_eq!(run.states(&states), ["1"]);
        assert!(run.states(&states).is_empty());
        run.step(Some("2"), 2.0, 2.0);
        assert_eq!(run.states(&[state("2", 2.0, 2.0, "finished")]), ["2"]);
    }
}
