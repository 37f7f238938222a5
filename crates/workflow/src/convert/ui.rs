//! Converts the API format to the editor's format, which is all the editor needs to show a workflow.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    Report,
    new_node::{NewNode, SlotKind},
};
use crate::{Link, ObjectInfo, Remark, Result, UiWorkflow, Workflow, layout::layered};

/// The most outputs that are added beyond those of the classes, over all nodes.
const MAX_ADDED_OUTPUTS: usize = 100_000;

/// A workflow for the editor, with its fidelity report.
#[derive(Debug, Clone)]
pub struct UiConverted {
    /// The editor's format, schema 0.4.
    pub workflow: UiWorkflow,
    /// The losses and decisions of the conversion.
    pub report: Report,
}

/// Converts a workflow to the form in which the editor would save it, laid out from left to right.
///
/// With the catalogue, widget values stand in the editor's order and links are typed. Without it, or for an
/// unknown class, the order is that of the inputs, and the report says so.
pub fn to_ui(workflow: &Workflow, info: Option<&ObjectInfo>) -> Result<UiConverted> {
    let mut report = Report::default();
    let ids = Ids::new(workflow, &mut report);
    let mut new_nodes: Vec<NewNode<'_>> = workflow
        .iter()
        .map(|(id, node)| {
            NewNode::new(id.as_str(), node, info.and_then(|info| info.get(&node.class_type)), &mut report)
        })
        .collect();
    let joints = joints(&mut new_nodes, &ids, &mut report);
    let sizes: Vec<(f64, f64)> = new_nodes.iter().map(NewNode::size).collect();
    let edges: Vec<(usize, usize)> = joints.iter().map(|joint| (joint.from, joint.to)).collect();
    let corners = layered(&sizes, &edges);

    let wires = Wires::new(&joints, &ids, new_nodes.len());
    let ranks = ranks(&corners);
    let places = corners.iter().zip(ranks).zip(wires.linked.iter().zip(&wires.given));
    let nodes: Vec<Value> = new_nodes
        .iter()
        .enumerate()
        .zip(places)
        .map(|((at, new_node), ((corner, rank), (linked, given)))| {
            let mut node = new_node.to_json(linked, given);
            let size = new_node.size();
            node.insert("id".into(), ids.value(at));
            node.insert("pos".into(), json!([corner.0, corner.1]));
            node.insert("size".into(), json!([size.0, size.1]));
            node.insert("order".into(), rank.into());
            Value::Object(node)
        })
        .collect();
    let value = json!({
        "last_node_id": ids.last,
        "last_link_id": wires.links.len(),
        "nodes": nodes,
        "links": wires.links,
        "groups": [],
        "config": {},
        "extra": { "ds": { "scale": 1, "offset": [0, 0] } },
        "version": 0.4,
    });
    Ok(UiConverted { workflow: UiWorkflow::from_value(value)?, report })
}

/// Ranks the nodes from left to right.
fn ranks(corners: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<(f64, usize)> = corners.iter().map(|corner| corner.0).zip(0..).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let mut ranks = vec![0; corners.len()];
    for (rank, (_, at)) in order.into_iter().enumerate() {
        if let Some(place) = ranks.get_mut(at) {
            *place = rank;
        }
    }
    ranks
}

/// The numbered links, indexed by the slots at their ends.
struct Wires {
    links: Vec<Value>,
    /// The link of each input slot, by node.
    linked: Vec<HashMap<usize, usize>>,
    /// The links of each output, by node.
    given: Vec<HashMap<usize, Vec<usize>>>,
}

impl Wires {
    fn new(joints: &[Joint], ids: &Ids, nodes: usize) -> Self {
        let mut wires = Self {
            links: Vec::with_capacity(joints.len()),
            linked: vec![HashMap::new(); nodes],
            given: vec![HashMap::new(); nodes],
        };
        for (number, joint) in (1..).zip(joints) {
            if let Some(slots) = wires.linked.get_mut(joint.to) {
                slots.insert(joint.slot, number);
            }
            if let Some(outputs) = wires.given.get_mut(joint.from) {
                outputs.entry(joint.output).or_default().push(number);
            }
            let (from, to) = (ids.value(joint.from), ids.value(joint.to));
            wires.links.push(json!([number, from, joint.output, to, joint.visible_slot, joint.ty]));
        }
        wires
    }
}

/// One link between two new nodes.
struct Joint {
    from: usize,
    output: usize,
    to: usize,
    /// The slot of the new node.
    slot: usize,
    /// The slot as shown: widgets without a link have none.
    visible_slot: usize,
    ty: String,
}

fn joints(new_nodes: &mut [NewNode<'_>], ids: &Ids, report: &mut Report) -> Vec<Joint> {
    let mut wanted: Vec<(usize, usize, String, Link)> = Vec::new();
    for (to, new_node) in new_nodes.iter().enumerate() {
        let slots = new_node.slots.iter().enumerate();
        wanted.extend(slots.filter_map(|(slot, s)| Some((to, slot, s.name.clone(), s.link.clone()?))));
    }
    let mut joints = Vec::with_capacity(wanted.len());
    let mut room = MAX_ADDED_OUTPUTS;
    for (to, slot, name, link) in wanted {
        let from = ids.by_id.get(link.node_id.as_str()).copied();
        let output = usize::try_from(link.output).ok().filter(|output| *output < 512);
        let output_type = from.zip(output).and_then(|(from, output)| {
            new_nodes.get_mut(from)?.output_type(output, &mut room).map(str::to_owned)
        });
        let (Some(from), Some(output), Some(given)) = (from, output, output_type) else {
            if let Some(new_node) = new_nodes.get_mut(to) {
                let message = format!("the link to `{}` leads nowhere and is left out", link.node_id);
                report.dropped.push(Remark::on(new_node.id, message).input(&name));
                new_node.unlink(slot);
            }
            continue;
        };
        let asked = new_nodes.get(to).and_then(|d| d.slots.get(slot)).map_or("*", |slot| slot.ty.as_str());
        let ty = if given == "*" { asked.to_owned() } else { given };
        joints.push(Joint { from, output, to, slot, visible_slot: 0, ty });
    }
    let shown: Vec<Vec<usize>> = new_nodes.iter().map(NewNode::visible_slot_indices).collect();
    for joint in &mut joints {
        joint.visible_slot =
            shown.get(joint.to).and_then(|slots| slots.get(joint.slot)).copied().unwrap_or(0);
    }
    joints
}

/// The ids of the editor nodes: those of the workflow, but ids of expanded subgraphs (`57:12`) get a number.
struct Ids {
    by_id: HashMap<String, usize>,
    values: Vec<Value>,
    last: u64,
}

impl Ids {
    fn new(workflow: &Workflow, report: &mut Report) -> Self {
        let number = |id: &str| id.parse::<u64>().ok().filter(|n| n.to_string() == id && *n < 1 << 53);
        let mut last = workflow.iter().filter_map(|(id, _)| number(id.as_str())).max().unwrap_or(0);
        let mut ids = Self { by_id: HashMap::new(), values: Vec::new(), last };
        for (at, (id, _)) in workflow.iter().enumerate() {
            ids.by_id.insert(id.as_str().to_owned(), at);
            ids.values.push(match number(id.as_str()) {
                Some(number) => number.into(),
                None if id.as_str().contains(':') || id.as_str().is_empty() => {
                    last += 1;
                    report
                        .notes
                        .push(Remark::on(id.as_str(), format!("the node has the id {last} in the editor")));
                    last.into()
                }
                None => id.as_str().into(),
            });
        }
        ids.last = last;
        ids
    }

    fn value(&self, at: usize) -> Value {
        self.values.get(at).cloned().unwrap_or_default()
    }
}

/// Writes the JSON of a slot.
pub(super) fn slot_json(name: &str, ty: &str, link: Option<usize>, kind: SlotKind) -> Value {
    let mut slot = Map::new();
    slot.insert("name".into(), name.into());
    slot.insert("type".into(), ty.into());
    if kind == SlotKind::Widget {
        slot.insert("widget".into(), json!({ "name": name }));
    }
    slot.insert("link".into(), link.map_or(Value::Null, Value::from));
    Value::Object(slot)
}
