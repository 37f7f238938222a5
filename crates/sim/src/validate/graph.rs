//! A whole prompt: its classes, its outputs, and every node they need.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{
    inputs::Spec,
    report::{Refused, error, traced},
    types,
};
use crate::{
    nodes::find_input,
    server::{Server, lock},
};
use comfywarden_error::JsonObject;

/// Python gives up at about this depth.
const MAX_DEPTH: usize = 900;

/// A prompt that may run.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The prompt with its values converted to their types.
    pub(crate) prompt: JsonObject,
    /// The output nodes that passed.
    pub(crate) outputs: Vec<String>,
    /// Errors of the other outputs.
    pub(crate) node_errors: Value,
}

/// Checks a prompt the way `POST /prompt` does.
pub(crate) fn validate(
    server: &Server,
    prompt: JsonObject,
    targets: Option<&[Value]>,
) -> Result<Accepted, Box<Refused>> {
    let outputs = find_outputs(server, &prompt, targets)?;
    if outputs.is_empty() {
        return Err(Refused::with_error(error("prompt_no_outputs", "Prompt has no outputs", "", json!({}))));
    }
    let mut check = Check { server, prompt, specs: HashMap::new(), results: IndexMap::new() };
    let mut node_errors = JsonObject::new();
    let (mut good, mut details) = (Vec::new(), Vec::new());
    for output in outputs {
        let passed = match check.node(&output, 0) {
            Ok(passed) => passed,
            Err(exception) => {
                check
                    .results
                    .insert(output.clone(), Checked { valid: false, errors: vec![exception.outermost()] });
                false
            }
        };
        if passed {
            good.push(output);
            continue;
        }
        let own = check.results.get(&output).map(|checked| checked.errors.as_slice()).unwrap_or_default();
        details.extend(own.iter().map(|error| {
            let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", text("message"), text("details"))
        }));
        check.report(&output, &mut node_errors);
    }
    if good.is_empty() {
        let error = error(
            "prompt_outputs_failed_validation",
            "Prompt outputs failed validation",
            &details.join("\n"),
            json!({}),
        );
        return Err(Box::new(Refused { error, node_errors: Value::Object(node_errors) }));
    }
    Ok(Accepted { prompt: check.prompt, outputs: good, node_errors: Value::Object(node_errors) })
}

fn find_outputs(
    server: &Server,
    prompt: &JsonObject,
    targets: Option<&[Value]>,
) -> Result<Vec<String>, Box<Refused>> {
    let mut outputs = Vec::new();
    for (id, node) in prompt {
        let class = node.get("class_type").and_then(Value::as_str);
        let known = class.filter(|class| server.catalogue.raw(class).is_some());
        let Some(class) = known else { return Err(Refused::with_error(missing_class(id, node, class))) };
        let wanted = targets.is_none_or(|targets| targets.iter().any(|target| target == id.as_str()));
        if wanted && server.catalogue.is_output(class) {
            outputs.push(id.clone());
        }
    }
    Ok(outputs)
}

fn missing_class(id: &str, node: &Value, class: Option<&str>) -> Value {
    let title = node.pointer("/_meta/title").and_then(Value::as_str).or(class);
    let message = match class {
        Some(class) => {
            format!("Node '{}' not found. The custom node may not be installed.", title.unwrap_or(class))
        }
        None => {
            format!(
                "Node 'ID #{id}' has no class_type. The workflow may be corrupted or a custom node is missing."
            )
        }
    };
    error(
        "missing_node_type",
        &message,
        &format!("Node ID '#{id}'"),
        json!({"node_id": id, "class_type": class, "node_title": title}),
    )
}

/// Findings about a node so far.
#[derive(Debug, Default)]
struct Checked {
    valid: bool,
    errors: Vec<Value>,
}

/// A Python exception on its way up.
#[derive(Debug)]
struct Exception {
    kind: &'static str,
    message: String,
    line: u32,
}

impl Exception {
    /// Reported by the check of an output node.
    fn outermost(&self) -> Value {
        error(
            "exception_during_validation",
            "Exception when validating node",
            &self.message,
            json!({
                "exception_type": self.kind,
                "traceback": [traced(1069, "validate_prompt"), traced(self.line, "validate_inputs")],
            }),
        )
    }

    /// Reported by the node whose input leads to the one that raised.
    fn inner(&self, spec: &Spec, link: &Value) -> Value {
        error(
            "exception_during_inner_validation",
            "Exception when validating inner node",
            &self.message,
            json!({
                "input_name": spec.name,
                "input_config": spec.config,
                "exception_message": self.message,
                "exception_type": self.kind,
                "traceback": [traced(852, "validate_inputs"), traced(self.line, "validate_inputs")],
                "linked_node": link,
            }),
        )
    }
}

struct Check<'a> {
    server: &'a Server,
    prompt: JsonObject,
    specs: HashMap<String, Vec<Spec>>,
    results: IndexMap<String, Checked>,
}

impl Check<'_> {
    fn class(&self, id: &str) -> Option<String> {
        self.prompt.get(id)?.get("class_type")?.as_str().map(str::to_owned)
    }

    fn specs(&mut self, class: &str) -> Vec<Spec> {
        if let Some(specs) = self.specs.get(class) {
            return specs.clone();
        }
        let specs = self.server.class(class).map(|entry| Spec::all(&entry)).unwrap_or_default();
        self.specs.insert(class.to_owned(), specs.clone());
        specs
    }

    /// Checks a node and all it needs. True when everything is right.
    fn node(&mut self, id: &str, depth: usize) -> Result<bool, Exception> {
        if let Some(checked) = self.results.get(id) {
            return Ok(checked.valid);
        }
        // Until it is through the node counts as wrong, so that a cycle ends and has no error of its own.
        self.results.insert(id.to_owned(), Checked::default());
        if depth > MAX_DEPTH {
            return Ok(false);
        }
        let class = self.class(id).unwrap_or_default();
        let given =
            self.prompt.get(id).and_then(|node| node.get("inputs")).and_then(Value::as_object).cloned();
        let Some(given) = given else {
            self.results.shift_remove(id);
            return Err(Exception { kind: "KeyError", message: "'inputs'".into(), line: 769 });
        };
        let mut checked = Checked { valid: true, errors: Vec::new() };
        for spec in self.specs(&class) {
            match given.get(&spec.name) {
                None if spec.required && !is_dynamic(&spec) => checked.errors.push(spec.missing()),
                None => {}
                Some(Value::Array(link)) => {
                    let outcome = self.link(&spec, link, depth);
                    match outcome {
                        Ok(Ok(valid)) => checked.valid &= valid,
                        Ok(Err(error)) => checked.errors.push(error),
                        Err(exception) => {
                            self.results.shift_remove(id);
                            return Err(exception);
                        }
                    }
                }
                Some(value) => checked.errors.extend(self.value(id, &class, &spec, value.clone())),
            }
        }
        if checked.errors.is_empty() {
            checked.errors.extend(self.custom(&class, id));
        }
        checked.valid &= checked.errors.is_empty();
        let valid = checked.valid;
        // Errors that a failing child left here stand before this node's own result.
        self.results.shift_remove(id);
        self.results.insert(id.to_owned(), checked);
        Ok(valid)
    }

    /// Checks a link: its shape, its type, then the node behind it.
    fn link(&mut self, spec: &Spec, link: &[Value], depth: usize) -> Result<Result<bool, Value>, Exception> {
        let value = Value::Array(link.to_vec());
        let [from, slot] = link else { return Ok(Err(spec.bad_link(&value))) };
        let missing = |shown| Exception { kind: "KeyError", message: shown, line: 832 };
        let id = from.as_str().ok_or_else(|| missing(crate::python::repr(from)))?;
        let class = self.class(id).ok_or_else(|| missing(crate::python::repr(from)))?;
        let outputs = self.server.catalogue.outputs(&class);
        let received =
            types::index(outputs, slot).map_err(|(kind, message)| Exception { kind, message, line: 834 })?;
        if !types::fits(received, &spec.kind) {
            let details = format!(
                "{}, received_type({}) mismatch input_type({})",
                spec.name,
                types::name(received),
                types::name(&spec.kind)
            );
            let extra = json!({
                "input_name": spec.name, "input_config": spec.config, "received_type": received,
                "linked_node": value,
            });
            return Ok(Err(error(
                "return_type_mismatch",
                "Return type mismatch between linked nodes",
                &details,
                extra,
            )));
        }
        match self.node(id, depth + 1) {
            Ok(valid) => Ok(Ok(valid)),
            Err(exception) => {
                let errors = vec![exception.inner(spec, &value)];
                self.results.insert(id.to_owned(), Checked { valid: false, errors });
                Ok(Ok(false))
            }
        }
    }

    /// Checks a plain value and writes its converted form back.
    fn value(&mut self, id: &str, class: &str, spec: &Spec, mut value: Value) -> Option<Value> {
        // The loaders look for the file themselves instead of at the list.
        let own_check = matches!(
            class,
            "LoadImage" | "LoadImageMask" | "LoadImageOutput" | "LoadAudio" | "LoadVideo" | "LoadLatent"
        ) && matches!(spec.name.as_str(), "image" | "audio" | "file" | "latent");
        let found = spec.check(&mut value, !own_check);
        if found.is_none()
            && let Some(inputs) = self.prompt.get_mut(id).and_then(|node| node.get_mut("inputs"))
            && let Some(inputs) = inputs.as_object_mut()
        {
            inputs.insert(spec.name.clone(), value);
        }
        found
    }

    /// The checks that a class brings along.
    fn custom(&self, class: &str, id: &str) -> Option<Value> {
        let (input, what) = match class {
            "LoadImage" | "LoadImageMask" | "LoadImageOutput" => ("image", "image"),
            "LoadAudio" => ("audio", "audio"),
            "LoadVideo" => ("file", "video"),
            "LoadLatent" => ("latent", "latent"),
            _ => return None,
        };
        let name = self.prompt.get(id)?.get("inputs")?.get(input)?.as_str()?.to_owned();
        if find_input(&lock(&self.server.files), &name).is_some() {
            return None;
        }
        let details = format!("{input} - Invalid {what} file: {name}");
        Some(error(
            "custom_validation_failed",
            "Custom validation failed for node",
            &details,
            json!({"input_name": input}),
        ))
    }

    /// Adds what is wrong so far to the answer, as standing in the way of this output.
    fn report(&self, output: &str, node_errors: &mut JsonObject) {
        for (id, checked) in
            self.results.iter().filter(|(_, checked)| !checked.valid && !checked.errors.is_empty())
        {
            let entry = node_errors.entry(id.clone()).or_insert_with(
                || json!({"errors": checked.errors, "dependent_outputs": [], "class_type": self.class(id)}),
            );
            if let Some(outputs) = entry.get_mut("dependent_outputs").and_then(Value::as_array_mut) {
                outputs.push(output.into());
            }
        }
    }
}

/// Inputs that appear under other names, such as `values.a` for `values`.
fn is_dynamic(spec: &Spec) -> bool {
    spec.kind
        .as_str()
        .is_some_and(|kind| kind.starts_with("COMFY_AUTOGROW") || kind.starts_with("COMFY_DYNAMICCOMBO"))
}
