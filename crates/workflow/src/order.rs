//! The order in which the nodes of a workflow can run.

use std::collections::HashSet;

use super::{Node, NodeId, Workflow};

/// Sorts the nodes, sources before consumers; a workflow that is in such an order already keeps it.
///
/// Within a cycle the order is that of the workflow.
pub fn topological(workflow: &Workflow) -> Vec<(&NodeId, &Node)> {
    let mut placed: HashSet<&str> = HashSet::with_capacity(workflow.len());
    let mut entered: HashSet<&str> = HashSet::with_capacity(workflow.len());
    let mut order = Vec::with_capacity(workflow.len());
    for (start, _) in workflow.iter() {
        let mut path = vec![(start.as_str(), false)];
        while let Some((id, expanded)) = path.pop() {
            let Some((id, node)) = workflow.entry(id) else { continue };
            if expanded {
                if placed.insert(id.as_str()) {
                    order.push((id, node));
                }
                continue;
            }
            if !entered.insert(id.as_str()) {
                continue;
            }
            path.push((id.as_str(), true));
            let sources: Vec<&str> = node
                .links()
                .filter_map(|(_, link)| workflow.entry(link.node_id.as_str()))
                .map(|(source, _)| source.as_str())
                .filter(|source| !entered.contains(source))
                .collect();
            path.extend(sources.into_iter().rev().map(|source| (source, false)));
        }
    }
    order
}

/// True when the nodes form a cycle.
pub fn is_cyclic(workflow: &Workflow) -> bool {
    let mut seen: HashSet<&str> = HashSet::with_capacity(workflow.len());
    for (id, node) in topological(workflow) {
        seen.insert(id.as_str());
        let missing = |link: &super::Link| {
            workflow.get(link.node_id.as_str()).is_some() && !seen.contains(link.node_id.as_str())
        };
        if node.links().any(|(_, link)| missing(&link) || link.node_id == *id) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ids(value: &serde_json::Value) -> (Vec<String>, bool) {
        let workflow = Workflow::from_value(value).expect("workflow");
        let order = topological(&workflow).into_iter().map(|(id, _)| id.to_string()).collect();
        (order, is_cyclic(&workflow))
    }

    #[test]
    fn sources_come_first_and_a_good_order_is_kept() {
        let node = |inputs| json!({"class_type": "A", "inputs": inputs});
        let turned = json!({"3": node(json!({"x": ["2", 0], "y": ["1", 0]})), "2": node(json!({"x": ["1", 0]})), "1": node(json!({}))});
        assert_eq!(ids(&turned), (vec!["1".into(), "2".into(), "3".into()], false));
        let good = json!({"9": node(json!({})), "1": node(json!({})), "5": node(json!({"x": ["9", 0]}))});
        assert_eq!(ids(&good), (vec!["9".into(), "1".into(), "5".into()], false));
    }

    #[test]
    fn a_circle_is_seen_and_keeps_all_nodes() {
        let node = |inputs| json!({"class_type": "A", "inputs": inputs});
        let circle = json!({"1": node(json!({"x": ["2", 0]})), "2": node(json!({"x": ["1", 0]}))});
        assert_eq!(ids(&circle), (vec!["2".into(), "1".into()], true));
    }
}
