//! Builds one editor node: slots, widget values, size.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use super::{
    Report,
    model::NodeModel,
    ui::slot_json,
    widgets::{Widget, WidgetKind},
};
use crate::{Link, Node, Remark, object_info::NodeClass, ui::UiNode};
use comfywarden_error::JsonObject;

/// The kind of an input slot: a socket, or the slot of a widget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotKind {
    Socket,
    Widget,
}

/// An input of the drawn node.
#[derive(Debug)]
pub(super) struct NewSlot {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) kind: SlotKind,
    pub(super) link: Option<Link>,
}

impl NewSlot {
    /// True for a socket or a linked widget: the editor hides the slot of an unlinked one.
    pub(super) fn is_visible(&self) -> bool {
        self.kind == SlotKind::Socket || self.link.is_some()
    }
}

/// A node to be drawn.
#[derive(Debug)]
pub(super) struct NewNode<'w> {
    pub(super) id: &'w str,
    node: &'w Node,
    pub(super) slots: Vec<NewSlot>,
    outputs: Vec<(String, String)>,
    values: Vec<Value>,
    rows: f64,
    areas: f64,
    title: Option<String>,
}

impl<'w> NewNode<'w> {
    /// Builds the node from its class, or from its inputs alone when the class is unknown.
    pub(super) fn new(id: &'w str, node: &'w Node, class: Option<&NodeClass>, report: &mut Report) -> Self {
        match class {
            Some(class) => Self::of_class(id, node, class, report),
            None => Self::unknown(id, node, report),
        }
    }

    fn of_class(id: &'w str, node: &'w Node, class: &NodeClass, report: &mut Report) -> Self {
        let blank = UiNode::blank(id, &node.class_type);
        let mut model = NodeModel::of_class(&blank, class, &mut Report::default());
        let links: HashMap<&str, Link> = node.links().collect();
        let used = fill(&mut model, node, &links, id, report);
        let mut slots: Vec<NewSlot> = model
            .inputs
            .iter()
            .map(|slot| NewSlot {
                name: slot.name.clone(),
                ty: slot.ty.clone(),
                kind: if slot.widget.is_some() { SlotKind::Widget } else { SlotKind::Socket },
                link: links.get(slot.name.as_str()).cloned(),
            })
            .collect();
        let known: HashSet<String> = slots.iter().map(|slot| slot.name.clone()).collect();
        for (name, value) in node.inputs.iter().filter(|(name, _)| !used.contains(name.as_str())) {
            match links.get(name.as_str()) {
                Some(link) if !known.contains(name) => slots.push(extra_slot(name, link)),
                Some(_) => {}
                None => {
                    let shown: String = value.to_string().chars().take(60).collect();
                    let message =
                        format!("the class has no widget for this value and it is left out: {shown}");
                    report.dropped.push(Remark::on(id, message).input(name));
                }
            }
        }
        let outputs = class.outputs.iter().map(|output| {
            let ty = if output.ty == "COMFY_MATCHTYPE_V3" { "*" } else { &output.ty };
            (if output.name.is_empty() { ty } else { &output.name }.to_owned(), ty.to_owned())
        });
        let areas = model.widgets.iter().filter(|w| matches!(w.kind, WidgetKind::TextArea)).count();
        let title = node.title().filter(|title| *title != class.display_name && !title.is_empty());
        Self {
            id,
            node,
            slots,
            outputs: outputs.collect(),
            values: model.widgets.iter().map(saved_value).collect(),
            rows: count(model.widgets.len() - areas),
            areas: count(areas),
            title: title.map(str::to_owned),
        }
    }

    fn unknown(id: &'w str, node: &'w Node, report: &mut Report) -> Self {
        let message = format!(
            "class `{}` is unknown here: the order of its values is that of its inputs",
            node.class_type
        );
        report.assumed.push(Remark::on(id, message));
        let links: HashMap<&str, Link> = node.links().collect();
        let slots = node.inputs.keys().filter_map(|name| Some(extra_slot(name, links.get(name.as_str())?)));
        let mut values = Vec::new();
        for (name, value) in node.inputs.iter().filter(|(name, _)| !links.contains_key(name.as_str())) {
            values.push(unwrapped(value));
            if ["seed", "noise_seed"].contains(&name.as_str()) {
                values.push("fixed".into());
            }
        }
        Self {
            id,
            node,
            slots: slots.collect(),
            outputs: Vec::new(),
            rows: count(values.len()),
            values,
            areas: 0.0,
            title: node.title().filter(|title| !title.is_empty()).map(str::to_owned),
        }
    }

    /// Returns the type of an output; outputs that the class does not list are added while there is room.
    pub(super) fn output_type(&mut self, output: usize, room: &mut usize) -> Option<&str> {
        let added = (output + 1).saturating_sub(self.outputs.len());
        *room = room.checked_sub(added)?;
        while self.outputs.len() <= output {
            self.outputs.push((format!("output_{}", self.outputs.len()), "*".to_owned()));
        }
        self.outputs.get(output).map(|(_, ty)| ty.as_str())
    }

    /// Counts for each slot the visible slots before it.
    pub(super) fn visible_slot_indices(&self) -> Vec<usize> {
        let count = |shown: &mut usize, slot: &NewSlot| {
            let before = *shown;
            *shown += usize::from(slot.is_visible());
            Some(before)
        };
        self.slots.iter().scan(0, count).collect()
    }

    /// Removes the link of a slot.
    pub(super) fn unlink(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.link = None;
        }
    }

    /// Estimates width and height as the editor would choose them.
    pub(super) fn size(&self) -> (f64, f64) {
        let sockets = count(self.slots.iter().filter(|slot| slot.is_visible()).count());
        let width = match (self.areas > 0.0, self.values.is_empty()) {
            (true, _) => 400.0,
            (false, false) => 315.0,
            (false, true) => 210.0,
        };
        let picture = if self.outputs.is_empty() && sockets > 0.0 { 220.0 } else { 0.0 };
        let slots = sockets.max(count(self.outputs.len()));
        (width, slots * 20.0 + self.rows * 24.0 + self.areas * 120.0 + picture + 16.0)
    }

    /// Writes the node's JSON, without id and position. `linked` is by slot, `given` by output.
    pub(super) fn to_json(
        &self,
        linked: &HashMap<usize, usize>,
        given: &HashMap<usize, Vec<usize>>,
    ) -> JsonObject {
        let inputs: Vec<Value> = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.is_visible())
            .map(|(at, slot)| slot_json(&slot.name, &slot.ty, linked.get(&at).copied(), slot.kind))
            .collect();
        let outputs: Vec<Value> = self
            .outputs
            .iter()
            .enumerate()
            .map(|(at, (name, ty))| {
                json!({ "name": name, "type": ty, "links": given.get(&at).cloned().unwrap_or_default(), "slot_index": at })
            })
            .collect();
        let mut object = Map::new();
        for key in ["id", "type", "pos", "size", "flags", "order", "mode"] {
            object.insert(key.to_owned(), Value::Null);
        }
        object.insert("type".into(), self.node.class_type.as_str().into());
        object.insert("flags".into(), json!({}));
        object.insert("mode".into(), 0.into());
        object.insert("inputs".into(), inputs.into());
        object.insert("outputs".into(), outputs.into());
        if let Some(title) = &self.title {
            object.insert("title".into(), title.as_str().into());
        }
        object.insert("properties".into(), json!({ "Node name for S&R": self.node.class_type }));
        object.insert("widgets_values".into(), self.values.clone().into());
        object
    }
}

/// Sets the widgets to the node's values; returns the inputs that have a widget.
fn fill<'n>(
    model: &mut NodeModel<'_>,
    node: &'n Node,
    links: &HashMap<&str, Link>,
    id: &str,
    report: &mut Report,
) -> HashSet<&'n str> {
    let mut used = HashSet::new();
    let mut at = 0;
    while let Some(widget) = model.widgets.get(at) {
        let silent = matches!(widget.kind, WidgetKind::Silent);
        match node.inputs.get_key_value(&widget.name).filter(|_| !silent) {
            Some((name, value)) if !links.contains_key(name.as_str()) => {
                used.insert(name.as_str());
                let value = typed(widget, value, id, report);
                model.assign(at, Some(value));
            }
            None if widget.spec.is_some() && widget.value.is_some() => {
                let message = "the input is absent; the editor shows and sends its default";
                report.assumed.push(Remark::on(id, message).input(&widget.name));
            }
            _ => {}
        }
        at += 1;
    }
    used
}

fn extra_slot(name: &str, link: &Link) -> NewSlot {
    NewSlot { name: name.to_owned(), ty: "*".to_owned(), kind: SlotKind::Socket, link: Some(link.clone()) }
}

fn unwrapped(value: &Value) -> Value {
    match value.as_object() {
        Some(object) if object.len() == 1 => {
            object.get("__value__").cloned().unwrap_or_else(|| value.clone())
        }
        _ => value.clone(),
    }
}

/// Returns the widget value that makes the editor send `value`.
fn typed(widget: &Widget<'_>, value: &Value, id: &str, report: &mut Report) -> Value {
    let value = unwrapped(value);
    let Value::String(text) = &value else { return value };
    if !widget.dynamic_prompts {
        return value;
    }
    if text.contains("//") || text.contains("/*") {
        let message = "the editor will take // and /* for comments and cut the text there";
        report.notes.push(Remark::on(id, message).input(&widget.name));
    }
    if !text.contains('{') {
        return value;
    }
    report.notes.push(
        Remark::on(id, "braces are escaped, so that the editor sends them as they are").input(&widget.name),
    );
    text.replace('{', "\\{").replace('}', "\\}").replace('|', "\\|").into()
}

fn saved_value(widget: &Widget<'_>) -> Value {
    match (&widget.value, widget.name.as_str()) {
        (Some(value), _) => value.clone(),
        (None, "control_after_generate") => "fixed".into(),
        (None, "control_filter_list") => "".into(),
        (None, "upload") => "image".into(),
        _ => Value::Null,
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
