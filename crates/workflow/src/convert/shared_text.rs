//! Unifies promoted text areas: the editor has one for all uses of a subgraph, so the text written last wins.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Report,
    loaded::{End, Loaded, widget_at},
    model::NodeKind,
    widgets::WidgetKind,
};
use crate::Remark;

/// The innermost text area: level, node, slot.
type Area = (usize, End);

/// Gives every promoted text area the text that was written last, the workflow's own level after its definitions.
pub(super) fn unify(loaded: &mut Loaded<'_>, report: &mut Report) {
    let areas = areas(loaded);
    if areas.is_empty() {
        return;
    }
    let count = loaded.levels.len();
    let mut texts: HashMap<Area, (Option<Value>, String)> = HashMap::new();
    for level in (1..count).chain([0]) {
        each_promoted(loaded, level, &areas, |area, id, widget| {
            if !std::mem::take(&mut widget.given) {
                return;
            }
            let before = texts.insert(area, (widget.value.clone(), id.to_owned()));
            if let Some((text, first)) = before.filter(|(text, _)| *text != widget.value) {
                let shown: String =
                    text.as_ref().and_then(Value::as_str).unwrap_or_default().chars().take(60).collect();
                let message = format!(
                    "the editor keeps one text for all uses of a subgraph: that of node `{id}` replaces “{shown}”"
                );
                report.dropped.push(Remark::on(&first, message).input(&widget.name));
            }
        });
    }
    for level in 0..count {
        each_promoted(loaded, level, &areas, |area, _, widget| {
            if let Some((text, _)) = texts.get(&area) {
                widget.value.clone_from(text);
            }
        });
    }
    for ((level, (node, slot)), (text, _)) in texts {
        let node = loaded.levels.get_mut(level).and_then(|level| level.nodes.get_mut(node));
        let Some(node) = node else { continue };
        let name = node.inputs.get(slot).and_then(|slot| slot.widget.clone());
        if let Some(widget) = node.widgets.iter_mut().find(|widget| Some(&widget.name) == name.as_ref()) {
            widget.value = text;
        }
    }
}

/// Maps each input that promotes a text area, by level and port, to that text area.
fn areas(loaded: &Loaded<'_>) -> HashMap<(usize, usize), Area> {
    let mut areas: HashMap<(usize, usize), Area> = HashMap::new();
    for (at, level) in loaded.levels.iter().enumerate() {
        for (port, ends) in level.promotions.iter().enumerate() {
            let Some(end) = ends.first() else { continue };
            let widget = widget_at(&level.nodes, *end);
            if !widget.is_some_and(|widget| matches!(widget.kind, WidgetKind::TextArea)) {
                continue;
            }
            let deeper = level.nodes.get(end.0).and_then(|node| match node.kind {
                NodeKind::Instance(inner) => areas.get(&(inner, end.1)).copied(),
                _ => None,
            });
            areas.insert((at, port), deeper.unwrap_or((at, *end)));
        }
    }
    areas
}

/// Visits the promoted text areas of a level's instances, in the order of the nodes.
fn each_promoted<'a>(
    loaded: &mut Loaded<'a>,
    level: usize,
    areas: &HashMap<(usize, usize), Area>,
    mut visit: impl FnMut(Area, &str, &mut super::widgets::Widget<'a>),
) {
    let promoting: Vec<Vec<usize>> = loaded
        .levels
        .iter()
        .map(|level| {
            let ports = level.promotions.iter().enumerate();
            ports.filter(|(_, ends)| !ends.is_empty()).map(|(port, _)| port).collect()
        })
        .collect();
    let Some(level) = loaded.levels.get_mut(level) else { return };
    for node in &mut level.nodes {
        let NodeKind::Instance(inner) = node.kind else { continue };
        let Some(ports) = promoting.get(inner) else { continue };
        for (port, widget) in ports.iter().zip(&mut node.widgets) {
            if let Some(area) = areas.get(&(inner, *port)) {
                visit(*area, &node.ui.id, widget);
            }
        }
    }
}
