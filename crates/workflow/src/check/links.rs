//! Checks links: shape, source, slot and type.

use serde_json::{Value, json};

use super::dynamic::Spec;
use super::{Checker, NodeRef, Problem, ProblemKind};
use crate::Link;

/// True when an output of type `given` may feed an input of type `wanted`: any, or a common member of both unions.
pub(crate) fn types_match(given: &str, wanted: &str) -> bool {
    let open = |ty: &str| matches!(ty, "*" | "COMFY_MATCHTYPE_V3");
    if given == wanted || open(given) || open(wanted) {
        return true;
    }
    given
        .split(',')
        .map(str::trim)
        .any(|g| wanted.split(',').map(str::trim).any(|w| g == w || open(g) || open(w)))
}

impl<'a> Checker<'a> {
    pub(super) fn link(&mut self, entry: NodeRef<'a>, spec: &Spec<'a>, items: &'a [Value]) {
        let name = spec.name();
        let ([Value::String(source), output], true) = (items, items.len() == 2) else {
            self.bad_link(entry, name, items);
            return;
        };
        let Some(node) = self.workflow.get(source) else {
            self.missing_source(entry, name, source, items);
            return;
        };
        let Some((source, _)) = self.workflow.entry(source) else { return };
        self.sources.entry(entry.id.as_str()).or_default().push(source.as_str());
        let Some(class) = self.object_info.and_then(|catalogue| catalogue.get(&node.class_type)) else {
            return;
        };
        let slot = output.as_u64().and_then(|slot| usize::try_from(slot).ok());
        let received = json!([source.as_str(), output]);
        let Some(given) = slot.and_then(|slot| class.outputs.get(slot)) else {
            let have: Vec<String> =
                class.outputs.iter().enumerate().map(|(i, o)| format!("{i} {}", o.ty)).collect();
            let message = format!(
                "`{name}` takes output {output} of node `{source}` ({}), which has {}",
                node.class_type,
                if have.is_empty() {
                    "no outputs".to_owned()
                } else {
                    format!("outputs {}", have.join(", "))
                }
            );
            let problem = Problem::of_node(ProblemKind::SlotOutOfRange, entry, &message);
            self.problems.push(problem.input(name).received(&received).accepted(have));
            return;
        };
        if !types_match(&given.ty, &spec.spec().ty) {
            let message = format!(
                "`{name}` takes {}, but output {output} of node `{source}` ({}) is {}",
                spec.spec().ty,
                node.class_type,
                given.ty
            );
            let problem = Problem::of_node(ProblemKind::ReturnTypeMismatch, entry, &message);
            self.problems.push(problem.input(name).received(&received).accepted(spec.spec().ty.as_str()));
        }
    }

    /// Checks a value without a catalogue: only lists that look like links are judged.
    pub(super) fn shape_only(&mut self, entry: NodeRef<'a>, name: &str, value: &'a Value) {
        let Some(link) = Link::read(value) else { return };
        if let Some((source, _)) = self.workflow.entry(link.node_id.as_str()) {
            self.sources.entry(entry.id.as_str()).or_default().push(source.as_str());
        } else {
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            self.missing_source(entry, name, link.node_id.as_str(), items);
        }
    }

    fn bad_link(&mut self, entry: NodeRef<'a>, name: &str, items: &[Value]) {
        let received = Value::Array(items.to_vec());
        let (kind, message) = match items {
            [Value::Number(id), _] => (
                ProblemKind::MissingNode,
                format!("`{name}` names node {id} as a number; ids are text: [\"{id}\", 0]"),
            ),
            _ => (
                ProblemKind::BadLinkedInput,
                format!(
                    "`{name}` is a list but not a link; a link is [\"node id\", output number], a list value is \
                     {{\"__value__\": […]}}"
                ),
            ),
        };
        let problem = Problem::of_node(kind, entry, &message).input(name);
        self.problems.push(problem.received(&received).accepted(json!(["node_id", 0])));
    }

    fn missing_source(&mut self, entry: NodeRef<'a>, name: &str, source: &str, items: &[Value]) {
        let message = format!("`{name}` takes the output of node `{source}`, which does not exist");
        let problem = Problem::of_node(ProblemKind::MissingNode, entry, &message).input(name);
        self.problems.push(problem.received(&Value::Array(items.to_vec())));
    }
}
