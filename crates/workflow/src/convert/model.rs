//! One node as the editor has it after loading: its slots, its widgets, and what kind it is.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Report, renames, values,
    widgets::{Widget, WidgetKind, companions, is_media_upload, is_widget},
};
use crate::{
    Remark,
    object_info::{Dynamic, InputSpec, NodeClass},
    ui::{LinkId, UiInput, UiNode},
};

/// The kinds of nodes that the converter distinguishes.
#[derive(Debug, Clone, Copy)]
pub(super) enum NodeKind<'a> {
    /// A class of the server: it is sent.
    Class(&'a NodeClass),
    /// A reroute: passes its input through.
    Reroute,
    /// A setter: passes its input through, also to the getters of its name.
    Setter,
    /// A getter: passes on the input of the setter of its name.
    Getter,
    /// A primitive: writes its value into widgets.
    Primitive,
    /// A note, a label or a switch of the editor: nothing of it is sent.
    Note,
    /// A use of a subgraph; the index is among all graphs.
    Instance(usize),
    /// A class the server does not have.
    Missing,
}

impl NodeKind<'_> {
    /// True for nodes that exist in the editor only.
    pub(super) fn is_virtual(self) -> bool {
        !matches!(self, Self::Class(_) | Self::Missing)
    }
}

/// An input slot.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) ty: String,
    pub(super) link: Option<LinkId>,
    /// The widget it can replace.
    pub(super) widget: Option<String>,
    /// The source that a broadcast gives it.
    pub(super) broadcast: Option<Origin>,
}

/// The source of a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// An output of a node of the same level.
    Output { node: usize, slot: i64 },
    /// An input of the subgraph around the level.
    Port(usize),
}

/// One node after loading.
#[derive(Debug, Clone)]
pub(super) struct NodeModel<'a> {
    pub(super) ui: &'a UiNode,
    pub(super) class_type: &'a str,
    pub(super) kind: NodeKind<'a>,
    pub(super) inputs: Vec<Slot>,
    pub(super) outputs: Vec<String>,
    pub(super) widgets: Vec<Widget<'a>>,
    /// Values that the file names and the class does not declare.
    pub(super) extras: Vec<(String, Value)>,
}

impl<'a> NodeModel<'a> {
    /// Makes a node without a class: its slots are the file's.
    pub(super) fn plain(ui: &'a UiNode, kind: NodeKind<'a>) -> Self {
        Self {
            ui,
            class_type: renames::current_class(&ui.class_type),
            kind,
            inputs: ui.inputs.iter().map(slot_of_file).collect(),
            outputs: ui.outputs.iter().map(|output| output.ty.clone()).collect(),
            widgets: Vec::new(),
            extras: Vec::new(),
        }
    }

    /// Makes a node of a class with its defaults, then fills it from the file.
    pub(super) fn of_class(ui: &'a UiNode, class: &'a NodeClass, report: &mut Report) -> Self {
        let mut outputs: Vec<String> = class.outputs.iter().map(|output| output_type(&output.ty)).collect();
        outputs.extend(ui.outputs.iter().skip(outputs.len()).map(|output| output.ty.clone()));
        let mut model = Self {
            ui,
            class_type: renames::current_class(&ui.class_type),
            kind: NodeKind::Class(class),
            inputs: Vec::new(),
            outputs,
            widgets: Vec::new(),
            extras: Vec::new(),
        };
        for spec in &class.inputs {
            model.add_socket(&spec.name, spec);
        }
        for spec in &class.inputs {
            model.add_widget(&spec.name, spec, true);
        }
        model.add_upload_button(class);
        model.merge_slots();
        values::assign(&mut model, class, report);
        model.drop_orphaned_slots(report);
        renames::sampler_names(&mut model);
        model
    }

    /// True when the input has a widget. For an input of several types the file decides: it lists every socket.
    fn has_widget(&self, name: &str, spec: &InputSpec) -> bool {
        let saved = || self.ui.inputs.iter().find(|input| input.name == name);
        is_widget(spec) && (!spec.ty.contains(',') || saved().is_none_or(|input| input.widget.is_some()))
    }

    fn add_socket(&mut self, name: &str, spec: &'a InputSpec) {
        if self.has_widget(name, spec) {
            return;
        }
        match &spec.dynamic {
            Some(Dynamic::Autogrow(group)) => {
                for (member, spec) in (0..group.min).flat_map(|ordinal| group.member(ordinal)) {
                    self.inputs.push(socket(format!("{name}.{member}"), spec.ty.clone()));
                }
            }
            Some(Dynamic::MatchType(types)) => self.inputs.push(socket(name.to_owned(), types.clone())),
            _ => self.inputs.push(socket(name.to_owned(), spec.ty.clone())),
        }
    }

    fn add_widget(&mut self, name: &str, spec: &'a InputSpec, fresh: bool) {
        if !self.has_widget(name, spec) {
            return;
        }
        let at = self.widgets.len();
        let mut widget = Widget::new(name.to_owned(), spec);
        widget.dynamic_prompts &= fresh;
        self.widgets.push(widget);
        self.widgets.extend(companions(name, spec).iter().map(|name| Widget::silent(name)));
        if !spec.options.get("socketless").is_some_and(super::widgets::truthy) {
            let slot = socket(name.to_owned(), spec.ty.clone());
            self.inputs.push(Slot { widget: Some(name.to_owned()), ..slot });
        }
        if matches!(spec.dynamic, Some(Dynamic::Combo(_))) {
            self.rebuild_choice(at, fresh);
        }
    }

    /// Adds the upload button of a file chooser, which owns a value slot after all others.
    fn add_upload_button(&mut self, class: &'a NodeClass) {
        let Some(spec) = class.inputs.iter().find(|spec| spec.required && is_media_upload(spec)) else {
            return;
        };
        if let Some(widget) = self.widgets.iter_mut().find(|widget| widget.name == spec.name) {
            let folder = spec.options.get("image_folder").and_then(Value::as_str).map(str::to_owned);
            widget.kind = WidgetKind::Media { default: widget.value.clone(), folder };
        }
        self.widgets.push(Widget::silent("upload"));
    }

    /// Merges the slots: the class decides their names and types, the file their links.
    fn merge_slots(&mut self) {
        let mut saved: HashMap<&str, &UiInput> = HashMap::new();
        for input in &self.ui.inputs {
            // Of two slots with one name the linked one counts.
            let known = saved.entry(&input.name).or_insert(input);
            if known.link.is_none() {
                *known = input;
            }
        }
        let mut defined = std::collections::HashSet::new();
        for slot in &mut self.inputs {
            defined.insert(slot.name.clone());
            if let Some(input) = saved.get(slot.name.as_str()) {
                slot.link.clone_from(&input.link);
            }
        }
        let extra = self.ui.inputs.iter().filter(|input| !defined.contains(&input.name));
        self.inputs.extend(extra.map(slot_of_file));
    }

    /// Assigns to the widget at `at`; a dynamic combo then changes which inputs follow it.
    pub(super) fn assign(&mut self, at: usize, value: Option<Value>) {
        let Some(widget) = self.widgets.get_mut(at) else { return };
        widget.set(value);
        widget.given = true;
        if matches!(widget.kind, WidgetKind::Dynamic(_)) {
            self.rebuild_choice(at, false);
        }
    }

    /// Replaces the inputs and widgets that a dynamic combo brought by those of its present choice.
    fn rebuild_choice(&mut self, at: usize, fresh: bool) {
        let Some(Widget { name, value, kind: WidgetKind::Dynamic(choices), .. }) = self.widgets.get(at)
        else {
            return;
        };
        let (name, choices) = (name.clone(), *choices);
        let key = value.as_ref().and_then(Value::as_str);
        let choice = choices.iter().find(|choice| Some(choice.key.as_str()) == key);
        let group = format!("{name}.");
        let before = std::mem::take(&mut self.inputs);
        let (old, mut kept): (Vec<Slot>, Vec<Slot>) =
            before.into_iter().partition(|slot| slot.name.starts_with(&group));
        let mut rest = self.widgets.split_off(at + 1);
        rest.retain(|widget| !widget.name.starts_with(&group));
        for spec in choice.into_iter().flat_map(|choice| &choice.inputs) {
            let full = format!("{group}{}", spec.name);
            self.add_socket(&full, spec);
            self.add_widget(&full, spec, fresh);
        }
        self.widgets.extend(rest);
        let mut added = std::mem::take(&mut self.inputs);
        let links: HashMap<&str, &Slot> = old.iter().map(|slot| (slot.name.as_str(), slot)).collect();
        for slot in &mut added {
            if let Some(old) = links.get(slot.name.as_str()) {
                slot.link.clone_from(&old.link);
                slot.broadcast = old.broadcast;
            }
        }
        let place = kept.iter().position(|slot| slot.name == name).map_or(kept.len(), |at| at + 1);
        kept.splice(place..place, added);
        self.inputs = kept;
    }

    /// Drops the slots of widgets that do not exist.
    fn drop_orphaned_slots(&mut self, report: &mut Report) {
        let names: std::collections::HashSet<&str> =
            self.widgets.iter().map(|widget| widget.name.as_str()).collect();
        let id = &self.ui.id;
        self.inputs.retain(|slot| {
            let keep = slot.widget.as_deref().is_none_or(|widget| names.contains(widget));
            if !keep && slot.link.is_some() {
                let message = "the class has no such widget any more; the link is dropped";
                report.dropped.push(Remark::on(id, message).input(&slot.name));
            }
            keep
        });
    }

    /// Returns the widget with this name and its index.
    pub(super) fn widget(&self, name: &str) -> Option<(usize, &Widget<'a>)> {
        self.widgets.iter().enumerate().find(|(_, widget)| widget.name == name)
    }
}

/// Returns the type of an output; one that follows an input starts as any.
fn output_type(ty: &str) -> String {
    if ty == "COMFY_MATCHTYPE_V3" { "*".to_owned() } else { ty.to_owned() }
}

fn socket(name: String, ty: String) -> Slot {
    Slot { name, ty, link: None, widget: None, broadcast: None }
}

fn slot_of_file(input: &UiInput) -> Slot {
    Slot {
        name: input.name.clone(),
        ty: input.ty.clone(),
        link: input.link.clone(),
        widget: input.widget.clone(),
        broadcast: None,
    }
}
