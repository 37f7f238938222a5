//! Pictures followed through a graph: how large and how many each node makes.

use std::cell::RefCell;

use serde_json::Value;

use super::node::{self, Volume, Work};
use crate::inspector::{
    class_facts::{ClassFacts, Map},
    dataflow::{DataFlow, MAX_HOPS, source_of},
};
use comfywarden_error::JsonObject;

/// The most inputs of a node that hands on nothing but a number.
const MAX_SETTINGS: usize = 8;

/// The pictures that the nodes of one graph make.
pub(in crate::inspector) struct Volumes<'a> {
    /// Known volumes by node. `None`: being worked out, so a circle takes its own output.
    known: RefCell<Map<&'a str, Option<Volume>>>,
    /// Pictures that come from files.
    loaded: Volume,
}

impl<'a> Volumes<'a> {
    /// Begins with no node known; pictures that come from files count as `loaded`.
    pub(in crate::inspector) fn new(loaded: Volume) -> Self {
        Self { known: RefCell::default(), loaded }
    }

    /// Works out the pictures that come out of a node, as far as numbers in the graph tell, without recursion.
    pub(in crate::inspector) fn of(&self, flow: &DataFlow<'a>, id: &str) -> Option<Volume> {
        let (id, ..) = flow.node(id)?;
        let mut pending = vec![id];
        while let Some(&id) = pending.last() {
            let state = self.known.borrow().get(id).map(Option::is_some);
            if state == Some(true) {
                pending.pop();
                continue;
            }
            let node = flow.node(id);
            if let (Some((_, _, inputs)), None) = (node, state) {
                self.known.borrow_mut().insert(id, None);
                let before = pending.len();
                let volumes = self.known.borrow();
                let sources = inputs.values().filter_map(source_of);
                pending.extend(sources.filter(|source| !volumes.contains_key(source)));
                if pending.len() > before {
                    continue;
                }
            }
            let volume = node.map_or(Volume::LEAST, |(_, class, inputs)| self.made(flow, class, inputs));
            self.known.borrow_mut().insert(id, Some(volume));
            pending.pop();
        }
        self.known.borrow().get(id).copied().flatten()
    }

    fn made(&self, flow: &DataFlow<'a>, class: &str, inputs: &JsonObject) -> Volume {
        let class = flow.facts.class(class);
        let work = work(flow, class, inputs);
        let mut given = if class.loads_pictures { self.loaded } else { Volume::LEAST };
        let volumes = self.known.borrow();
        for value in inputs.values() {
            let source = source_of(value).and_then(|source| volumes.get(source).copied().flatten());
            given = given.or(source.unwrap_or(Volume::LEAST));
        }
        work.applied_to(given)
    }
}

/// Adds up the work that the numbers of a node ask for.
pub(in crate::inspector) fn work(flow: &DataFlow<'_>, class: ClassFacts, inputs: &JsonObject) -> Work {
    let mut work = Work::new(class.repeats, class.origin);
    if class.is_about_text() {
        return work;
    }
    for (name, value) in inputs {
        work.add(&flow.facts.name(name).amount, || number(flow, value));
    }
    if let Some(factor) = enlargement(flow, inputs) {
        work.enlarge(factor);
    }
    work
}

/// Returns the factor by which a model enlarges the node's pictures.
pub(in crate::inspector) fn enlargement(flow: &DataFlow<'_>, inputs: &JsonObject) -> Option<f64> {
    let model = source_of(inputs.get("upscale_model")?)?;
    let name = flow.node(model).and_then(|(_, _, inputs)| inputs.get("model_name")?.as_str());
    Some(node::enlargement(name.unwrap_or_default()))
}

/// Returns the number in an input, or the one constant at the end of its link.
pub(in crate::inspector) fn number(flow: &DataFlow<'_>, value: &Value) -> Option<f64> {
    if let Some(number) = node::number(value) {
        return Some(number);
    }
    let mut source = source_of(value)?;
    for _ in 0..MAX_HOPS {
        let (_, _, inputs) = flow.node(source).filter(|(_, _, inputs)| inputs.len() <= MAX_SETTINGS)?;
        let mut links = inputs.values().filter_map(source_of);
        let mut numbers = inputs.iter().filter_map(|(name, value)| Some((name, node::number(value)?)));
        match (numbers.next(), numbers.next(), links.next(), links.next()) {
            // What varies at random is bounded by those who use it.
            (Some((name, number)), None, None, None) => {
                let plain = inputs.values().all(|value| !value.is_string() || node::number(value).is_some());
                return Some(number).filter(|_| plain && !name.contains("seed"));
            }
            (None, None, Some(before), None) => source = before,
            _ => return None,
        }
    }
    None
}
