//! The workflow as the editor has it after loading: every level with its nodes made.

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
};

use super::{
    Report, broadcast,
    editor_nodes::{self, Pairs},
    group_nodes,
    missing::Missing,
    model::{NodeKind, NodeModel, Origin},
    promoted, renames,
    widgets::Widget,
};
use crate::{
    Error, ObjectInfo, Remark, Result, UiWorkflow,
    ui::{LinkId, UiGraph, UiNode, UiSubgraph},
};

/// The deepest nesting of subgraphs.
pub(super) const MAX_NESTING: usize = 10;
/// The most input slots that all nodes together may have, each use of a subgraph counted.
pub(super) const MAX_SLOTS: usize = 500_000;
/// The id of the inner side of a subgraph's inputs, as links name it.
pub(super) const SUBGRAPH_INPUT: &str = "-10";

/// One level: the workflow itself, or one definition that it uses.
#[derive(Debug)]
pub(super) struct Level<'a> {
    pub(super) ui: &'a UiGraph,
    /// The definition, except at the top.
    pub(super) subgraph: Option<&'a UiSubgraph>,
    pub(super) nodes: Vec<NodeModel<'a>>,
    /// The input slot at the end of each link.
    pub(super) ends: HashMap<LinkId, End>,
    /// The widgets at the ends of the links of each input of the definition.
    pub(super) promotions: Vec<Vec<End>>,
    /// The setters by the key of their class and their name: the first, and how many there are.
    pub(super) setters: HashMap<(String, &'a str), (usize, usize)>,
    /// The broadcast source of each output of the definition that has no link.
    pub(super) output_broadcasts: Vec<Option<Origin>>,
}

/// A node and one of its input slots.
pub(super) type End = (usize, usize);

/// All levels; the top is the first, a definition stands after those it uses.
#[derive(Debug)]
pub(super) struct Loaded<'a> {
    pub(super) levels: Vec<Level<'a>>,
    /// The nodes that file name patterns can name, by that name.
    pub(super) names: OnceCell<HashMap<String, End>>,
    /// Classes that the server lacks, in the order of the file.
    pub(super) missing: Missing,
}

impl<'a> Loaded<'a> {
    /// Makes all nodes of all levels that are in use.
    pub(super) fn new(workflow: &'a UiWorkflow, info: &'a ObjectInfo, report: &mut Report) -> Result<Self> {
        let definitions: HashMap<&str, &UiSubgraph> =
            workflow.subgraphs().iter().map(|subgraph| (subgraph.id.as_str(), subgraph)).collect();
        let mut loader = Loader {
            info,
            definitions,
            indices: HashMap::new(),
            levels: vec![None],
            missing: Missing::default(),
            pairs: Pairs::new(workflow.class_types()),
            old_editor: !workflow.lists_widgets_as_inputs(),
            met: HashSet::new(),
            open: Vec::new(),
            slots: 0,
        };
        let top = loader.level(workflow.root(), None, report)?;
        let Loader { mut levels, missing, .. } = loader;
        if let Some(first) = levels.first_mut() {
            *first = Some(top);
        }
        Ok(Self { levels: levels.into_iter().flatten().collect(), names: OnceCell::new(), missing })
    }
}

struct Loader<'a> {
    info: &'a ObjectInfo,
    definitions: HashMap<&'a str, &'a UiSubgraph>,
    indices: HashMap<&'a str, usize>,
    levels: Vec<Option<Level<'a>>>,
    missing: Missing,
    pairs: Pairs,
    /// True when only inputs that were made from widgets are listed as inputs.
    old_editor: bool,
    met: HashSet<&'a str>,
    slots: usize,
    /// The definitions that are being loaded, outermost first.
    open: Vec<&'a str>,
}

impl<'a> Loader<'a> {
    fn level(
        &mut self,
        ui: &'a UiGraph,
        subgraph: Option<&'a UiSubgraph>,
        report: &mut Report,
    ) -> Result<Level<'a>> {
        if let Some(id) = &ui.duplicate {
            return Err(Error::new(format!("two nodes have the id `{id}`"))
                .node(id)
                .hint("open the workflow in ComfyUI and save it again: the editor renumbers one of them"));
        }
        let mut nodes = Vec::with_capacity(ui.nodes.len());
        for node in &ui.nodes {
            nodes.push(self.node(node, ui, report)?);
        }
        let mut ends = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            for (slot, input) in node.inputs.iter().enumerate() {
                if let Some(link) = &input.link {
                    ends.insert(link.clone(), (at, slot));
                }
            }
        }
        let promotions = subgraph.map_or(&[][..], |s| &s.inputs).iter().map(|port| {
            let ends = port.links.iter().filter_map(|link| ends.get(link).copied());
            ends.filter(|end| widget_at(&nodes, *end).is_some()).collect()
        });
        let promotions = promotions.collect();
        let output_broadcasts = broadcast::apply(&mut nodes, ui, subgraph, self.old_editor, report)?;
        let mut setters: HashMap<(String, &str), (usize, usize)> = HashMap::new();
        for (at, node) in nodes.iter().enumerate() {
            if let (NodeKind::Setter, Some(name)) = (node.kind, editor_nodes::constant_name(node.ui)) {
                let key = (editor_nodes::pair_key(node.class_type), name);
                setters.entry(key).or_insert((at, 0)).1 += 1;
            }
        }
        Ok(Level { ui, subgraph, nodes, ends, promotions, setters, output_broadcasts })
    }

    fn node(&mut self, node: &'a UiNode, graph: &UiGraph, report: &mut Report) -> Result<NodeModel<'a>> {
        let class_type = renames::current_class(&node.class_type);
        if let Some(kind) = editor_nodes::known(class_type) {
            return Ok(NodeModel::plain(node, kind));
        }
        if let Some(subgraph) = self.definitions.get(class_type).copied() {
            let level = self.definition(subgraph, node, report)?;
            self.slots += subgraph.inputs.len();
            if self.slots > MAX_SLOTS {
                return Err(too_many_slots(&node.id));
            }
            let inner = self.levels.get(level).and_then(Option::as_ref);
            return Ok(promoted::instance(node, level, subgraph, inner));
        }
        if let Some(class) = self.info.get(class_type) {
            if class_type != node.class_type && self.met.insert(&node.class_type) {
                let message = format!("the editor replaces class `{}` by `{class_type}`", node.class_type);
                report.notes.push(Remark::on(&node.id, message));
                report.missing_types.push(node.class_type.clone());
            }
            return Ok(NodeModel::of_class(node, class, report));
        }
        if group_nodes::is_group_node(class_type) {
            return Err(group_nodes::refusal(node));
        }
        let kind = editor_nodes::infer(node, graph, &self.pairs);
        if self.met.insert(&node.class_type) {
            self.missing.add(node, kind.is_some());
        }
        Ok(NodeModel::plain(node, kind.unwrap_or(NodeKind::Missing)))
    }

    /// Loads a definition once, whatever the number of its instances.
    fn definition(
        &mut self,
        subgraph: &'a UiSubgraph,
        instance: &UiNode,
        report: &mut Report,
    ) -> Result<usize> {
        if self.open.contains(&subgraph.id.as_str()) {
            return Err(Error::new(format!("subgraph `{}` contains itself", subgraph.name))
                .node(&instance.id)
                .hint("remove the inner use of the subgraph"));
        }
        if self.open.len() >= MAX_NESTING {
            return Err(Error::new(format!(
                "subgraph `{}` lies deeper than {MAX_NESTING} levels",
                subgraph.name
            ))
            .node(&instance.id)
            .hint("unpack a subgraph"));
        }
        if let Some(index) = self.indices.get(subgraph.id.as_str()) {
            return Ok(*index);
        }
        self.open.push(&subgraph.id);
        let level = self.level(&subgraph.graph, Some(subgraph), report)?;
        self.open.pop();
        let index = self.levels.len();
        self.levels.push(Some(level));
        self.indices.insert(&subgraph.id, index);
        Ok(index)
    }
}

/// Returns the widget of an input slot.
pub(super) fn widget_at<'l, 'a>(nodes: &'l [NodeModel<'a>], (node, slot): End) -> Option<&'l Widget<'a>> {
    let node = nodes.get(node)?;
    let name = node.inputs.get(slot)?.widget.as_deref()?;
    node.widget(name).map(|(_, widget)| widget)
}

/// The error for an expansion over [`MAX_SLOTS`].
pub(super) fn too_many_slots(node_id: &str) -> Error {
    Error::new(format!("the nodes have more than {MAX_SLOTS} inputs once subgraphs are expanded"))
        .node(node_id)
        .hint("use the subgraph fewer times")
}
