//! Writes into widgets as the editor does before it makes the prompt: primitives first, then promoted values.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Report,
    loaded::Loaded,
    model::NodeKind,
    primitive, shared_text,
    widgets::{Widget, WidgetKind},
};
use crate::{
    Remark,
    js_number::{number_value, round_half_up, to_fixed},
    object_info::InputSpec,
};

/// Applies primitives on all levels, then carries promoted values inwards.
pub(super) fn apply(loaded: &mut Loaded<'_>, report: &mut Report) {
    shared_text::unify(loaded, report);
    for level in 0..loaded.levels.len() {
        primitive::apply(loaded, level, report);
    }
    shared_text::unify(loaded, report);
    // A definition precedes the levels that use it, except that the top level is the first.
    let count = loaded.levels.len();
    for outer in std::iter::once(0).chain((1..count).rev()) {
        carry_inwards(loaded, outer);
    }
}

/// Copies promoted values into the shared inner widgets, where those of the last instance stay.
fn carry_inwards(loaded: &mut Loaded<'_>, outer: usize) {
    let Some(level) = loaded.levels.get(outer) else { return };
    let mut last: HashMap<(usize, usize), Option<Value>> = HashMap::new();
    for node in &level.nodes {
        let NodeKind::Instance(inner) = node.kind else { continue };
        let Some(target) = loaded.levels.get(inner) else { continue };
        let promoting = target.promotions.iter().enumerate().filter(|(_, ends)| !ends.is_empty());
        for ((port, _), widget) in promoting.zip(&node.widgets) {
            last.insert((inner, port), widget.value.clone());
        }
    }
    for ((inner, port), value) in last {
        let Some(level) = loaded.levels.get_mut(inner) else { continue };
        for (node, slot) in level.promotions.get(port).into_iter().flatten() {
            let Some(node) = level.nodes.get_mut(*node) else { continue };
            let name = node.inputs.get(*slot).and_then(|slot| slot.widget.clone());
            if let Some(at) = name.and_then(|name| node.widget(&name).map(|(at, _)| at)) {
                node.assign(at, value.clone());
            }
        }
    }
}

/// Rounds and clamps a value as the widget does when it is typed in.
pub(super) fn round_and_clamp(widget: &mut Widget<'_>, node_id: &str, report: &mut Report) {
    let Some(spec) = widget.spec else { return };
    let Some(Value::Number(number)) = &widget.value else { return };
    let rounded = match widget.kind {
        WidgetKind::Integer if number.is_u64() && step(spec, 1.0) <= 1.0 => return,
        WidgetKind::Integer => number.as_f64().map(|value| round_integer(value, spec)),
        WidgetKind::Decimal => number.as_f64().map(|value| round_decimal(value, spec)),
        _ => return,
    };
    let Some(rounded) = rounded.map(number_value) else { return };
    if rounded.as_f64() != number.as_f64() {
        let message = format!("the editor rounds {number} to {rounded} as a primitive writes it");
        report.notes.push(Remark::on(node_id, message).input(&widget.name));
        widget.value = Some(rounded);
    }
}

fn option(spec: &InputSpec, key: &str) -> Option<f64> {
    spec.options.get(key).and_then(Value::as_f64)
}

fn step(spec: &InputSpec, default: f64) -> f64 {
    option(spec, "step").unwrap_or(default)
}

fn round_integer(value: f64, spec: &InputSpec) -> f64 {
    let step = match step(spec, 1.0) {
        0.0 => 1.0,
        step => step,
    };
    if (step - 1.0).abs() < f64::EPSILON {
        return round_half_up(value);
    }
    let offset = option(spec, "min").unwrap_or(0.0) % step;
    round_half_up((value - offset) / step) * step + offset
}

fn round_decimal(value: f64, spec: &InputSpec) -> f64 {
    let precision = (-step(spec, 0.5).log10().floor()).clamp(0.0, 15.0);
    let stated = option(spec, "round").filter(|round| *round != 0.0);
    let Some(round) = stated.or_else(|| (precision > 0.0).then(|| 10_f64.powf(-precision))) else {
        return value;
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 15"
    )]
    let digits = precision as usize;
    let rounded = to_fixed(round_half_up(value / round) * round, digits);
    let (low, high) = (option(spec, "min").unwrap_or(0.0), option(spec, "max").unwrap_or(2048.0));
    rounded.min(high).max(low)
}

/// Clamps a number to the range of the input, as a primitive's own box does.
pub(super) fn clamp(value: Value, low: Option<f64>, high: Option<f64>) -> Value {
    let Some(number) = value.as_f64().filter(|_| value.is_number()) else { return value };
    match (low, high) {
        (Some(low), _) if number < low => number_value(low),
        (_, Some(high)) if number > high => number_value(high),
        _ => value,
    }
}
