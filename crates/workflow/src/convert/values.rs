//! The values that a file saves for a node: assigned to widgets by name where the file has names, else by position.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    Report,
    model::NodeModel,
    widgets::{Widget, is_forced, truthy},
};
use crate::{
    Remark,
    object_info::{InputSpec, NodeClass},
};

/// The class whose rows are values without a declared input, named `lora_1`, `lora_2`, …
const LORA_ROWS_CLASS: &str = "Power Lora Loader (rgthree)";
/// The most characters of a lost value in a remark.
const MAX_SHOWN: usize = 60;

/// Assigns the saved values of a node to its widgets.
pub(super) fn assign<'a>(model: &mut NodeModel<'a>, class: &'a NodeClass, report: &mut Report) {
    if let Some(named) = &model.ui.named_values {
        assign_by_name(model, class, named);
        return;
    }
    match &model.ui.widgets_values {
        Value::Array(values) => assign_by_position(model, class, values, report),
        Value::Object(named) => assign_object(model, class, named, report),
        _ => {}
    }
}

/// Assigns by position over all widgets, the silent ones included.
fn assign_by_position<'a>(
    model: &mut NodeModel<'a>,
    class: &'a NodeClass,
    values: &[Value],
    report: &mut Report,
) {
    if model.class_type == LORA_ROWS_CLASS {
        model.extras = lora_rows(model, values);
        return;
    }
    let mut values = without_forced(class, &model.widgets, values).into_iter();
    let mut at = 0;
    while at < model.widgets.len() {
        let Some(value) = values.next() else { break };
        model.assign(at, value);
        at += 1;
    }
    if class.is_core() {
        return;
    }
    let surplus: Vec<Value> = values.flatten().filter(is_meant_for_server).collect();
    if surplus.is_empty() {
        return;
    }
    let shown: Vec<String> = surplus.iter().take(4).map(shorten).collect();
    let (count, shown) = (surplus.len(), shown.join(", "));
    // A node that shows text keeps the last text among its values.
    let only_shows = model.widgets.is_empty() && class.inputs.iter().any(is_forced);
    let what = if only_shows { "what the node showed last" } else { "the values may also be shifted" };
    let message = format!(
        "the file has {count} more values than the class has known widgets, and their names stand only in the pack's \
         editor code ({what}): {shown}"
    );
    report.dropped.push(Remark::on(&model.ui.id, message));
    report.is_incomplete |= !only_shows && is_sent(model);
}

fn is_sent(model: &NodeModel<'_>) -> bool {
    ![2, 4].contains(&model.ui.mode)
}

/// Assigns values saved by name, as node packs do that read them back by name; the editor's own code does not.
fn assign_object<'a>(
    model: &mut NodeModel<'a>,
    class: &'a NodeClass,
    named: &Map<String, Value>,
    report: &mut Report,
) {
    if class.is_core() {
        let message = "widgets_values is an object: the editor does not read it for this class and sends none of its values";
        report.dropped.push(Remark::on(&model.ui.id, message));
        let mut at = 0;
        while at < model.widgets.len() {
            model.assign(at, None);
            at += 1;
        }
        return;
    }
    let message =
        "widgets_values is an object: its values were taken by name, as the node's own editor code does";
    report.assumed.push(Remark::on(&model.ui.id, message));
    assign_by_name(model, class, named);
}

/// Assigns by name; values that the class of a pack does not declare are kept under their names.
fn assign_by_name<'a>(model: &mut NodeModel<'a>, class: &'a NodeClass, named: &Map<String, Value>) {
    let mut at = 0;
    while let Some(widget) = model.widgets.get(at) {
        if let Some(value) = named.get(&widget.name) {
            model.assign(at, Some(value.clone()));
        }
        at += 1;
    }
    if class.is_core() {
        return;
    }
    let known: HashSet<&str> = model.widgets.iter().map(|widget| widget.name.as_str()).collect();
    let is_extra = |name: &str, value: &Value| {
        !known.contains(name) && class.input(name).is_none() && !is_of_editor(name, value)
    };
    let extras = named.iter().filter(|(name, value)| is_extra(name, value));
    model.extras = extras.map(|(name, value)| (name.clone(), value.clone())).collect();
}

/// True for what the editor keeps for itself among named values: buttons, previews and control values.
fn is_of_editor(name: &str, value: &Value) -> bool {
    let is_preview = value.get("params").is_some();
    value.is_null()
        || is_preview
        || name.is_empty()
        || name.starts_with("choose ")
        || matches!(name, "control_after_generate" | "control_filter_list" | "upload")
}

/// True for a surplus value that may be an input: not a control value, a button, or the data of a preview.
fn is_meant_for_server(value: &Value) -> bool {
    let of_editor = match value {
        Value::String(text) => {
            matches!(text.as_str(), "fixed" | "increment" | "decrement" | "randomize" | "image" | "Disabled")
        }
        Value::Array(items) => items.iter().any(Value::is_object),
        Value::Object(parts) => parts.contains_key("params") || parts.contains_key("url") || parts.is_empty(),
        _ => false,
    };
    truthy(value) && !of_editor
}

fn shorten(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    if cut.len() < text.len() { format!("`{cut}…`") } else { format!("`{cut}`") }
}

/// Names the rows of the Power Lora Loader as its editor code does; a hidden second strength is not sent.
fn lora_rows(model: &NodeModel<'_>, values: &[Value]) -> Vec<(String, Value)> {
    let shows_both = model.ui.properties.get("Show Strengths") == Some(&"Separate Model & Clip".into());
    let rows = values.iter().filter_map(Value::as_object).filter(|row| row.contains_key("lora"));
    let row = |(at, row): (usize, &Map<String, Value>)| {
        let mut row = row.clone();
        if !shows_both {
            row.shift_remove("strengthTwo");
        } else if row.get("strengthTwo").is_none_or(Value::is_null) {
            row.insert("strengthTwo".into(), 1.into());
        }
        (format!("lora_{}", at + 1), Value::Object(row))
    };
    rows.enumerate().map(row).collect()
}

/// Drops the values that old files saved for forced sockets, when the count of values shows that they did.
fn without_forced(class: &NodeClass, widgets: &[Widget<'_>], values: &[Value]) -> Vec<Option<Value>> {
    let names: HashSet<&str> = widgets.iter().map(|widget| widget.name.as_str()).collect();
    let counted: Vec<&InputSpec> =
        class.inputs.iter().filter(|spec| names.contains(spec.name.as_str()) || is_forced(spec)).collect();
    let has_control = |spec: &InputSpec| {
        spec.options.get("control_after_generate").is_some_and(truthy)
            || ["seed", "noise_seed"].contains(&spec.name.as_str())
    };
    let slots: usize = counted.iter().map(|spec| if has_control(spec) { 2 } else { 1 }).sum();
    if slots != values.len() {
        return values.iter().cloned().map(Some).collect();
    }
    let length = slots.max(counted.len());
    let forced = |at: usize| counted.get(at).is_some_and(|spec| is_forced(spec));
    (0..length).filter(|at| !forced(*at)).map(|at| values.get(at).cloned()).collect()
}
