//! The restrictions of a broadcasting node, and the inputs that may receive a broadcast.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{Error, NodeModel, Result, Slot, UiInput};
use crate::convert::{emit::title, widgets::truthy};
use crate::ui::UiPort;
use comfywarden_error::JsonObject;

/// The largest compiled pattern of a file, in bytes.
const MAX_PATTERN: usize = 1 << 18;

/// An input that is free to receive a broadcast.
pub(super) struct Receiver<'n> {
    /// The index of its node; `None` for an output of the subgraph around.
    pub(super) node: Option<usize>,
    pub(super) node_title: &'n str,
    pub(super) color: Option<&'n str>,
    pub(super) ty: &'n str,
    pub(super) name: &'n str,
    /// The name that the user gave the input, else its name.
    pub(super) label: &'n str,
    /// The name that patterns are compared with.
    pub(super) shown_name: &'n str,
}

impl<'n> Receiver<'n> {
    /// Describes an input of a node.
    pub(super) fn input(at: usize, node: &'n NodeModel<'_>, slot: &'n Slot) -> Self {
        let saved = saved_input(node, &slot.name);
        let label = saved.and_then(|input| input.label.as_deref());
        let localized = saved.and_then(|input| input.localized_name.as_deref());
        Self {
            node: Some(at),
            node_title: title(node),
            color: node.ui.color.as_deref(),
            ty: &slot.ty,
            name: &slot.name,
            label: label.unwrap_or(&slot.name),
            shown_name: label.or(localized).unwrap_or(&slot.name),
        }
    }

    /// Describes an output of the subgraph around.
    pub(super) fn output(port: &'n UiPort) -> Self {
        let (ty, name) = (port.ty.as_str(), port.name.as_str());
        let node_title = "subgraph output node";
        Self { node: None, node_title, color: None, ty, name, label: name, shown_name: name }
    }
}

fn saved_input<'n>(node: &'n NodeModel<'_>, name: &str) -> Option<&'n UiInput> {
    node.ui.inputs.iter().find(|input| input.name == name)
}

/// True for an input that takes broadcasts: a socket unless it is closed, a widget only if it is opened.
pub(super) fn is_connectable(node: &NodeModel<'_>, slot: &Slot, old_editor: bool) -> bool {
    let settings = node.ui.properties.get("ue_properties");
    let flag = |of: Option<&Value>| of.and_then(|names| names.get(&slot.name)).is_some_and(truthy);
    if slot.widget.is_none() {
        return !flag(settings.and_then(|settings| settings.get("input_ue_unconnectable")));
    }
    let opened = settings
        .and_then(|settings| settings.get("widget_ue_connectable"))
        .or_else(|| node.ui.properties.get("widget_ue_connectable"));
    match opened {
        Some(_) => flag(opened),
        // Before editor 1.16, a widget is listed as an input only where the user made it one.
        None => old_editor && saved_input(node, &slot.name).is_some(),
    }
}

/// A pattern of a restriction.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    inverted: bool,
}

impl Pattern {
    /// Compiles a pattern of the file; an error names the node and the way out.
    pub(super) fn new(node: &NodeModel<'_>, pattern: &str, inverted: bool) -> Result<Self> {
        let regex = RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build();
        let regex = regex
            .map_err(|_| undecidable(node, &format!("its pattern `{}` cannot be read", cut(pattern))))?;
        Ok(Self { regex, inverted })
    }

    /// True when a name fulfils the restriction.
    pub(super) fn allows(&self, name: &str) -> bool {
        self.regex.is_match(name) != self.inverted
    }
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The error for a broadcast whose receivers cannot be told from the file.
pub(super) fn undecidable(node: &NodeModel<'_>, why: &str) -> Error {
    let id = &node.ui.id;
    Error::new(format!("node `{id}` ({}) broadcasts, and its receivers cannot be told: {why}", node.class_type))
        .node(id)
        .hint(
            "in ComfyUI, right-click the canvas, choose “Convert all UEs to real links” and save again, or export \
             the API format",
        )
}

/// The restrictions of one broadcasting node.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) title: Option<Pattern>,
    pub(super) input: Option<Pattern>,
    /// Same or other colour; with the node's own colour.
    pub(super) color: Option<(bool, Option<String>)>,
    pub(super) is_group_restricted: bool,
    pub(super) string_to_combo: bool,
    pub(super) send_to_any: bool,
    pub(super) repeated_rule: i64,
    pub(super) apply_to_unrepeated: bool,
    pub(super) priority: i64,
}

impl Rules {
    /// Reads the restrictions of a node, of any version of the pack.
    pub(super) fn of(node: &NodeModel<'_>, has_repeated_types: bool) -> Result<Self> {
        let properties = &node.ui.properties;
        let empty = JsonObject::new();
        let modern = properties.get("ue_properties").and_then(Value::as_object);
        let is_modern = modern.is_some_and(|modern| modern.contains_key("version"));
        let settings = if is_modern { modern.unwrap_or(&empty) } else { properties };
        let number = |key: &str| settings.get(key).and_then(Value::as_i64).unwrap_or(0);
        let old_values = node.ui.widgets_values.as_array().filter(|_| !is_modern);
        let pattern = |key: &str, at: usize| -> Result<Option<Pattern>> {
            let old = old_values.and_then(|values| values.get(at));
            let text = settings.get(key).or(old).and_then(Value::as_str).unwrap_or_default();
            let inverted = settings.get(&format!("{key}_invert")).is_some_and(truthy);
            (!matches!(text, "" | ".*")).then(|| Pattern::new(node, text, inverted)).transpose()
        };
        let (title, input, group) =
            (pattern("title_regex", 0)?, pattern("input_regex", 1)?, pattern("group_regex", 2)?);
        let (colored, grouped) = (number("color_restricted"), number("group_restricted"));
        let mut priority = 10;
        priority += if node.class_type == "Prompts Everywhere" { 10 } else { 0 };
        let narrowed = title.is_some() || input.is_some() || group.is_some() || has_repeated_types;
        priority += if narrowed { 20 } else { 0 };
        priority += if grouped > 0 { 3 } else { 0 };
        priority += if colored > 0 { 6 } else { 0 };
        let stated = settings.get("priority").and_then(Value::as_i64).filter(|stated| *stated != 0);
        let color = matches!(colored, 1 | 2).then(|| (colored == 1, node.ui.color.clone()));
        Ok(Self {
            title,
            input,
            color,
            is_group_restricted: group.is_some() || grouped > 0,
            string_to_combo: number("string_to_combo") > 0,
            send_to_any: number("send_to_any") > 0,
            repeated_rule: number("repeated_type_rule"),
            apply_to_unrepeated: settings.get("apply_to_unrepeated").is_some_and(truthy),
            priority: stated.unwrap_or(priority),
        })
    }
}
