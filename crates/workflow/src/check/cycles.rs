//! Cycles and reachability in a graph.

use std::collections::{HashMap, HashSet};

use super::{Checker, NodeRef, Problem, ProblemKind};

/// The most cycles that are reported.
const MAX_CYCLES: usize = 10;

/// Returns all nodes that can be reached from `starts`, those included.
pub(crate) fn reach<'a, 'e>(starts: &[&'a str], edges: impl Fn(&str) -> &'e [&'a str]) -> HashSet<&'a str>
where
    'a: 'e,
{
    let mut seen: HashSet<&str> = starts.iter().copied().collect();
    let mut open: Vec<&str> = starts.to_vec();
    while let Some(id) = open.pop() {
        open.extend(edges(id).iter().copied().filter(|next| seen.insert(next)));
    }
    seen
}

/// Finds up to `limit` cycles, each as the ids along it. Visits every node and edge once.
pub(crate) fn find<'a>(
    nodes: impl Iterator<Item = &'a str>,
    edges: &HashMap<&'a str, Vec<&'a str>>,
    limit: usize,
) -> Vec<Vec<&'a str>> {
    let next_of = |id: &str| edges.get(id).map_or(&[][..], Vec::as_slice);
    let mut done: HashSet<&str> = HashSet::new();
    let mut found = Vec::new();
    for start in nodes {
        if done.contains(start) {
            continue;
        }
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        let mut on_path: HashMap<&str, usize> = HashMap::from([(start, 0)]);
        while let Some((id, at)) = path.last_mut() {
            let Some(next) = next_of(id).get(*at).copied() else {
                on_path.remove(id);
                done.insert(id);
                path.pop();
                continue;
            };
            *at += 1;
            match on_path.get(next) {
                Some(from) if found.len() < limit => {
                    found.push(path.iter().skip(*from).map(|(id, _)| *id).collect());
                }
                Some(_) => {}
                None if done.contains(next) => {}
                None => {
                    on_path.insert(next, path.len());
                    path.push((next, 0));
                }
            }
        }
    }
    found
}

pub(super) fn check(checker: &mut Checker<'_>) {
    let ids = checker.workflow.iter().map(|(id, _)| id.as_str());
    let cycles = find(ids, &checker.sources, MAX_CYCLES);
    for cycle in cycles {
        let Some((id, node)) = cycle.first().and_then(|id| checker.workflow.entry(id)) else { continue };
        let shown: Vec<&str> = cycle.iter().take(12).copied().collect();
        let more = if cycle.len() > shown.len() { " ← …" } else { "" };
        let message = format!(
            "the nodes feed each other in a circle: {}{more} ← {id}; cut one of these links",
            shown.join(" ← ")
        );
        checker.problems.push(Problem::of_node(ProblemKind::DependencyCycle, NodeRef { id, node }, &message));
    }
}
