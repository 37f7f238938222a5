//! The catalogue against the published contract, `tests/contract/tools.json`: a client written for it must work.

use std::collections::BTreeSet;

use comfywarden::tools::Tool;
use serde_json::{Map, Value};

use crate::support::TestApp;

const CONTRACT: &str = include_str!("../../contract/tools.json");

/// Names of the contract that no tool has yet. The list must be exact, so it can only shrink.
const MISSING: &[&str] = &[];

/// Tools beyond the contract.
const EXTRA: &[&str] = &[];

/// Differences of the catalogue, on purpose or not yet mended. The list must be exact too.
const DIFFERENT: &[&str] = &[
    // It looks node classes up when one side is in the editor's format.
    "comfyui_diff_workflows: hints RIO in place of \"RI\"",
];

fn contract() -> Map<String, Value> {
    let contract: Value = serde_json::from_str(CONTRACT).unwrap();
    let page = contract["page"].as_object().unwrap().clone();
    let mut tools = contract["tools"].as_object().unwrap().clone();
    for promised in tools.values_mut() {
        if promised.get("page").is_some() {
            promised["parameters"].as_object_mut().unwrap().extend(page.clone());
        }
    }
    tools
}

#[tokio::test]
async fn every_published_name_is_a_tool() {
    let app = TestApp::start().await;
    let catalogue = app.app.tools();
    let built: BTreeSet<&str> =
        catalogue.iter().map(|tool| tool.name()).filter(|name| !name.starts_with("workflow_")).collect();
    let contract = contract();
    let promised: BTreeSet<&str> = contract.keys().map(String::as_str).collect();
    assert_eq!(promised.len(), 62, "53 names and 9 of our own");
    let missing: Vec<&str> = promised.difference(&built).copied().collect();
    let extra: Vec<&str> = built.difference(&promised).copied().collect();
    assert_eq!((missing.as_slice(), extra.as_slice()), (MISSING, EXTRA));
}

#[tokio::test]
async fn class_hints_and_parameters_are_as_published() {
    let app = TestApp::start().await;
    let catalogue = app.app.tools();
    let mut wrong = Vec::new();
    for (name, promised) in contract() {
        let Some(tool) = catalogue.get(&name) else { continue };
        if promised["class"] != tool.class().as_str() {
            wrong.push(format!("{name}: class {} in place of {}", tool.class(), promised["class"]));
        }
        if promised["hints"] != hints(tool) {
            wrong.push(format!("{name}: hints {} in place of {}", hints(tool), promised["hints"]));
        }
        for (parameter, wanted) in promised["parameters"].as_object().unwrap() {
            let problems = differences(tool, parameter, wanted.as_str().unwrap());
            wrong.extend(problems.into_iter().map(|problem| format!("{name}.{parameter}: {problem}")));
        }
        wrong.extend(unpublished_requirements(tool, &promised).into_iter().map(|extra| {
            format!("{name}.{extra} is required here and was not published, so old clients cannot know it")
        }));
    }
    assert_eq!(wrong, DIFFERENT, "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

fn hints(tool: &Tool) -> String {
    let hints = tool.hint_set();
    let letters =
        [(hints.read_only, 'R'), (hints.destructive, 'D'), (hints.idempotent, 'I'), (hints.open_world, 'O')];
    letters.iter().filter_map(|(set, letter)| set.then_some(*letter)).collect()
}

fn unpublished_requirements(tool: &Tool, promised: &Value) -> Vec<String> {
    let required = tool.contract().schema().get("required").and_then(Value::as_array);
    let names = required.into_iter().flatten().filter_map(Value::as_str);
    names.filter(|name| promised["parameters"].get(format!("{name}*")).is_none()).map(str::to_owned).collect()
}

/// One line of the contract about a parameter.
struct Wanted<'a> {
    kind: &'a str,
    least: Option<f64>,
    most: Option<f64>,
    default: Option<Value>,
}

impl<'a> Wanted<'a> {
    fn parse(line: &'a str) -> Self {
        let (line, default) = match line.split_once(" = ") {
            Some((line, default)) => (line, Some(serde_json::from_str(default).unwrap())),
            None => (line, None),
        };
        let (kind, range) = line.split_once(' ').unwrap_or((line, ".."));
        let (least, most) = range.split_once("..").unwrap();
        let number = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Self { kind, least: number(least), most: number(most), default }
    }
}

fn differences(tool: &Tool, parameter: &str, line: &str) -> Vec<String> {
    let schema = Value::Object(tool.contract().schema().as_ref().clone());
    let (name, required) = match parameter.strip_suffix('*') {
        Some(name) => (name, true),
        None => (parameter, false),
    };
    let Some(spec) = schema["properties"].get(name) else { return vec!["is missing".to_owned()] };
    let wanted = Wanted::parse(line);
    let mut wrong = Vec::new();
    let is_required = schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    if is_required != required {
        wrong.push(format!("required: {is_required} in place of {required}"));
    }
    if !type_fits(spec, wanted.kind) {
        wrong.push(format!("`{spec}` is no {}", wanted.kind));
    }
    for (bound, ours) in [(wanted.least, least(spec)), (wanted.most, most(spec))] {
        if bound.is_some() && bound != ours {
            wrong.push(format!("bound {ours:?} in place of {bound:?}"));
        }
    }
    if let Some(default) = wanted.default {
        let told = || {
            let text = spec["description"].as_str().unwrap_or_default().to_ascii_lowercase();
            text.contains(&bare(&default))
        };
        let fits = match spec.get("default") {
            Some(ours) => same(ours, &default),
            None => is_zero(&default) || told(),
        };
        if !fits {
            wrong.push(format!("default {:?} in place of {default}", spec.get("default")));
        }
    }
    wrong
}

fn type_fits(spec: &Value, kind: &str) -> bool {
    let is = |ty: &str| spec["type"] == ty;
    match kind {
        "str" => is("string"),
        "int" => is("integer"),
        "num" => is("number"),
        "bool" => is("boolean"),
        "list" => is("array"),
        "object" => is("object"),
        "any" => true,
        "form" => is("string") || branches(spec).any(|branch| branch["type"] == "string"),
        words => {
            let offered: BTreeSet<&str> =
                spec["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            offered == words.split('|').collect()
        }
    }
}

fn branches(spec: &Value) -> impl Iterator<Item = &Value> {
    spec["anyOf"].as_array().into_iter().flatten()
}

fn least(spec: &Value) -> Option<f64> {
    let bound = ["minimum", "minLength", "minItems", "minProperties"].iter().find_map(|key| spec.get(*key));
    bound.and_then(Value::as_f64)
}

fn most(spec: &Value) -> Option<f64> {
    let bound = ["maximum", "maxLength", "maxItems", "maxProperties"].iter().find_map(|key| spec.get(*key));
    bound.and_then(Value::as_f64)
}

/// A default that is the zero of its type may be left out; others stand in the schema or in the description.
fn is_zero(default: &Value) -> bool {
    match default {
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

/// `"default checkpoints"` for the default `checkpoints`.
fn bare(default: &Value) -> String {
    format!("default {}", default.as_str().map_or_else(|| default.to_string(), str::to_owned))
}

fn same(ours: &Value, wanted: &Value) -> bool {
    match (ours.as_f64(), wanted.as_f64()) {
        (Some(ours), Some(wanted)) => (ours - wanted).abs() < 1e-9,
        _ => ours == wanted,
    }
}
