//! One broadcast: a value, its type, and the inputs that it fits.

use std::{collections::HashSet, rc::Rc};

use regex::Regex;
use serde_json::Value;

use super::rules::{Pattern, undecidable};
use super::{NodeModel, Origin, Receiver, Result, Rules, SUBGRAPH_INPUT, UiGraph, editor_nodes};
use crate::convert::widgets::truthy;

/// The class of the pack that broadcasts its own seed.
pub(super) const SEED_CLASS: &str = "Seed Everywhere";

/// One value that a node broadcasts.
pub(super) struct Sender<'n> {
    /// The index of the broadcasting node.
    pub(super) controller: usize,
    pub(super) origin: Origin,
    ty: &'n str,
    pub(super) rules: Rc<Rules>,
    /// A further pattern of the input's name, for prompts and seeds.
    own_pattern: Option<Pattern>,
    /// The rule that tells several values of one type apart.
    repeated: Option<Repeated>,
    /// The receivers by node id and input, where the file lists them because the rules cannot tell.
    listed: Option<Vec<(usize, String)>>,
}

struct Repeated {
    rule: i64,
    name: String,
    pattern: Option<Regex>,
}

impl Repeated {
    fn fits(&self, receiver: &Receiver<'_>) -> bool {
        let (own, other) = (self.name.as_str(), receiver.label);
        match self.rule {
            1 => own.starts_with(other) || other.starts_with(own),
            2 => own.ends_with(other) || other.ends_with(own),
            3 => receiver.node_title == own,
            4 => self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(other)),
            _ => own == other,
        }
    }
}

impl Sender<'_> {
    /// True when the broadcast may feed this input.
    pub(super) fn fits(&self, receiver: &Receiver<'_>) -> bool {
        if let (Origin::Output { node, .. }, Some(other)) = (self.origin, receiver.node)
            && node == other
        {
            return false;
        }
        let rules = &self.rules;
        let by_type = self.ty == receiver.ty
            || (self.ty == "STRING" && receiver.ty == "COMBO" && rules.string_to_combo)
            || (receiver.ty == "*" && rules.send_to_any);
        if !by_type || !self.repeated.as_ref().is_none_or(|repeated| repeated.fits(receiver)) {
            return false;
        }
        if let Some(listed) = &self.listed {
            return listed.iter().any(|(node, input)| Some(*node) == receiver.node && input == receiver.name);
        }
        let color =
            rules.color.as_ref().is_none_or(|(same, own)| (own.as_deref() == receiver.color) == *same);
        color
            && rules.title.as_ref().is_none_or(|pattern| pattern.allows(receiver.node_title))
            && rules.input.as_ref().is_none_or(|pattern| pattern.allows(receiver.shown_name))
            && self.own_pattern.as_ref().is_none_or(|pattern| pattern.allows(receiver.shown_name))
    }
}

/// True for a node that broadcasts, by its class or because the user made it.
pub(super) fn broadcasts(node: &NodeModel<'_>) -> bool {
    node.class_type == SEED_CLASS
        || editor_nodes::is_broadcaster(node.class_type)
        || node.ui.properties.get("ue_convert").is_some_and(truthy)
}

/// A value at hand: where it comes from, its type, and the name of its slot.
struct Offer<'n> {
    slot: usize,
    origin: Origin,
    ty: &'n str,
    name: &'n str,
}

/// Lists what a node broadcasts.
pub(super) fn of_node<'n>(
    at: usize,
    node: &NodeModel<'n>,
    nodes: &[NodeModel<'_>],
    ui: &'n UiGraph,
) -> Result<Vec<Sender<'n>>> {
    let settings = node.ui.properties.get("ue_properties");
    let is_seed = node.class_type == SEED_CLASS
        || settings.and_then(|settings| settings.get("seed_inputs")).is_some_and(truthy);
    let offers = if is_seed {
        vec![Offer { slot: 0, origin: Origin::Output { node: at, slot: 0 }, ty: "INT", name: "seed" }]
    } else if editor_nodes::is_broadcaster(node.class_type) {
        from_inputs(node, nodes, ui)
    } else {
        from_outputs(at, node, settings)
    };
    let (mut seen, mut repeated_types) = (HashSet::new(), HashSet::new());
    for offer in &offers {
        if !seen.insert(offer.ty) {
            repeated_types.insert(offer.ty);
        }
    }
    let is_prompts = node.class_type == "Prompts Everywhere";
    let rules = Rc::new(Rules::of(node, !repeated_types.is_empty() && !is_prompts)?);
    let listed = listed(node, nodes, ui);
    if rules.is_group_restricted && listed.is_none() {
        return Err(undecidable(node, "they depend on the groups of the canvas"));
    }
    let mut senders = Vec::with_capacity(offers.len());
    for offer in offers {
        let own_pattern = match (is_seed, is_prompts, offer.slot) {
            (true, _, _) if rules.input.is_none() => Some("seed"),
            (false, true, 0) => Some(r"(_|\b)pos(itive|_|\b)"),
            (false, true, _) => Some(r"(_|\b)neg(ative|_|\b)"),
            _ => None,
        };
        let own_pattern = own_pattern.map(|pattern| Pattern::new(node, pattern, false)).transpose()?;
        let told_apart = repeated_types.contains(offer.ty) || rules.apply_to_unrepeated;
        let repeated = (told_apart && !is_prompts && !is_seed).then(|| Repeated {
            rule: rules.repeated_rule,
            name: offer.name.to_owned(),
            pattern: Regex::new(offer.name).ok(),
        });
        let listed = listed.as_ref().filter(|_| rules.is_group_restricted).map(|links| {
            let of_offer = links.iter().filter(|link| link.0 == offer.origin);
            of_offer.map(|link| link.1.clone()).collect()
        });
        senders.push(Sender {
            controller: at,
            origin: offer.origin,
            ty: offer.ty,
            rules: Rc::clone(&rules),
            own_pattern,
            repeated,
            listed,
        });
    }
    Ok(senders)
}

/// Lists the links of a broadcasting node's inputs.
fn from_inputs<'n>(node: &NodeModel<'n>, nodes: &[NodeModel<'_>], ui: &'n UiGraph) -> Vec<Offer<'n>> {
    let mut offers = Vec::new();
    for (slot, input) in node.ui.inputs.iter().enumerate() {
        let Some(link) = input.link.as_ref().and_then(|link| ui.links.get(link)) else { continue };
        let name = input.label.as_deref().unwrap_or(&input.name);
        let Some(from) = link.origin_slot else { continue };
        if link.origin_id == SUBGRAPH_INPUT {
            let Ok(port) = usize::try_from(from) else { continue };
            offers.push(Offer { slot, origin: Origin::Port(port), ty: &link.ty, name });
            continue;
        }
        let Some((origin, saved)) = ui.find(&link.origin_id) else { continue };
        // A muted source sends nothing; a bypassed one passes on what it gets.
        if nodes.get(origin).is_none_or(|node| node.ui.mode == 2) {
            continue;
        }
        let output = usize::try_from(from).ok().and_then(|from| saved.outputs.get(from));
        let ty = if link.ty.is_empty() { output.map_or("", |output| &output.ty) } else { &link.ty };
        let ty = if ty == "*" { &input.ty } else { ty };
        offers.push(Offer { slot, origin: Origin::Output { node: origin, slot: from }, ty, name });
    }
    offers
}

/// Lists the outputs that a node broadcasts because the user made it.
fn from_outputs<'n>(at: usize, node: &NodeModel<'n>, settings: Option<&Value>) -> Vec<Offer<'n>> {
    let silent = settings.and_then(|settings| settings.get("output_not_broadcasting"));
    let is_silent = |name: &str| silent.and_then(|names| names.get(name)).is_some_and(truthy);
    let outputs = node.ui.outputs.iter().enumerate();
    let open = outputs.filter(|(_, output)| !is_silent(&output.label));
    let offer = |(slot, output): (usize, &'n crate::ui::UiOutput)| {
        let origin = Origin::Output { node: at, slot: i64::try_from(slot).ok()? };
        Some(Offer { slot, origin, ty: &output.ty, name: &output.label })
    };
    open.filter_map(offer).collect()
}

/// Lists the links that the pack had made for a node when the file was saved; `None` when the file has no such list.
fn listed(
    node: &NodeModel<'_>,
    nodes: &[NodeModel<'_>],
    ui: &UiGraph,
) -> Option<Vec<(Origin, (usize, String))>> {
    let links = ui.broadcast_links.iter().filter(|link| link.controller == node.ui.id);
    let read = |link: &crate::ui::BroadcastLink| {
        let (origin, _) = ui.find(&link.origin_id)?;
        let (target, saved) = ui.find(&link.target_id)?;
        let name = saved.inputs.get(link.target_slot)?.name.clone();
        nodes.get(target)?;
        Some((Origin::Output { node: origin, slot: link.origin_slot }, (target, name)))
    };
    (!ui.broadcast_links.is_empty()).then(|| links.filter_map(read).collect())
}
