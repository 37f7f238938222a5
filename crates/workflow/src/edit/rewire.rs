//! Operations that move links from one node to another.

use serde_json::Value;

use super::ChangeKind;
use super::apply::Editor;
use super::operation::Operation;
use crate::check::{dynamic, links};
use crate::object_info::NodeClass;
use crate::{Error, Link, NodeId, Result, Workflow, nearest};
use comfywarden_error::JsonObject;

impl Editor<'_> {
    pub(super) fn insert_subgraph(
        &mut self,
        label: Option<&str>,
        nodes: &Workflow,
        node_id: Option<&str>,
    ) -> Result<()> {
        let prefix = node_id.map_or_else(|| self.next_prefix(), str::to_owned);
        let renamed = |id: &NodeId| format!("{prefix}:{id}");
        // All nodes first, so that links among them find their target whatever the order.
        for (id, node) in nodes.iter() {
            let id = self.add_node(&node.class_type, Some(&renamed(id)), JsonObject::new())?;
            if let Some(added) = self.workflow.get_mut(&id) {
                added.meta.clone_from(&node.meta);
                if let (None, Some(label)) = (&added.meta, label) {
                    let title = Value::from(format!("{label}: {}", node.class_type));
                    added.meta = Some(std::iter::once(("title".to_owned(), title)).collect());
                }
            }
        }
        for (id, node) in nodes.iter() {
            let id = renamed(id);
            for (name, value) in &node.inputs {
                let inner = Link::read(value).filter(|link| nodes.get(link.node_id.as_str()).is_some());
                let value = inner.map_or_else(
                    || value.clone(),
                    |link| Link { node_id: renamed(&link.node_id).into(), ..link }.to_value(),
                );
                self.check_input(&id, name, &value)?;
                self.put(&id, name, value);
            }
        }
        Ok(())
    }

    fn next_prefix(&self) -> String {
        let numbers = self
            .workflow
            .iter()
            .filter_map(|(id, _)| id.as_str().split(':').next().and_then(|first| first.parse::<u64>().ok()));
        numbers.max().unwrap_or(0).saturating_add(1).to_string()
    }

    pub(super) fn replace_node(&mut self, id: &str, class_type: &str, inputs: &JsonObject) -> Result<()> {
        let old = self.node(id)?.clone();
        let old_class = self.class_of(id);
        let class = self.class(class_type)?;
        let consumers = self.consumers(id);
        if let Some(node) = self.workflow.get_mut(id) {
            class_type.clone_into(&mut node.class_type);
            node.inputs.clear();
        }
        self.note(ChangeKind::NodeReplaced, id, |change| change.class_type = Some(class_type.to_owned()));
        for (name, value) in &old.inputs {
            if inputs.contains_key(name) {
                continue;
            }
            if self.check_input(id, name, value).is_ok() {
                self.put(id, name, value.clone());
            } else {
                self.drop_input(id, name, Some(value.clone()));
            }
        }
        for (name, value) in inputs {
            self.check_input(id, name, value)?;
            self.put(id, name, value.clone());
        }
        let Some(class) = class else { return Ok(()) };
        for (consumer, input, link) in consumers {
            let kind = old_class.and_then(|old| output_type(old, link.output));
            let output = same_output(class, link.output, kind).ok_or_else(|| {
                Error::new(format!(
                    "`{input}` of node `{consumer}` takes {} from node `{id}`, which `{class_type}` does not give",
                    kind.unwrap_or("a value")
                ))
                .hint("disconnect that input first")
                .node(id)
            })?;
            let moved = Link { output, ..link.clone() }.to_value();
            self.check_input(&consumer, &input, &moved)?;
            if output != link.output {
                self.rewired(&consumer, &input, &link, moved);
            }
        }
        Ok(())
    }

    fn rewired(&mut self, consumer: &str, input: &str, before: &Link, after: Value) {
        self.put(consumer, input, after.clone());
        self.note_input(ChangeKind::InputConnected, consumer, input, [Some(before.to_value()), Some(after)]);
    }

    pub(super) fn insert_between(&mut self, operation: &Operation) -> Result<()> {
        let Operation::InsertBetween { to_node, to_input, class_type, node_id, inputs, input_name, output } =
            operation
        else {
            return Ok(());
        };
        let consumer = self.node(to_node)?;
        let Some(link) = consumer.inputs.get(to_input).and_then(Link::read) else {
            let linked: Vec<&str> = consumer.links().map(|(name, _)| name).collect();
            return Err(Error::new(format!("`{to_input}` of node `{to_node}` is not linked"))
                .hint(format!("its linked inputs: {}", nearest::list(&linked, 40)))
                .node(to_node.as_str()));
        };
        self.node(link.node_id.as_str())?;
        let id = self.add_node(class_type, node_id.as_deref(), inputs.clone())?;
        let entry = match input_name {
            Some(name) => name.clone(),
            None => self.entry_for(&id, &link)?,
        };
        let exit = match (output, self.class_of(&id)) {
            (Some(slot), _) => self.output(&id, slot)?,
            (None, None) => 0,
            (None, Some(class)) => {
                let wanted = self.class_of(to_node).and_then(|consumer| consumer.input(to_input));
                let fits = |ty: &str| wanted.is_none_or(|wanted| links::types_match(ty, &wanted.ty));
                let at = class.outputs.iter().position(|output| fits(&output.ty));
                at.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| {
                    Error::new(format!(
                        "`{class_type}` gives nothing that `{to_input}` of node `{to_node}` takes"
                    ))
                    .node(to_node.as_str())
                })?
            }
        };
        self.connect(&link, &id, &entry)?;
        self.connect(&Link { node_id: id.into(), output: exit }, to_node, to_input)
    }

    /// Finds the input of a new node that accepts the type of `link`.
    fn entry_for(&self, id: &str, link: &Link) -> Result<String> {
        let (Some(class), Some(node)) = (self.class_of(id), self.workflow.get(id)) else {
            return Err(Error::new("without the server's node catalogue the input has to be named")
                .hint("give `input_name`, the input of the new node that takes the link"));
        };
        let given = self.class_of(link.node_id.as_str()).and_then(|class| output_type(class, link.output));
        let specs = dynamic::specs(class, &node.inputs);
        let open = specs.iter().filter(|spec| !node.inputs.contains_key(spec.name()));
        let fits = |ty: &str| given.is_none_or(|given| links::types_match(given, ty));
        let found = open.clone().find(|spec| given == Some(spec.spec().ty.as_str()));
        let found = found
            .or_else(|| open.clone().find(|spec| spec.spec().choices.is_none() && fits(&spec.spec().ty)));
        found.map(|spec| spec.name().to_owned()).ok_or_else(|| {
            Error::new(format!("`{}` has no free input for {}", class.name, given.unwrap_or("this link")))
                .hint("give `input_name`")
        })
    }

    pub(super) fn bypass(&mut self, id: &str) -> Result<()> {
        let node = self.node(id)?.clone();
        let class = self.class_of(id);
        let given: Vec<(String, Link)> = node.links().map(|(name, link)| (name.to_owned(), link)).collect();
        for (consumer, input, link) in self.consumers(id) {
            let way = match class {
                Some(class) => passage(class, &given, link.output),
                None => match given.as_slice() {
                    [(_, only)] => Some(only.clone()),
                    _ => None,
                },
            };
            match way {
                Some(way) => {
                    let value = way.to_value();
                    self.check_input(&consumer, &input, &value)?;
                    self.rewired(&consumer, &input, &link, value);
                }
                None if self.is_optional(&consumer, &input) => {
                    self.drop_input(&consumer, &input, Some(link.to_value()));
                }
                None => {
                    return Err(Error::new(format!(
                        "node `{id}` ({}) has no linked input that could feed `{input}` of node `{consumer}`",
                        node.class_type
                    ))
                    .hint("connect that input to another node first, or use remove_node")
                    .node(id));
                }
            }
        }
        self.workflow.remove(id);
        self.note(ChangeKind::NodeRemoved, id, |change| change.class_type = Some(node.class_type));
        Ok(())
    }

    fn is_optional(&self, id: &str, input: &str) -> bool {
        self.class_of(id).and_then(|class| class.input(input)).is_some_and(|input| !input.required)
    }
}

fn output_type(class: &NodeClass, output: u32) -> Option<&str> {
    class.outputs.get(usize::try_from(output).ok()?).map(|output| output.ty.as_str())
}

/// Finds the output of `class` with the old type: the same number if it fits, otherwise the first that does.
fn same_output(class: &NodeClass, output: u32, kind: Option<&str>) -> Option<u32> {
    let Some(kind) = kind else { return output_type(class, output).map(|_| output) };
    if output_type(class, output).is_some_and(|ty| links::types_match(ty, kind)) {
        return Some(output);
    }
    let at = class.outputs.iter().position(|candidate| links::types_match(&candidate.ty, kind))?;
    u32::try_from(at).ok()
}

/// Finds the input that replaces output `output` of a bypassed node: the one at the same index, or the first of
/// the same type.
fn passage(class: &NodeClass, given: &[(String, Link)], output: u32) -> Option<Link> {
    let kind = output_type(class, output)?;
    let sockets: Vec<_> =
        class.inputs.iter().filter(|input| given.iter().any(|(name, _)| *name == input.name)).collect();
    let same_place = usize::try_from(output).ok().and_then(|at| class.inputs.get(at));
    let same_place =
        same_place.filter(|input| input.ty == kind && sockets.iter().any(|s| s.name == input.name));
    let same_type = sockets.iter().copied().find(|input| input.ty == kind);
    let chosen = same_place
        .or(same_type)
        .or_else(|| sockets.iter().copied().find(|input| links::types_match(kind, &input.ty)))?;
    given.iter().find(|(name, _)| *name == chosen.name).map(|(_, link)| link.clone())
}
