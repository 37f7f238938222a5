//! Every tool, parameter and field that a skill, a document or a message names is in the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use comfywarden::{config, tools};
use regex::Regex;
use serde_json::Value;

use super::texts::{below, code, documents, json, read};

/// The arguments of a tool.
#[derive(Debug, Default, Clone)]
struct Takes {
    parameters: BTreeSet<String>,
    required: BTreeSet<String>,
    choices: BTreeMap<String, Vec<String>>,
}

/// Words in code spans that are nobody's field: model folders, node inputs, file types.
const WORDS: &[&str] = &[
    "checkpoints",
    "diffusion_models",
    "loras",
    "vae",
    "nodes",
    "links",
    "denoise",
    "class_type",
    "inputs",
    "retry_after_ms",
    "hint",
    "message",
    "kind",
    "frames",
];

fn catalogue() -> BTreeMap<String, Takes> {
    let mut found: BTreeMap<String, Takes> = BTreeMap::new();
    // The published contract first, so that a document may already name what is still being built.
    let contract = json("tests/contract/tools.json");
    for (name, tool) in contract["tools"].as_object().unwrap() {
        let mut takes = Takes::default();
        for parameter in tool["parameters"].as_object().unwrap().keys() {
            let plain = parameter.trim_end_matches('*');
            takes.parameters.insert(plain.to_owned());
            if plain != parameter {
                takes.required.insert(plain.to_owned());
            }
        }
        if tool["page"] == true {
            takes.parameters.extend(["limit", "offset"].map(str::to_owned));
        }
        found.insert(name.clone(), takes);
    }
    // Tools of a profile alone are in no list of the library; their names stand where they are made.
    let made = Regex::new(r#"(?:Tool::new\(\s*|const [A-Z]+: &str = )"(comfyui_[a-z_]+)""#).unwrap();
    for file in below("src/tools", "rs") {
        let text = read(&file);
        for made in made.captures_iter(&text) {
            found.entry(made[1].to_owned()).or_default();
        }
    }
    for tool in tools::all() {
        let schema = tool.contract().schema();
        let mut takes = Takes::default();
        for (name, spec) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            takes.parameters.insert(name.clone());
            if let Some(choices) = spec.get("enum").and_then(Value::as_array) {
                let choices = choices.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                takes.choices.insert(name.clone(), choices);
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        takes.required = required.filter_map(Value::as_str).map(str::to_owned).collect();
        found.insert(tool.name().to_owned(), takes);
    }
    found
}

/// Every word that a schema knows: names of fields and values of choices.
fn words_of(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            for (key, inner) in map {
                match (key.as_str(), inner) {
                    ("properties", Value::Object(fields)) => found.extend(fields.keys().cloned()),
                    ("enum", Value::Array(values)) => {
                        found.extend(values.iter().filter_map(Value::as_str).map(str::to_owned));
                    }
                    ("const", Value::String(value)) => {
                        found.insert(value.clone());
                    }
                    _ => {}
                }
                words_of(inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|inner| words_of(inner, found)),
        _ => {}
    }
}

fn vocabulary() -> BTreeSet<String> {
    let mut found: BTreeSet<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    for tool in tools::all() {
        words_of(&Value::Object(tool.contract().schema().as_ref().clone()), &mut found);
        words_of(&Value::Object(tool.output_schema().as_ref().clone()), &mut found);
    }
    found.extend(catalogue().into_values().flat_map(|takes| takes.parameters));
    for key in config::keys(config::schema()) {
        for (end, _) in key.path.match_indices('.') {
            found.insert(key.path[..end].to_owned());
        }
        found.insert(key.path);
    }
    let kind = Regex::new(r#"=> "([a-z_]+)""#).unwrap();
    found.extend(kind.captures_iter(&read("crates/error/src/lib.rs")).map(|kind| kind[1].to_owned()));
    found
}

/// The arguments between the brackets of a call, cut at the commas that are not inside of others.
fn arguments(inside: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let (mut depth, mut quoted) = (0, false);
    for letter in inside.chars() {
        match letter {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                found.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = found.last_mut() {
            last.push(letter);
        }
    }
    found
        .into_iter()
        .map(|argument| argument.trim().to_owned())
        .filter(|argument| !argument.is_empty())
        .collect()
}

/// Describes the fault of one call that a document shows.
fn faults(name: &str, inside: &str, takes: &Takes) -> Vec<String> {
    let mut found = Vec::new();
    let mut given = BTreeSet::new();
    for argument in arguments(inside) {
        let (parameter, value) = argument.split_once('=').unwrap_or((&argument, ""));
        if !takes.parameters.contains(parameter) {
            found.push(format!("{name} takes no `{parameter}`"));
        }
        let value = value.trim_matches('"');
        let choices = takes.choices.get(parameter).filter(|_| !value.is_empty());
        if choices.is_some_and(|choices| !choices.iter().any(|choice| choice == value)) {
            found.push(format!("{name}: `{value}` is no choice of `{parameter}`"));
        }
        given.insert(parameter.to_owned());
    }
    found.extend(takes.required.difference(&given).map(|missing| format!("{name} needs `{missing}`")));
    found
}

#[test]
fn tools_and_parameters_in_documents_exist() {
    let catalogue = catalogue();
    let tool = Regex::new(r"\bcomfyui_[a-z_]*[a-z]\b").unwrap();
    let call = Regex::new(r"\b(comfyui_[a-z_]+)\(([^()]*)\)").unwrap();
    let command = Regex::new(r"comfywarden(?: --[a-z-]+ \S+)* call (comfyui_[a-z_]+) '(\{[^']*\})'").unwrap();
    let (mut wrong, mut calls) = (Vec::new(), 0);
    for document in documents() {
        let text = read(&document);
        let place = document.display();
        for found in tool.find_iter(&text).filter(|found| !catalogue.contains_key(found.as_str())) {
            wrong.push(format!("{place}: there is no tool {}", found.as_str()));
        }
        for found in call.captures_iter(&text) {
            calls += 1;
            let Some(takes) = catalogue.get(&found[1]) else { continue };
            wrong.extend(
                faults(&found[1], &found[2], takes).into_iter().map(|fault| format!("{place}: {fault}")),
            );
        }
        for found in command.captures_iter(&text) {
            let Some(takes) = catalogue.get(&found[1]) else { continue };
            let given: Value =
                serde_json::from_str(&found[2]).unwrap_or_else(|error| panic!("{place}: {error}"));
            for name in given.as_object().into_iter().flat_map(|given| given.keys()) {
                if !takes.parameters.contains(name) {
                    wrong.push(format!("{place}: {} takes no `{name}`", &found[1]));
                }
            }
        }
    }
    assert!(calls > 40, "only {calls} calls were found");
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn words_in_skills_are_parameters_fields_or_keys() {
    let known = vocabulary();
    let word = Regex::new(r"^[a-z][a-z_]*(?:\.[a-z_]+)*$").unwrap();
    let tools = catalogue();
    let mut wrong = Vec::new();
    for skill in below("skills", "md") {
        for span in code(&read(&skill)).iter().filter(|span| word.is_match(span)) {
            if !known.contains(span) && !tools.contains_key(span) {
                wrong.push(format!("{}: `{span}`", skill.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn tools_in_messages_of_the_program_exist() {
    let catalogue = catalogue();
    // A tool begins with what it does; other names of the code begin so by accident.
    let verbs: BTreeSet<&str> = catalogue.keys().filter_map(|name| name.split('_').nth(1)).collect();
    let verbs: Vec<&str> = verbs.into_iter().collect();
    let tool = Regex::new(&format!(r"\bcomfyui_(?:{})_[a-z_]*[a-z]\b", verbs.join("|"))).unwrap();
    let mut wrong = BTreeSet::new();
    for file in below("src", "rs") {
        let text = read(&file);
        let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for found in tool.find_iter(product).map(|found| found.as_str()) {
            let pattern = product.contains(&format!("{found}_?[")) || product.contains(&format!("{found}_["));
            if !catalogue.contains_key(found) && !pattern && !file.ends_with("tests.rs") {
                wrong.insert(format!("{}: {found}", file.display()));
            }
        }
    }
    assert_eq!(wrong, BTreeSet::new());
}

#[test]
fn unknown_names_are_noticed() {
    let catalogue = catalogue();
    let takes = &catalogue["comfyui_generate_image"];
    assert_eq!(faults("x", "prompt, wait=true, loras=[{\"name\": \"a, b\"}]", takes), Vec::<String>::new());
    assert_eq!(faults("x", "prompt, stepz=3", takes), ["x takes no `stepz`"]);
    assert_eq!(faults("x", "seed=1", takes), ["x needs `prompt`"]);
    let convert = &catalogue["comfyui_convert_workflow"];
    assert_eq!(faults("x", "workflow, to=\"xml\"", convert), ["x: `xml` is no choice of `to`"]);
}
