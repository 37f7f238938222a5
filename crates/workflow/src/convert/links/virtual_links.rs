//! Links that only editor code makes: from a setter to its getters, and from a broadcast to an input.

use super::{FlatNode, NodeModel, Origin, Resolver, SlotRef, Source, Step};
use crate::{Remark, convert::editor_nodes};

/// The setter that a getter takes its value from.
#[derive(Clone, Copy)]
pub(super) struct Setter {
    pub(super) node: usize,
    /// True when it is in a graph around the getter's subgraph.
    pub(super) is_outside: bool,
}

impl<'l> Resolver<'_, 'l, '_> {
    /// Returns the step that a broadcast makes.
    pub(super) fn broadcast_source(
        &self,
        flat: &FlatNode,
        origin: Origin,
        wanted_type: &mut Option<&'l str>,
    ) -> Step {
        match origin {
            Origin::Output { node, slot } => {
                Step::Go(SlotRef::Output { node: self.expanded.sibling(flat, node), slot })
            }
            Origin::Port(port) => flat
                .parent
                .and_then(|parent| self.through_port(parent, port, wanted_type))
                .unwrap_or(Step::End(Source::Nothing)),
        }
    }

    /// Finds the setter of a getter: the first of its name in the same graph, else the only one in the graphs around.
    pub(super) fn setter_of(&mut self, at: usize, flat: &FlatNode, model: &NodeModel<'_>) -> Option<Setter> {
        let name = editor_nodes::constant_name(model.ui).unwrap_or_default();
        let key = (editor_nodes::pair_key(model.class_type), name);
        let here = self.expanded.level(flat).and_then(|level| level.setters.get(&key));
        if let Some((node, _)) = here {
            return Some(Setter { node: self.expanded.sibling(flat, *node), is_outside: false });
        }
        let (mut found, mut count, mut inner) = (None, 0, flat);
        while let Some(outer) = inner.parent.and_then(|parent| self.expanded.nodes.get(parent)) {
            if let Some((node, many)) = self.expanded.level(outer).and_then(|level| level.setters.get(&key)) {
                found = found.or(Some(self.expanded.sibling(outer, *node)));
                count += many;
            }
            inner = outer;
        }
        if count != 1 && self.unresolved.insert(at) {
            let why = if count == 0 {
                format!("no node sets `{name}`")
            } else {
                format!("{count} nodes around the subgraph set `{name}`, and the editor takes none of them")
            };
            self.remarks.push(Remark::on(&flat.id, format!("{why}: the inputs it feeds are not connected")));
        }
        found.filter(|_| count == 1).map(|node| Setter { node, is_outside: true })
    }
}
