//! Writes the values of primitive nodes into the widgets they are linked to, muted or not.

use serde_json::Value;

use super::{
    Report,
    loaded::{Level, Loaded},
    model::{NodeKind, NodeModel},
    sync::{clamp, round_and_clamp},
    text,
    widgets::{Widget, WidgetKind},
};
use crate::Remark;

/// A widget that a primitive writes to.
struct Target {
    node: usize,
    widget: String,
}

/// Writes the values of all primitives of a level.
pub(super) fn apply(loaded: &mut Loaded<'_>, level: usize, report: &mut Report) {
    let Some(graph) = loaded.levels.get(level) else { return };
    let primitives: Vec<usize> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| matches!(node.kind, NodeKind::Primitive))
        .map(|(at, _)| at)
        .collect();
    for at in primitives {
        let Some((node, graph)) = loaded.levels.get(level).and_then(|g| Some((g.nodes.get(at)?, g))) else {
            continue;
        };
        let (targets, linked) = targets(graph, node);
        if !linked {
            continue;
        }
        let mut value = held_value(graph, node, &targets);
        let replaces = node.ui.properties.get("Run widget replace on values") == Some(&true.into());
        let id = node.ui.id.clone();
        if let (true, Some(Value::String(pattern))) = (replaces, &value) {
            value = Some(text::replace_patterns(pattern, loaded, None, &id, report).into());
        }
        let nodes = loaded.levels.get_mut(level).map(|level| &mut level.nodes);
        write(nodes.map_or(&mut [][..], Vec::as_mut_slice), &targets, value.as_ref(), report);
    }
}

/// Lists the widgets at the ends of the primitive's links; without the first, the primitive has no value.
fn targets(level: &Level<'_>, node: &NodeModel<'_>) -> (Vec<Option<Target>>, bool) {
    let links = node.ui.outputs.first().map_or(&[][..], |output| output.links.as_slice());
    let target = |link| {
        let (at, slot) = match (level.ends.get(link), level.ui.links.get(link)) {
            (Some(end), Some(_)) => *end,
            (None, Some(saved)) => {
                let (at, _) = level.ui.find(&saved.target_id)?;
                (at, usize::try_from(saved.target_slot?).ok()?)
            }
            (_, None) => return None,
        };
        let model = level.nodes.get(at)?;
        let widget = model.inputs.get(slot)?.widget.clone()?;
        model.widget(&widget).map(|_| Target { node: at, widget })
    };
    (links.iter().map(target).collect(), !links.is_empty())
}

/// Returns the value of the primitive's own widget: the saved one, clamped to the range of its targets.
fn held_value(level: &Level<'_>, node: &NodeModel<'_>, targets: &[Option<Target>]) -> Option<Value> {
    let find =
        |target: &Target| level.nodes.get(target.node)?.widget(&target.widget).map(|(_, widget)| widget);
    let first = find(targets.first()?.as_ref()?)?;
    let saved = node.ui.widgets_values.as_array().and_then(|values| values.first().cloned());
    let mut own = Widget { name: "value".to_owned(), ..first.clone() };
    match &own.kind {
        WidgetKind::Integer | WidgetKind::Decimal => {
            let mut value = saved.or_else(|| first.value.clone())?;
            for widget in targets.iter().flatten().filter_map(find) {
                let option = |key| widget.spec.and_then(|spec| spec.options.get(key)).and_then(Value::as_f64);
                value = clamp(value, option("min"), option("max"));
            }
            own.value = Some(value);
            round_and_clamp(&mut own, &node.ui.id, &mut Report::default());
            own.value
        }
        WidgetKind::TextArea => {
            if let Some(saved) = saved {
                own.set(Some(saved));
            }
            own.value
        }
        _ => saved.or(own.value),
    }
}

fn write(
    nodes: &mut [NodeModel<'_>],
    targets: &[Option<Target>],
    value: Option<&Value>,
    report: &mut Report,
) {
    for target in targets.iter().flatten() {
        let Some(node) = nodes.get_mut(target.node) else { continue };
        let Some((at, _)) = node.widget(&target.widget) else { continue };
        if value.is_none() {
            let message = "the primitive node linked here has no value: the input is not sent";
            report.dropped.push(Remark::on(&node.ui.id, message).input(&target.widget));
        }
        node.assign(at, value.cloned());
        let id = &node.ui.id;
        if let Some(widget) = node.widgets.get_mut(at) {
            round_and_clamp(widget, id, report);
        }
    }
}
