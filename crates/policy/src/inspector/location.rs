//! The location of a value: its node, and the way to it inside the node.

use super::{class_facts::ClassFacts, classes::Origin, finding::short, inputs::NameFacts};

/// The most characters of a node's name, ways included; a longer one keeps both ends.
const MAX_NAME: usize = 120;
/// The most characters of one key in a way.
const MAX_HOP: usize = 120;

/// The way to a value, built only when something is found there.
#[derive(Clone, Copy)]
pub(super) enum ValuePath<'p> {
    Root(&'p str, NameFacts),
    Key(&'p ValuePath<'p>, &'p str, NameFacts),
    Index(&'p ValuePath<'p>, usize),
}

impl ValuePath<'_> {
    pub(super) fn dotted(&self) -> String {
        match self {
            Self::Root(name, _) => (*name).to_owned(),
            Self::Key(before, name, _) => format!("{}.{name}", before.dotted()),
            Self::Index(before, at) => format!("{}[{at}]", before.dotted()),
        }
    }

    /// Appends the keys and indexes of the way.
    fn hops(&self, hops: &mut Vec<String>) {
        match self {
            Self::Root(name, _) => hops.push(hop(name)),
            Self::Key(before, name, _) => {
                before.hops(hops);
                hops.push(hop(name));
            }
            Self::Index(before, at) => {
                before.hops(hops);
                hops.push(at.to_string());
            }
        }
    }

    /// Returns the innermost name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Root(name, _) | Self::Key(_, name, _) => name,
            Self::Index(before, _) => before.name(),
        }
    }

    /// Returns the name of the input.
    pub(super) fn input(&self) -> &str {
        match self {
            Self::Root(name, _) => name,
            Self::Key(before, ..) | Self::Index(before, _) => before.input(),
        }
    }

    /// Returns the facts about the innermost name.
    pub(super) fn inner(&self) -> &NameFacts {
        match self {
            Self::Root(_, name) | Self::Key(_, _, name) => name,
            Self::Index(before, _) => before.inner(),
        }
    }

    /// Returns the facts about the name of the input.
    pub(super) fn outer(&self) -> &NameFacts {
        match self {
            Self::Root(_, name) => name,
            Self::Key(before, ..) | Self::Index(before, _) => before.outer(),
        }
    }
}

/// The container of a node.
#[derive(Clone, Copy)]
pub(super) enum Parent<'n> {
    /// The workflow itself.
    Workflow,
    /// A graph in a value of another node.
    Graph(&'n Location<'n>, &'n ValuePath<'n>),
    /// A value of another node that is a node itself.
    Value(&'n Location<'n>, &'n ValuePath<'n>),
}

/// A node that is being inspected.
#[derive(Clone, Copy)]
pub(super) struct Location<'n> {
    pub(super) id: &'n str,
    pub(super) parent: Parent<'n>,
    /// True for an entry among nodes that is not a node.
    pub(super) stray: bool,
    pub(super) class: &'n str,
    pub(super) origin: Origin,
    pub(super) class_facts: ClassFacts,
    pub(super) graphs: usize,
}

impl Location<'_> {
    /// Names the node as findings do: `9`, and `9.graph.1` for node 1 of a graph in input `graph` of node 9.
    pub(super) fn name(&self) -> String {
        let name = match self.parent {
            Parent::Workflow => short(self.id),
            Parent::Graph(location, path) => format!("{}.{}", location.inner(path), short(self.id)),
            Parent::Value(location, path) => location.inner(path),
        };
        let length = name.chars().count();
        if length <= MAX_NAME {
            return name;
        }
        let half = MAX_NAME / 2;
        let start: String = name.chars().take(half - 1).collect();
        let end: String = name.chars().skip(length - half).collect();
        format!("{start}…{end}")
    }

    /// Names a value of this node.
    fn inner(&self, path: &ValuePath<'_>) -> String {
        let path = short(&path.dotted());
        match (self.stray, self.parent) {
            // The way to a stray value begins with its own name.
            (true, Parent::Workflow) => path,
            (true, Parent::Graph(location, outer) | Parent::Value(location, outer)) => {
                format!("{}.{path}", location.inner(outer))
            }
            (false, _) => format!("{}.{path}", self.name()),
        }
    }

    /// Lists the keys and indexes that lead to the node in the workflow.
    pub(super) fn way(&self) -> Vec<String> {
        let mut hops = match self.parent {
            Parent::Workflow => Vec::new(),
            Parent::Graph(location, path) | Parent::Value(location, path) => {
                let mut hops = if location.stray { location.way_around() } else { location.way() };
                path.hops(&mut hops);
                hops
            }
        };
        if !matches!(self.parent, Parent::Value(..)) {
            hops.push(hop(self.id));
        }
        hops
    }

    fn way_around(&self) -> Vec<String> {
        let mut way = self.way();
        way.pop();
        way
    }

    /// True for a node of a graph: other nodes may take what it makes.
    pub(super) fn is_in_graph(&self) -> bool {
        !matches!(self.parent, Parent::Value(..))
    }
}

fn hop(name: &str) -> String {
    name.chars().take(MAX_HOP).collect()
}
