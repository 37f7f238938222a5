//! Matches the nodes of two workflows by the role they play.
//!
//! Every node gets a fingerprint of its surroundings: its class, its sources and its consumers, several
//! links far. Equal fingerprints are paired first; what is left is paired by ever coarser ones, then along
//! the links of pairs that are already known.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::{Link, Node, NodeId, Workflow};

/// The radius of the finest fingerprint, in links.
const MAX_RADIUS: usize = 5;

/// Matches ids of the first workflow with ids of the second.
pub(super) fn pair<'a>(before: &'a Workflow, after: &'a Workflow) -> HashMap<NodeId, &'a NodeId> {
    let mut pairs = Pairs { before, after, matched: HashMap::new(), taken: HashSet::new() };
    let (old, new) = (Surroundings::new(before), Surroundings::new(after));
    for with_values in [true, false] {
        let rounds = old.fingerprints(with_values).into_iter().zip(new.fingerprints(with_values));
        for (was, is) in rounds.collect::<Vec<_>>().iter().rev() {
            if pairs.matched.len() == before.len().min(after.len()) {
                break;
            }
            // Fingerprints without values are weak: only groups of equal size are paired.
            pairs.by_key(
                |id, _| was.get(old.place(id)?).copied(),
                |id, _| is.get(new.place(id)?).copied(),
                with_values,
            );
        }
    }
    pairs.along_links();
    pairs.by_key(
        |id, node| Some((id.to_owned(), node.class_type.clone())),
        |id, node| Some((id.to_owned(), node.class_type.clone())),
        true,
    );
    pairs.by_key(titled, titled, false);
    pairs.by_key(|_, node| Some(node.class_type.clone()), |_, node| Some(node.class_type.clone()), true);
    pairs.along_links();
    pairs.matched
}

fn titled(_: &str, node: &Node) -> Option<(String, String)> {
    Some((node.class_type.clone(), node.title()?.to_owned()))
}

struct Pairs<'a> {
    before: &'a Workflow,
    after: &'a Workflow,
    matched: HashMap<NodeId, &'a NodeId>,
    taken: HashSet<&'a str>,
}

impl<'a> Pairs<'a> {
    fn add(&mut self, old: &NodeId, new: &'a NodeId) {
        if !self.matched.contains_key(old) && self.taken.insert(new.as_str()) {
            self.matched.insert(old.clone(), new);
        }
    }

    /// Pairs free nodes with the same key: groups of one, of equal size, or (`loose`) of any size.
    fn by_key<K: Eq + Hash>(
        &mut self,
        old_key: impl Fn(&str, &Node) -> Option<K>,
        new_key: impl Fn(&str, &Node) -> Option<K>,
        loose: bool,
    ) {
        let (before, after) = (self.before, self.after);
        let mut groups: HashMap<K, (Vec<&'a NodeId>, Vec<&'a NodeId>)> = HashMap::new();
        for (id, node) in before.iter().filter(|(id, _)| !self.matched.contains_key(*id)) {
            if let Some(key) = old_key(id.as_str(), node) {
                groups.entry(key).or_default().0.push(id);
            }
        }
        for (id, node) in after.iter().filter(|(id, _)| !self.taken.contains(id.as_str())) {
            if let Some(key) = new_key(id.as_str(), node) {
                groups.entry(key).or_default().1.push(id);
            }
        }
        let mut found: Vec<(&NodeId, &NodeId)> = Vec::new();
        for (old, new) in groups.into_values() {
            if !loose && old.len() != new.len() {
                continue;
            }
            // Within a group the same id is the best guess, then the order.
            let same: HashSet<&NodeId> = new.iter().copied().collect();
            let shared: HashSet<&NodeId> = old.iter().copied().filter(|id| same.contains(id)).collect();
            found.extend(new.iter().filter(|id| shared.contains(*id)).map(|id| (*id, *id)));
            let rest_old = old.into_iter().filter(|id| !shared.contains(id));
            let rest_new = new.into_iter().filter(|id| !shared.contains(id));
            found.extend(rest_old.zip(rest_new));
        }
        for (old, new) in found {
            self.add(old, new);
        }
    }

    /// Follows the inputs of known pairs: nodes that feed the same input play the same role, and nodes that take the
    /// same output with the same input do so too. Classes may differ.
    fn along_links(&mut self) {
        let mut known: Vec<(NodeId, &'a NodeId)> =
            self.matched.iter().map(|(old, new)| (old.clone(), *new)).collect();
        // The map's own order differs from run to run.
        known.sort();
        let mut open = VecDeque::from(known);
        let (old_consumers, new_consumers) = (consumers(self.before), consumers(self.after));
        while let Some((old, new)) = open.pop_front() {
            let (Some(was), Some(is)) = (self.before.get(old.as_str()), self.after.get(new.as_str())) else {
                continue;
            };
            let mut near: Vec<(NodeId, NodeId)> = Vec::new();
            for (name, link) in was.links() {
                if let Some(other) = is.inputs.get(name).and_then(Link::read)
                    && other.output == link.output
                {
                    near.push((link.node_id, other.node_id));
                }
            }
            if let (Some(was), Some(is)) = (old_consumers.get(old.as_str()), new_consumers.get(new.as_str()))
            {
                let index: HashMap<&(String, u32), &NodeId> =
                    is.iter().map(|(id, place)| (place, *id)).collect();
                let once = |list: &[(&NodeId, (String, u32))], place: &(String, u32)| {
                    list.iter().take(64).filter(|(_, other)| other == place).count() == 1
                };
                for (taker, place) in was.iter().take(64) {
                    if let (Some(other), true, true) = (index.get(place), once(was, place), once(is, place)) {
                        near.push(((*taker).clone(), (*other).clone()));
                    }
                }
            }
            for (old, new) in near {
                let known = self.before.get(old.as_str()).is_none() || self.matched.contains_key(&old);
                let Some((new, _)) = self.after.entry(new.as_str()) else { continue };
                if !known && !self.taken.contains(new.as_str()) && self.alike(&old, new) {
                    self.add(&old, new);
                    open.push_back((old, new));
                }
            }
        }
    }

    /// True for nodes of the same class, or when one could replace the other (they share an input name).
    fn alike(&self, old: &NodeId, new: &NodeId) -> bool {
        let (Some(was), Some(is)) = (self.before.get(old.as_str()), self.after.get(new.as_str())) else {
            return false;
        };
        was.class_type == is.class_type || was.inputs.keys().any(|name| is.inputs.contains_key(name))
    }
}

type Consumers<'a> = HashMap<String, Vec<(&'a NodeId, (String, u32))>>;

/// Lists the consumers of each node's outputs, with the input they use.
fn consumers(workflow: &Workflow) -> Consumers<'_> {
    let mut found: Consumers<'_> = HashMap::new();
    for (id, node) in workflow.iter() {
        for (name, link) in node.links() {
            let place = (name.to_owned(), link.output);
            found.entry(link.node_id.to_string()).or_default().push((id, place));
        }
    }
    found
}

/// A graph by position, with a label on every link, for fingerprints.
struct Surroundings<'a> {
    index: HashMap<&'a str, usize>,
    nodes: Vec<&'a Node>,
    /// The links of each node in both directions: a label, and the node at the other end.
    links: Vec<Vec<(u64, usize)>>,
}

impl<'a> Surroundings<'a> {
    fn new(workflow: &'a Workflow) -> Self {
        let index: HashMap<&str, usize> =
            workflow.iter().enumerate().map(|(place, (id, _))| (id.as_str(), place)).collect();
        let mut links: Vec<Vec<(u64, usize)>> = vec![Vec::new(); workflow.len()];
        for (place, (_, node)) in workflow.iter().enumerate() {
            for (name, link) in node.links() {
                let Some(source) = index.get(link.node_id.as_str()).copied() else { continue };
                let label = hash(&(name, link.output));
                let ends = [(place, label, source), (source, label.rotate_left(1), place)];
                for (here, label, there) in ends {
                    if let Some(links) = links.get_mut(here) {
                        links.push((label, there));
                    }
                }
            }
        }
        Self { index, nodes: workflow.iter().map(|(_, node)| node).collect(), links }
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// Computes fingerprints of every node by radius: index 0 is the class (and values) alone.
    fn fingerprints(&self, with_values: bool) -> Vec<Vec<u64>> {
        let mut rounds = vec![self.nodes.iter().map(|node| own(node, with_values)).collect::<Vec<u64>>()];
        for _ in 0..MAX_RADIUS {
            let Some(last) = rounds.last() else { break };
            let of = |place: usize| last.get(place).copied().unwrap_or_default();
            let next = self.links.iter().enumerate().map(|(place, links)| {
                let mut near: Vec<u64> =
                    links.iter().map(|(label, there)| hash(&(label, of(*there)))).collect();
                near.sort_unstable();
                hash(&(of(place), near))
            });
            let next = next.collect();
            rounds.push(next);
        }
        rounds
    }
}

/// Hashes a node by itself: its class and, if wanted, its values.
fn own(node: &Node, with_values: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.class_type.hash(&mut hasher);
    if with_values {
        let mut inputs: Vec<(&String, Option<&Value>)> = node
            .inputs
            .iter()
            .map(|(name, value)| (name, Link::read(value).is_none().then_some(value)))
            .collect();
        inputs.sort_unstable_by_key(|(name, _)| *name);
        for (name, value) in inputs {
            name.hash(&mut hasher);
            value.map(ToString::to_string).hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
