//! Broadcasts of the Use Everywhere pack: links that its editor code makes when a workflow runs.
//!
//! A broadcasting node sends what is linked to its inputs to every free input of the same type in the same graph. Its
//! restrictions narrow that down; of several broadcasts the one with the highest priority wins, and a tie connects
//! nothing.

use super::{
    Report, editor_nodes,
    loaded::SUBGRAPH_INPUT,
    model::{NodeKind, NodeModel, Origin, Slot},
};
use crate::{
    Error, Remark, Result,
    ui::{UiGraph, UiInput, UiSubgraph},
};

mod rules;
mod sender;

use rules::{Receiver, Rules};
use sender::Sender;

/// Gives the free inputs of a level their broadcast sources; returns those of the free outputs of its subgraph.
pub(super) fn apply<'a>(
    nodes: &mut [NodeModel<'a>],
    ui: &'a UiGraph,
    subgraph: Option<&UiSubgraph>,
    old_editor: bool,
    report: &mut Report,
) -> Result<Vec<Option<Origin>>> {
    let mut senders = Vec::new();
    for (at, node) in
        nodes.iter().enumerate().filter(|(_, node)| node.ui.mode == 0 && sender::broadcasts(node))
    {
        senders.extend(sender::of_node(at, node, nodes, ui)?);
    }
    let ports = subgraph.map_or(0, |subgraph| subgraph.outputs.len());
    let mut outputs = vec![None; ports];
    if senders.is_empty() {
        return Ok(outputs);
    }
    let mut sent = vec![0_usize; nodes.len()];
    for at in 0..nodes.len() {
        let Some(node) = nodes.get(at).filter(|node| receives(node)) else { continue };
        let free = node.inputs.iter().enumerate().filter(|(_, slot)| is_free(slot, ui));
        let open = free.filter(|(_, slot)| rules::is_connectable(node, slot, old_editor));
        let mut found = Vec::new();
        for (index, slot) in open {
            let receiver = Receiver::input(at, node, slot);
            if let Some(sender) = best(&senders, &receiver, &node.ui.id, report) {
                found.push((index, sender.origin));
                sent.get_mut(sender.controller).into_iter().for_each(|count| *count += 1);
            }
        }
        let Some(node) = nodes.get_mut(at) else { continue };
        for (index, origin) in found {
            node.inputs.get_mut(index).into_iter().for_each(|slot| slot.broadcast = Some(origin));
        }
    }
    for (port, source) in subgraph.map_or(&[][..], |subgraph| &subgraph.outputs).iter().zip(&mut outputs) {
        if !port.links.iter().any(|link| ui.links.contains_key(link)) {
            let receiver = Receiver::output(port);
            *source = best(&senders, &receiver, "the subgraph's output", report).map(|sender| sender.origin);
        }
    }
    for (node, count) in nodes.iter().zip(sent).filter(|(_, count)| *count > 0) {
        let message =
            format!("its broadcast feeds {count} inputs, as the editor code of Use Everywhere connects them");
        report.notes.push(Remark::on(&node.ui.id, message));
    }
    Ok(outputs)
}

/// Chooses the sender with the highest priority; a tie is reported and connects nothing.
fn best<'s, 'n>(
    senders: &'s [Sender<'n>],
    receiver: &Receiver<'_>,
    id: &str,
    report: &mut Report,
) -> Option<&'s Sender<'n>> {
    let fitting: Vec<&Sender<'n>> = senders.iter().filter(|sender| sender.fits(receiver)).collect();
    let highest = fitting.iter().map(|sender| sender.rules.priority).max()?;
    let mut first = fitting.iter().filter(|sender| sender.rules.priority == highest);
    let (winner, tie) = (first.next()?, first.next());
    if tie.is_some() {
        let message = "several Use Everywhere broadcasts fit equally well, so the editor connects none";
        report.dropped.push(Remark::on(id, message).input(receiver.name));
        return None;
    }
    Some(winner)
}

fn receives(node: &NodeModel<'_>) -> bool {
    !editor_nodes::is_broadcaster(node.class_type)
        && node.class_type != sender::SEED_CLASS
        && !matches!(node.kind, NodeKind::Note)
        && !node.ui.properties.get("rejects_ue_links").is_some_and(super::widgets::truthy)
}

fn is_free(slot: &Slot, ui: &UiGraph) -> bool {
    slot.link.as_ref().is_none_or(|link| !ui.links.contains_key(link))
}
