//! Reports the nodes of the file that are not sent because of what they are: notes, muted and bypassed nodes, parts of
//! the editor.

use super::{Report, editor_nodes, emit::title, expand::Expanded, model::NodeKind};
use crate::Remark;

/// The most nodes that one remark names.
const MAX_NAMED: usize = 12;

/// Adds a remark for each kind of node that is left out.
pub(super) fn report(expanded: &Expanded<'_, '_>, report: &mut Report) {
    let mut groups: [(&str, Vec<String>); 4] = [
        ("notes, which the editor never sends", Vec::new()),
        ("nodes that only the editor has and that have no effect", Vec::new()),
        ("muted", Vec::new()),
        ("bypassed", Vec::new()),
    ];
    for flat in &expanded.nodes {
        let Some(model) = expanded.model(flat) else { continue };
        let group = match (model.kind, model.ui.mode) {
            (NodeKind::Note, _) if editor_nodes::is_note(model.class_type) => 0,
            (NodeKind::Note, _) => 1,
            (NodeKind::Class(_) | NodeKind::Missing, 2) => 2,
            (NodeKind::Class(_) | NodeKind::Missing, 4) => 3,
            _ => continue,
        };
        if let Some((_, nodes)) = groups.get_mut(group) {
            let name = if group == 0 { String::new() } else { format!(" ({})", title(model)) };
            nodes.push(format!("`{}`{name}", flat.id));
        }
    }
    for (what, nodes) in groups.iter().filter(|(_, nodes)| !nodes.is_empty()) {
        let named = nodes.get(..MAX_NAMED.min(nodes.len())).unwrap_or_default().join(", ");
        let rest = nodes.len().saturating_sub(MAX_NAMED);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let count = nodes.len();
        report.dropped.push(Remark::general(format!("not sent ({what}): {count}: {named}{more}")));
    }
}
