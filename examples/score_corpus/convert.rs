//! UI → API against what the editor itself made of the same files.
//!
//! `DIR` holds `index.jsonl`, `object_info.json` and `cases/NAME.ui.json` with `cases/NAME.api.json`.

use std::{
    error::Error,
    fs,
    io::{self, Write as _},
    path::Path,
};

use comfywarden_workflow::{
    NodeId, ObjectInfo, Workflow,
    convert::{Converted, Moment, to_api_at},
    read::read,
};
use serde_json::{Map, Value, json};

/// The time at which the corpus was recorded.
const RECORDED: Moment = Moment { year: 2024, month: 1, day: 2, hour: 3, minute: 4, second: 5 };
/// Keys that only the editor's own widgets have; the server ignores them.
const EDITOR_KEYS: [(&str, &str); 2] = [("ImageCompare", "compare_view"), ("Load3D", "image")];

/// Prints the misses, if asked, and the score as the last line.
pub(crate) fn score(directory: &str, misses: bool) -> Result<(), Box<dyn Error>> {
    let directory = Path::new(directory);
    let info = ObjectInfo::parse(&fs::read(directory.join("object_info.json"))?)?;
    let index = fs::read_to_string(directory.join("index.jsonl"))?;
    let mut counts = Counts::default();
    let mut out = io::stdout().lock();
    for line in index.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line)?;
        let name = case.get("name").and_then(Value::as_str).unwrap_or_default();
        let miss = counts.judge(directory, name, &case, &info)?;
        if let (true, Some(miss)) = (misses, miss) {
            writeln!(out, "{name}: {miss}")?;
        }
    }
    writeln!(out, "{}", counts.to_json())?;
    Ok(())
}

#[derive(Debug, Default)]
struct Counts {
    cases: usize,
    equal: usize,
    refused: usize,
    different: usize,
    errors: usize,
    errors_refused: usize,
    missing: usize,
    missing_named: usize,
}

impl Counts {
    fn judge(
        &mut self,
        directory: &Path,
        name: &str,
        case: &Value,
        info: &ObjectInfo,
    ) -> Result<Option<String>, Box<dyn Error>> {
        let listed = |key: &str| case.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let text = fs::read(directory.join("cases").join(format!("{name}.ui.json")))?;
        let converted = convert(&text, info);
        if listed("missing_types") {
            return Ok(self.missing(case, converted));
        }
        if case.get("expected").and_then(Value::as_str) == Some("error") {
            self.errors += 1;
            self.errors_refused += usize::from(converted.is_err());
            return Ok(converted.is_ok().then(|| "the editor fails here, the converter does not".to_owned()));
        }
        let advisory = case.get("has_group_node") == Some(&true.into()) || name == "hm_duplicate_node_ids";
        if listed("env_dependent") || advisory {
            return Ok(None);
        }
        self.cases += 1;
        let converted = match converted {
            Ok(converted) => converted,
            Err(error) => {
                self.refused += 1;
                return Ok(Some(format!("refused: {error}")));
            }
        };
        let truth = fs::read(directory.join("cases").join(format!("{name}.api.json")))?;
        let truth: Map<String, Value> = serde_json::from_slice(&truth)?;
        let ui: Value = serde_json::from_slice(&text)?;
        let difference = difference(&converted.workflow, &truth, info, &ui);
        *(if difference.is_some() { &mut self.different } else { &mut self.equal }) += 1;
        Ok(difference.map(|difference| format!("different: {difference}")))
    }

    /// Every class that the server lacks must be named, in the error or in the report.
    fn missing(
        &mut self,
        case: &Value,
        converted: Result<Converted, comfywarden_error::Error>,
    ) -> Option<String> {
        self.missing += 1;
        let named: Vec<Value> = match &converted {
            Ok(converted) => converted.report.missing_types.iter().map(|name| name.as_str().into()).collect(),
            Err(error) => {
                error.details().get("missing_types").and_then(Value::as_array).cloned().unwrap_or_default()
            }
        };
        let expected = case.get("missing_types").and_then(Value::as_array).into_iter().flatten();
        let unnamed: Vec<&Value> = expected.filter(|name| !named.contains(name)).collect();
        self.missing_named += usize::from(unnamed.is_empty());
        let why = converted.err().map(|error| error.to_string()).unwrap_or_default();
        (!unnamed.is_empty()).then(|| format!("missing types not named: {unnamed:?} {why}"))
    }

    fn to_json(&self) -> Value {
        json!({
            "corpus": "convert",
            "cases": self.cases,
            "equal": self.equal,
            "refused": self.refused,
            "different": self.different,
            "errors": self.errors,
            "errors_refused": self.errors_refused,
            "missing": self.missing,
            "missing_named": self.missing_named,
        })
    }
}

fn convert(text: &[u8], info: &ObjectInfo) -> Result<Converted, comfywarden_error::Error> {
    let found = read(text)?;
    let workflow =
        found.workflow.ok_or_else(|| comfywarden_error::Error::invalid_input("not the UI format"))?;
    Ok(to_api_at(&workflow, info, &RECORDED)?)
}

/// The first difference: node ids, classes and inputs; numbers compare as doubles.
fn difference(
    workflow: &Workflow,
    truth: &Map<String, Value>,
    info: &ObjectInfo,
    ui: &Value,
) -> Option<String> {
    for (id, _) in workflow.iter() {
        if !truth.contains_key(id.as_str()) {
            return Some(format!("node {id} is only ours"));
        }
    }
    for (id, expected) in truth {
        let Some(node) = workflow.get(NodeId::from(id.as_str()).as_str()) else {
            return Some(format!("node {id} ({}) is missing", text(expected, "class_type")));
        };
        if node.class_type != text(expected, "class_type") {
            return Some(format!("node {id} is {}, not {}", node.class_type, text(expected, "class_type")));
        }
        let empty = Map::new();
        let expected = expected.get("inputs").and_then(Value::as_object).unwrap_or(&empty);
        let keys = expected.keys().chain(node.inputs.keys().filter(|key| !expected.contains_key(*key)));
        for key in keys {
            let (ours, theirs) = (node.inputs.get(key), expected.get(key));
            let same = match (ours, theirs) {
                (Some(ours), Some(theirs)) => equal(ours, theirs) || is_named(ui, id, key, ours),
                _ => is_optional(&node.class_type, key, info),
            };
            if !same {
                let show =
                    |value: Option<&Value>| value.map_or_else(|| "absent".to_owned(), Value::to_string);
                return Some(format!(
                    "node {id} ({}) {key}: {} instead of {}",
                    node.class_type,
                    show(ours),
                    show(theirs)
                ));
            }
        }
    }
    None
}

/// True for a value that the file itself names: the editor of the recording counted positions instead, and so shifted
/// the values of classes that have changed since.
fn is_named(ui: &Value, id: &str, key: &str, value: &Value) -> bool {
    let own = id.rsplit(':').next().unwrap_or(id);
    let inner = ui.pointer("/definitions/subgraphs").and_then(Value::as_array).into_iter().flatten();
    let graphs = std::iter::once(ui).filter(|_| own == id).chain(inner.filter(|_| own != id));
    let nodes = graphs.filter_map(|graph| graph.get("nodes")?.as_array()).flatten();
    let mut same =
        nodes.filter(|node| node.get("id").is_some_and(|id| id.to_string().trim_matches('"') == own));
    same.any(|node| node.get("widgets_values_named").and_then(|named| named.get(key)) == Some(value))
}

/// True for keys that the class does not know.
fn is_optional(class_type: &str, key: &str, info: &ObjectInfo) -> bool {
    let base = key.split('.').next().unwrap_or(key);
    EDITOR_KEYS.contains(&(class_type, key))
        || info.get(class_type).is_none_or(|class| class.input(base).is_none())
}

fn equal(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => ours == theirs,
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
