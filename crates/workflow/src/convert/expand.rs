//! Expands subgraphs into one flat list of nodes, each with the instance around it.

use super::{
    loaded::{Level, Loaded, MAX_SLOTS, too_many_slots},
    model::{NodeKind, NodeModel},
};
use crate::{Error, Result, graph::MAX_NODES};

/// One node of the expanded workflow.
#[derive(Debug)]
pub(super) struct FlatNode {
    /// Ids of the instances and of the node, joined by `:`.
    pub(super) id: String,
    /// The level of its definition, as an index.
    pub(super) level: usize,
    /// The node of that level, as an index.
    pub(super) node: usize,
    /// The instance around it.
    pub(super) parent: Option<usize>,
    /// The index of the first inner node, for an instance.
    pub(super) inside: usize,
}

/// The expanded workflow.
#[derive(Debug)]
pub(super) struct Expanded<'l, 'a> {
    pub(super) loaded: &'l Loaded<'a>,
    pub(super) nodes: Vec<FlatNode>,
}

impl<'l, 'a> Expanded<'l, 'a> {
    /// Expands all instances, outermost first.
    pub(super) fn new(loaded: &'l Loaded<'a>) -> Result<Self> {
        let mut expanded = Self { loaded, nodes: Vec::new() };
        let mut slots = 0;
        expanded.open(0, None, &mut slots)?;
        let mut at = 0;
        while let Some(flat) = expanded.nodes.get(at) {
            if let Some(NodeKind::Instance(level)) = expanded.model(flat).map(|model| model.kind) {
                let inside = expanded.nodes.len();
                expanded.open(level, Some(at), &mut slots)?;
                if let Some(flat) = expanded.nodes.get_mut(at) {
                    flat.inside = inside;
                }
            }
            at += 1;
        }
        Ok(expanded)
    }

    fn open(&mut self, level: usize, parent: Option<usize>, slots: &mut usize) -> Result<()> {
        let Some(graph) = self.loaded.levels.get(level) else { return Ok(()) };
        let path = parent.and_then(|parent| self.nodes.get(parent)).map(|flat| flat.id.clone());
        if self.nodes.len() + graph.nodes.len() > MAX_NODES {
            let at = path.unwrap_or_default();
            return Err(Error::new(format!(
                "the workflow has more than {MAX_NODES} nodes once subgraphs are expanded"
            ))
            .node(at)
            .hint("use the subgraph fewer times"));
        }
        for (node, model) in graph.nodes.iter().enumerate() {
            *slots += model.inputs.len() + model.widgets.len();
            let id = match &path {
                Some(path) => format!("{path}:{}", model.ui.id),
                None => model.ui.id.clone(),
            };
            if *slots > MAX_SLOTS {
                return Err(too_many_slots(&id));
            }
            self.nodes.push(FlatNode { id, level, node, parent, inside: 0 });
        }
        Ok(())
    }

    /// Returns the definition of a flat node.
    pub(super) fn model(&self, flat: &FlatNode) -> Option<&'l NodeModel<'a>> {
        self.loaded.levels.get(flat.level)?.nodes.get(flat.node)
    }

    /// Returns the level of a flat node.
    pub(super) fn level(&self, flat: &FlatNode) -> Option<&'l Level<'a>> {
        self.loaded.levels.get(flat.level)
    }

    /// Returns the index of another node of the same instance, by its index in the level.
    pub(super) fn sibling(&self, flat: &FlatNode, node: usize) -> usize {
        flat.parent.and_then(|parent| self.nodes.get(parent)).map_or(node, |parent| parent.inside + node)
    }
}
