//! Subgraph instances: their slots, and the widgets they promote from the inside.
//!
//! Each input of the definition that ends in an inner widget gives the instance a widget of that name. It starts
//! with the inner widget's value and takes the instance's own values by position, or, with
//! `properties.proxyWidgets`, by entry, where only entries of the pseudo node `-1` belong to the instance.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    loaded::{Level, widget_at},
    model::{NodeKind, NodeModel, Slot},
    widgets::Widget,
};
use crate::ui::{UiNode, UiSubgraph};

/// Makes the node of a subgraph instance; `inner` is its loaded definition.
pub(super) fn instance<'a>(
    ui: &'a UiNode,
    level: usize,
    subgraph: &'a UiSubgraph,
    inner: Option<&Level<'a>>,
) -> NodeModel<'a> {
    let mut model = NodeModel::plain(ui, NodeKind::Instance(level));
    model.outputs = subgraph.outputs.iter().map(|port| port.ty.clone()).collect();
    let saved: HashMap<&str, &Slot> = model.inputs.iter().map(|slot| (slot.name.as_str(), slot)).collect();
    let mut inputs = Vec::with_capacity(subgraph.inputs.len());
    let mut widgets: Vec<Widget<'a>> = Vec::new();
    for (at, port) in subgraph.inputs.iter().enumerate() {
        let widget = inner.and_then(|inner| {
            let end = inner.promotions.get(at)?.first()?;
            widget_at(&inner.nodes, *end)
        });
        let link = saved.get(port.name.as_str()).and_then(|slot| slot.link.clone());
        let name = widget.is_some().then(|| port.name.clone());
        let (port_name, ty) = (port.name.clone(), port.ty.clone());
        inputs.push(Slot { name: port_name, ty, link, widget: name, broadcast: None });
        widgets.extend(widget.map(|widget| Widget {
            name: port.name.clone(),
            given: false,
            ..widget.clone()
        }));
    }
    model.inputs = inputs;
    model.widgets = widgets;
    assign_values(&mut model);
    model
}

fn assign_values(model: &mut NodeModel<'_>) {
    let Value::Array(values) = &model.ui.widgets_values else { return };
    let proxies = model.ui.properties.get("proxyWidgets").and_then(proxy_entries);
    let Some(proxies) = proxies else {
        for (widget, value) in model.widgets.iter_mut().zip(values) {
            give(widget, value);
        }
        return;
    };
    for ((node, name), value) in proxies.iter().zip(values) {
        let own = model.widgets.iter_mut().find(|widget| widget.name == *name);
        if let Some(widget) = own.filter(|_| node == "-1") {
            give(widget, value);
        }
    }
}

fn give(widget: &mut Widget<'_>, value: &Value) {
    widget.set(Some(value.clone()));
    widget.given = true;
}

/// Reads `[[node, widget], …]`, also as JSON text in a string.
fn proxy_entries(value: &Value) -> Option<Vec<(String, String)>> {
    let parsed = match value {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    let entries = parsed.as_array()?.iter();
    let entry = |entry: &Value| match entry.as_array()?.as_slice() {
        [Value::String(node), Value::String(name)] => Some((node.clone(), name.clone())),
        _ => None,
    };
    entries.map(entry).collect()
}
