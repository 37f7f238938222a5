//! Runs operations one by one.

use std::collections::HashMap;

use serde_json::Value;

use super::operation::{Operation, Slot};
use super::{Change, ChangeKind};
use crate::check::{cycles, dynamic, links};
use crate::graph::MAX_NODES;
use crate::object_info::NodeClass;
use crate::{Error, Link, Node, ObjectInfo, Result, Workflow, nearest};
use comfywarden_error::JsonObject;

/// A workflow under change.
pub(super) struct Editor<'a> {
    pub(super) workflow: Workflow,
    pub(super) changes: Vec<Change>,
    pub(super) object_info: Option<&'a ObjectInfo>,
    operation: usize,
    /// The operation that last gave a node links, by node.
    touched: HashMap<String, usize>,
}

impl<'a> Editor<'a> {
    pub(super) fn new(workflow: Workflow, object_info: Option<&'a ObjectInfo>) -> Self {
        Self { workflow, changes: Vec::new(), object_info, operation: 0, touched: HashMap::new() }
    }

    pub(super) fn begin(&mut self, operation: usize) {
        self.operation = operation;
    }

    pub(super) fn run(&mut self, operation: &Operation) -> Result<()> {
        match operation {
            Operation::AddNode { class_type, node_id, inputs } => {
                self.add_node(class_type, node_id.as_deref(), inputs.clone()).map(|_| ())
            }
            Operation::RemoveNode { node_id } => self.remove_node(node_id),
            Operation::SetInput { node_id, input_name, value } => self.set_input(node_id, input_name, value),
            Operation::Connect { from_node, from_output, to_node, to_input } => {
                let output = self.output(from_node, from_output)?;
                let link = Link { node_id: from_node.as_str().into(), output };
                self.connect(&link, to_node, to_input)
            }
            Operation::Disconnect { node_id, input_name } => self.disconnect(node_id, input_name),
            Operation::InsertSubgraph { class_type, subgraph_nodes, node_id } => {
                self.insert_subgraph(class_type.as_deref(), subgraph_nodes, node_id.as_deref())
            }
            Operation::ReplaceNode { node_id, class_type, inputs } => {
                self.replace_node(node_id, class_type, inputs)
            }
            Operation::InsertBetween { .. } => self.insert_between(operation),
            Operation::Bypass { node_id } => self.bypass(node_id),
        }
    }

    /// Finds the first link to a missing node that operation `index` left behind.
    pub(super) fn dangling(&self, index: usize) -> Option<Error> {
        let touched = self.touched.iter().filter(|(_, at)| **at == index);
        touched.filter_map(|(id, _)| Some((id, self.workflow.get(id)?))).find_map(|(id, node)| {
            let (input, link) =
                node.links().find(|(_, link)| self.workflow.get(link.node_id.as_str()).is_none())?;
            Some(
                Error::new(format!(
                    "input `{input}` of node `{id}` takes the output of node `{}`, which does not exist",
                    link.node_id
                ))
                .node(id.as_str()),
            )
        })
    }

    pub(super) fn note(&mut self, change: ChangeKind, node_id: &str, fill: impl FnOnce(&mut Change)) {
        let mut change = Change {
            operation: self.operation,
            change,
            node_id: node_id.to_owned(),
            class_type: None,
            input: None,
            before: None,
            after: None,
        };
        fill(&mut change);
        self.changes.push(change);
    }

    /// Records a value that an input got.
    pub(super) fn note_input(&mut self, kind: ChangeKind, id: &str, input: &str, values: [Option<Value>; 2]) {
        let [before, after] = values;
        self.note(kind, id, |change| {
            change.input = Some(input.to_owned());
            (change.before, change.after) = (before, after);
        });
    }

    pub(super) fn node(&self, id: &str) -> Result<&Node> {
        self.workflow.get(id).ok_or_else(|| {
            let ids = self.workflow.iter().map(|(id, _)| id.as_str());
            let near = nearest::did_you_mean(id, ids).map(|text| format!("; {text}")).unwrap_or_default();
            let all: Vec<&str> = self.workflow.iter().map(|(id, _)| id.as_str()).collect();
            Error::new(format!("no node `{id}`{near}"))
                .hint(format!("node ids: {}", nearest::list(&all, 40)))
                .node(id)
        })
    }

    /// Returns the class, if there is a catalogue; a class that it lacks is an error.
    pub(super) fn class(&self, class_type: &str) -> Result<Option<&'a NodeClass>> {
        let Some(catalogue) = self.object_info else { return Ok(None) };
        catalogue.get(class_type).map(Some).ok_or_else(|| {
            let names = catalogue.names().iter().map(String::as_str);
            let near = nearest::did_you_mean(class_type, names).map(|text| format!("; {text}"));
            Error::new(format!("this ComfyUI has no class `{class_type}`{}", near.unwrap_or_default()))
        })
    }

    /// Returns the class of an existing node; nodes of unknown classes are left unchecked.
    pub(super) fn class_of(&self, id: &str) -> Option<&'a NodeClass> {
        self.object_info?.get(&self.workflow.get(id)?.class_type)
    }

    pub(super) fn add_node(
        &mut self,
        class_type: &str,
        node_id: Option<&str>,
        inputs: JsonObject,
    ) -> Result<String> {
        self.class(class_type)?;
        if self.workflow.len() >= MAX_NODES {
            return Err(Error::new(format!("the workflow has {MAX_NODES} nodes already, which is the most")));
        }
        let id = match node_id {
            Some(id) if self.workflow.get(id).is_some() => {
                return Err(Error::new(format!("a node `{id}` exists already"))
                    .hint("leave node_id out to get a free one, or use replace_node"));
            }
            Some(id) => id.to_owned(),
            None => self.free_id(),
        };
        self.workflow.insert(id.as_str(), Node::new(class_type, JsonObject::new()));
        self.note(ChangeKind::NodeAdded, &id, |change| change.class_type = Some(class_type.to_owned()));
        for (name, value) in inputs {
            let value = self.normalised(value);
            self.check_input(&id, &name, &value)?;
            self.put(&id, &name, value);
        }
        Ok(id)
    }

    /// Writes an input without a record of its own.
    pub(super) fn put(&mut self, id: &str, name: &str, value: Value) -> Option<Value> {
        if Link::read(&value).is_some() {
            self.touched.insert(id.to_owned(), self.operation);
        }
        self.workflow.get_mut(id)?.inputs.insert(name.to_owned(), value)
    }

    /// Replaces the number in a link to an existing node by its id as text.
    fn normalised(&self, value: Value) -> Value {
        let Some([Value::Number(id), Value::Number(output)]) = value.as_array().map(Vec::as_slice) else {
            return value;
        };
        let id = id.to_string();
        if self.workflow.get(&id).is_some() {
            Value::Array(vec![id.into(), output.clone().into()])
        } else {
            value
        }
    }

    fn free_id(&self) -> String {
        let highest = self.workflow.iter().filter_map(|(id, _)| id.as_str().parse::<u64>().ok()).max();
        match highest.unwrap_or(0).checked_add(1) {
            Some(next) => next.to_string(),
            None => (1..=u64::MAX)
                .map(|n| n.to_string())
                .find(|id| self.workflow.get(id).is_none())
                .unwrap_or_default(),
        }
    }

    fn remove_node(&mut self, id: &str) -> Result<()> {
        let class_type = self.node(id)?.class_type.clone();
        for (consumer, input, link) in self.consumers(id) {
            self.drop_input(&consumer, &input, Some(link.to_value()));
        }
        self.workflow.remove(id);
        self.note(ChangeKind::NodeRemoved, id, |change| change.class_type = Some(class_type));
        Ok(())
    }

    /// Lists the inputs that take an output of `id`.
    pub(super) fn consumers(&self, id: &str) -> Vec<(String, String, Link)> {
        let mut found = Vec::new();
        for (consumer, node) in self.workflow.iter() {
            for (input, link) in node.links().filter(|(_, link)| link.node_id.as_str() == id) {
                found.push((consumer.as_str().to_owned(), input.to_owned(), link));
            }
        }
        found
    }

    pub(super) fn drop_input(&mut self, id: &str, input: &str, before: Option<Value>) {
        if let Some(node) = self.workflow.get_mut(id) {
            node.inputs.shift_remove(input);
        }
        self.note_input(ChangeKind::InputRemoved, id, input, [before, None]);
    }

    fn set_input(&mut self, id: &str, name: &str, value: &Value) -> Result<()> {
        self.node(id)?;
        let value = self.normalised(value.clone());
        if let Some(link) = Link::read(&value) {
            return self.connect(&link, id, name);
        }
        self.check_input(id, name, &value)?;
        let before = self.put(id, name, value.clone());
        self.note_input(ChangeKind::InputSet, id, name, [before, Some(value)]);
        Ok(())
    }

    fn disconnect(&mut self, id: &str, name: &str) -> Result<()> {
        let inputs = &self.node(id)?.inputs;
        let Some(before) = inputs.get(name).cloned() else {
            let names: Vec<&str> = inputs.keys().map(String::as_str).collect();
            let near = nearest::did_you_mean(name, names.iter().copied());
            let near = near.map(|text| format!("; {text}")).unwrap_or_default();
            return Err(Error::new(format!("node `{id}` has no input `{name}`{near}"))
                .hint(format!("its inputs: {}", nearest::list(&names, 40)))
                .node(id));
        };
        self.drop_input(id, name, Some(before));
        Ok(())
    }

    pub(super) fn connect(&mut self, link: &Link, to: &str, input: &str) -> Result<()> {
        self.node(link.node_id.as_str())?;
        self.node(to)?;
        let value = link.to_value();
        self.check_input(to, input, &value)?;
        if self.feeds(to, link.node_id.as_str()) {
            return Err(Error::new(format!(
                "linking node `{}` to `{input}` of node `{to}` would make nodes feed each other in a circle",
                link.node_id
            ))
            .node(to));
        }
        let before = self.put(to, input, value.clone());
        self.note_input(ChangeKind::InputConnected, to, input, [before, Some(value)]);
        Ok(())
    }

    /// True when `node` gets something from `source`, directly or not, or is the same.
    fn feeds(&self, source: &str, node: &str) -> bool {
        let sources: HashMap<&str, Vec<&str>> = self
            .workflow
            .iter()
            .map(|(id, node)| {
                let links = node.links().filter_map(|(_, link)| self.workflow.entry(link.node_id.as_str()));
                (id.as_str(), links.map(|(id, _)| id.as_str()).collect())
            })
            .collect();
        let Some((start, _)) = self.workflow.entry(node) else { return false };
        cycles::reach(&[start.as_str()], |id| sources.get(id).map_or(&[][..], Vec::as_slice)).contains(source)
    }

    /// Returns the number of an output and checks with the catalogue that it exists.
    pub(super) fn output(&self, id: &str, slot: &Slot) -> Result<u32> {
        let node = self.node(id)?;
        let class = self.class_of(id);
        let listed = |class: &NodeClass| {
            let names: Vec<String> =
                class.outputs.iter().enumerate().map(|(i, output)| format!("{i} {}", output.name)).collect();
            format!("its outputs: {}", nearest::list(&names, 40))
        };
        match (slot, class) {
            (Slot::Index(index), None) => Ok(*index),
            (Slot::Index(index), Some(class))
                if usize::try_from(*index).is_ok_and(|i| i < class.outputs.len()) =>
            {
                Ok(*index)
            }
            (Slot::Index(index), Some(class)) => {
                Err(Error::new(format!("node `{id}` ({}) has no output {index}", node.class_type))
                    .hint(listed(class))
                    .node(id))
            }
            (Slot::Name(name), Some(class)) => {
                let same = |text: &str| text.eq_ignore_ascii_case(name);
                let at = class.outputs.iter().position(|o| same(&o.name));
                let at = at.or_else(|| class.outputs.iter().position(|o| same(&o.ty)));
                at.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| {
                    Error::new(format!("node `{id}` ({}) has no output `{name}`", node.class_type))
                        .hint(listed(class))
                        .node(id)
                })
            }
            (Slot::Name(name), None) => Err(Error::new(format!(
                "output `{name}` of node `{id}` cannot be found by name without the server's node catalogue"
            ))
            .hint("give the output's number, from 0")
            .node(id)),
        }
    }

    /// Checks an input against the catalogue: it exists, and a link has the type it takes.
    pub(super) fn check_input(&self, id: &str, name: &str, value: &Value) -> Result<()> {
        let (Some(class), Some(node)) = (self.class_of(id), self.workflow.get(id)) else { return Ok(()) };
        let mut inputs = node.inputs.clone();
        inputs.insert(name.to_owned(), value.clone());
        let specs = dynamic::specs(class, &inputs);
        let Some(spec) = specs.iter().find(|spec| spec.name() == name) else {
            let names: Vec<&str> = specs.iter().map(dynamic::Spec::name).collect();
            let near = nearest::did_you_mean(name, names.iter().copied());
            let near = near.map(|text| format!("; {text}")).unwrap_or_default();
            return Err(Error::new(format!("class `{}` has no input `{name}`{near}", class.name))
                .hint(format!("its inputs: {}", nearest::list(&names, 40)))
                .node(id));
        };
        let Some(link) = Link::read(value) else { return Ok(()) };
        let from = link.node_id.as_str();
        let Some(source) = self.class_of(from) else { return Ok(()) };
        self.output(from, &Slot::Index(link.output))?;
        let given = usize::try_from(link.output).ok().and_then(|at| source.outputs.get(at));
        match given {
            Some(given) if !links::types_match(&given.ty, &spec.spec().ty) => Err(Error::new(format!(
                "`{name}` of node `{id}` ({}) takes {}, but output {} of node `{from}` ({}) is {}",
                class.name,
                spec.spec().ty,
                link.output,
                source.name,
                given.ty
            ))
            .node(id)),
            _ => Ok(()),
        }
    }
}
