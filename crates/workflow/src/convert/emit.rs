//! Writes the API format: widgets in their order, then links over them.

use serde_json::{Map, Value, json};

use super::{
    Moment, Report,
    expand::{Expanded, FlatNode},
    left_out,
    links::{Resolver, Source},
    missing::Missing,
    model::{NodeKind, NodeModel},
    text::{choose, has_patterns, replace_patterns},
    widgets::{Widget, WidgetKind},
};
use crate::{
    Error, Node, Remark, Result, Workflow,
    js_number::{MAX_SAFE_INTEGER, sent_number},
};
use comfywarden_error::JsonObject;

/// Emits all nodes that run.
pub(super) fn workflow(
    expanded: &Expanded<'_, '_>,
    now: Option<&Moment>,
    report: &mut Report,
) -> Result<Workflow> {
    let missing = &expanded.loaded.missing;
    let runs: Vec<bool> = expanded
        .nodes
        .iter()
        .map(|flat| {
            expanded
                .model(flat)
                .is_some_and(|model| !model.kind.is_virtual() && ![2, 4].contains(&model.ui.mode))
        })
        .collect();
    let is_sent = |at: usize| runs.get(at).copied().unwrap_or(false);
    let mut resolver = Resolver::new(expanded);
    let mut entries = Vec::new();
    for (at, flat) in expanded.nodes.iter().enumerate().filter(|(at, _)| is_sent(*at)) {
        let Some(model) = expanded.model(flat) else { continue };
        if matches!(model.kind, NodeKind::Missing) {
            return Err(missing.refusal().node(&flat.id));
        }
        let mut inputs = widget_inputs(expanded, flat, model, now, report)?;
        for (slot, input) in model.inputs.iter().enumerate() {
            match resolver.source(at, slot)? {
                Source::Nothing => {}
                Source::Widget(value) => set_value(&mut inputs, &flat.id, &input.name, value, report),
                Source::Output { node, slot } if is_sent(node) => {
                    let origin = expanded.nodes.get(node).map(|flat| flat.id.as_str()).unwrap_or_default();
                    inputs.insert(input.name.clone(), json!([origin, slot]));
                }
                Source::Output { .. } => drop_muted(&mut inputs, flat, &input.name, report),
            }
        }
        entries.push((flat, model, inputs));
    }
    report.dropped.append(&mut resolver.remarks);
    left_out::report(expanded, report);
    missing.report(report);
    if entries.is_empty() {
        refuse_idle(expanded, missing)?;
    }
    // Keys that look like array indices come first and in order, as in any JavaScript object.
    entries.sort_by_key(|(flat, _, _)| array_index(&flat.id).map_or((1, 0), |index| (0, index)));
    let mut workflow = Workflow::new();
    for (flat, model, inputs) in entries {
        let mut node = Node::new(model.class_type, inputs);
        node.meta = Some(title_object(model));
        if workflow.insert(flat.id.as_str(), node).is_some() {
            return Err(Error::new(format!("two nodes of the result would have the id `{}`", flat.id))
                .node(&flat.id)
                .hint("give the node another id"));
        }
    }
    Ok(workflow)
}

/// Refuses a workflow of which nothing runs although it has nodes that could.
fn refuse_idle(expanded: &Expanded<'_, '_>, missing: &Missing) -> Result<()> {
    let count = |mode: i64| {
        let models = expanded.nodes.iter().filter_map(|flat| expanded.model(flat));
        models.filter(|model| !model.kind.is_virtual() && model.ui.mode == mode).count()
    };
    let states = [(count(2), "muted"), (count(4), "bypassed")];
    let states = states.iter().filter(|(count, _)| *count > 0);
    let states = states.map(|(count, state)| match count {
        1 => format!("1 node is {state}"),
        count => format!("{count} nodes are {state}"),
    });
    let states: Vec<String> = states.collect();
    if states.is_empty() {
        return missing.editor_only().map_or(Ok(()), Err);
    }
    Err(Error::new(format!("nothing of this workflow runs: {}", states.join(", "))).hint(
        "open it in ComfyUI, select the nodes to run, unmute them with Ctrl+M (or Ctrl+B), and save again",
    ))
}

fn array_index(id: &str) -> Option<u32> {
    let index: u32 = id.parse().ok()?;
    (index.to_string() == id && index < u32::MAX).then_some(index)
}

/// Returns the node's title: the user's, else the class's display name.
pub(super) fn title<'m>(model: &'m NodeModel<'_>) -> &'m str {
    let class_title = match model.kind {
        NodeKind::Class(class) if !class.display_name.is_empty() => &class.display_name,
        _ => model.class_type,
    };
    model.ui.title.as_deref().unwrap_or(class_title)
}

fn title_object(model: &NodeModel<'_>) -> JsonObject {
    let mut meta = Map::new();
    meta.insert("title".to_owned(), title(model).into());
    meta
}

/// Drops an input that a muted node is linked to, its widget's value too.
fn drop_muted(inputs: &mut JsonObject, flat: &FlatNode, name: &str, report: &mut Report) {
    if inputs.shift_remove(name).is_some() {
        let message = "the node linked here is muted: the editor sends neither a link nor the widget's value";
        report.dropped.push(Remark::on(&flat.id, message).input(name));
    }
}

fn widget_inputs(
    expanded: &Expanded<'_, '_>,
    flat: &FlatNode,
    model: &NodeModel<'_>,
    now: Option<&Moment>,
    report: &mut Report,
) -> Result<JsonObject> {
    let mut inputs = Map::new();
    for widget in &model.widgets {
        let value = match &widget.kind {
            WidgetKind::Silent => continue,
            WidgetKind::Live => return Err(live(flat, model, widget)),
            WidgetKind::Recording => Some(Value::String(String::new())),
            _ if has_patterns(model.class_type, &widget.name) => {
                Some(file_name(expanded, flat, widget, now, report)?)
            }
            _ if is_refreshed(widget) => {
                let message =
                    "the editor may replace this by the first file of the server's list; the saved one stays";
                report.assumed.push(Remark::on(&flat.id, message).input(&widget.name));
                widget.value.clone()
            }
            _ if widget.dynamic_prompts => chosen(flat, widget, report),
            _ => widget.value.clone(),
        };
        set_value(&mut inputs, &flat.id, &widget.name, value, report);
    }
    for (name, value) in &model.extras {
        set_value(&mut inputs, &flat.id, name, Some(value.clone()), report);
    }
    Ok(inputs)
}

/// True for a list that the editor fetches and then selects an entry of.
fn is_refreshed(widget: &Widget<'_>) -> bool {
    let remote = widget.spec.and_then(|spec| spec.options.get("remote"));
    widget.given && remote.is_some_and(|remote| remote.get("control_after_refresh").is_some())
}

fn live(flat: &FlatNode, model: &NodeModel<'_>, widget: &Widget<'_>) -> Error {
    Error::new(format!(
        "input `{}` of node `{}` ({}) is captured in the browser when the workflow runs",
        widget.name, flat.id, model.class_type
    ))
    .node(&flat.id)
    .hint("run this workflow in the editor, or mute the node")
}

fn file_name(
    expanded: &Expanded<'_, '_>,
    flat: &FlatNode,
    widget: &Widget<'_>,
    now: Option<&Moment>,
    report: &mut Report,
) -> Result<Value> {
    match &widget.value {
        Some(Value::String(text)) => {
            Ok(replace_patterns(text, expanded.loaded, now, &flat.id, report).into())
        }
        _ => Err(Error::new(format!("filename_prefix of node `{}` is not text", flat.id))
            .node(&flat.id)
            .hint("the editor cannot run this either; type a name")),
    }
}

fn chosen(flat: &FlatNode, widget: &Widget<'_>, report: &mut Report) -> Option<Value> {
    let Some(Value::String(text)) = &widget.value else { return widget.value.clone() };
    let chosen = choose(text);
    let mut remark = |list: fn(&mut Report) -> &mut Vec<Remark>, message: &str| {
        list(report).push(Remark::on(&flat.id, message).input(&widget.name));
    };
    if chosen.cut {
        remark(
            |r| &mut r.dropped,
            "the editor cuts comments: /* … */ and everything after //, also in a URL",
        );
    }
    if chosen.random {
        remark(|r| &mut r.assumed, "the editor picks one of {a|b} at random; the first was taken");
    }
    Some(chosen.text.into())
}

/// Puts a widget's value in place. Lists are wrapped, so that they are not taken for links.
fn set_value(inputs: &mut JsonObject, node_id: &str, name: &str, value: Option<Value>, report: &mut Report) {
    if name.is_empty() {
        return;
    }
    let value = match value {
        None => {
            inputs.shift_remove(name);
            return;
        }
        Some(Value::Array(list)) => json!({ "__value__": list }),
        Some(Value::Number(number)) => {
            if number.as_u64().is_some_and(|n| n > MAX_SAFE_INTEGER) {
                let message = format!("a browser would round {number}; the exact value is kept");
                report.notes.push(Remark::on(node_id, message).input(name));
            }
            Value::Number(sent_number(&number))
        }
        Some(other) => other,
    };
    inputs.insert(name.to_owned(), value);
}
