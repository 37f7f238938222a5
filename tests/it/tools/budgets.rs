//! Costs of a client and a model: sizes of lists, descriptions and instructions, and what every entry must have.

use std::collections::BTreeSet;

use comfywarden::{
    app::Catalogue,
    config::Profile,
    gate::Class,
    tools::{Tool, ToolFilter},
};
use rmcp::model::Tool as Listed;
use serde_json::Value;

use crate::{
    mcp::protocol::{ERAS, Era, connect},
    support::{TestApp, bounded, person::Person},
};

/// The tools of the published contract, without those that came later.
fn published() -> BTreeSet<String> {
    let contract: Value = serde_json::from_str(include_str!("../../contract/tools.json")).unwrap();
    contract["tools"].as_object().unwrap().keys().take(53).cloned().collect()
}

/// Name, description and input schema: what a client that loads all tools puts into every conversation.
fn visible(tool: &Tool) -> usize {
    let schema = Value::Object(tool.contract().schema().as_ref().clone()).to_string();
    tool.name().len() + tool.description().len() + schema.len()
}

/// Tools from workflow files count apart: the user decides how many there are.
fn built_in(catalogue: &Catalogue) -> Vec<&Tool> {
    catalogue.iter().map(AsRef::as_ref).filter(|tool: &&Tool| !tool.name().starts_with("workflow_")).collect()
}

async fn listed(app: &TestApp, era: Era) -> Vec<Listed> {
    let client = connect(app, &Person::silent(), era).await;
    bounded(client.list_all_tools()).await.unwrap()
}

#[tokio::test]
async fn no_tool_is_larger_than_it_may_be() {
    let app = TestApp::start().await;
    for tool in built_in(&app.app.tools()) {
        let most = if tool.class() == Class::Generation { 2_200 } else { 1_200 };
        assert!(visible(tool) <= most, "{}: {} bytes, at most {most}", tool.name(), visible(tool));
    }
}

#[tokio::test]
async fn all_tools_together_stay_inside_the_budget() {
    let app = TestApp::start().await;
    let catalogue = app.app.tools();
    let tools = built_in(&catalogue);
    let published = published();
    let sum = |tools: &[&Tool]| tools.iter().map(|tool| visible(tool)).sum::<usize>();
    let first: Vec<&Tool> = tools.iter().copied().filter(|tool| published.contains(tool.name())).collect();
    assert!(sum(&first) <= 27_500, "the published tools: {} bytes", sum(&first));
    assert!(sum(&tools) <= 32_000, "all built-in tools: {} bytes", sum(&tools));
    for era in ERAS {
        let list: Vec<Listed> =
            listed(&app, era).await.into_iter().filter(|tool| !tool.name.starts_with("workflow_")).collect();
        let mut sizes: Vec<(usize, &str)> = list
            .iter()
            .map(|tool| (serde_json::to_string(tool).unwrap().len(), tool.name.as_ref()))
            .collect();
        sizes.sort_unstable();
        let whole: usize = sizes.iter().map(|(size, _)| size).sum();
        sizes.reverse();
        assert!(whole <= 70_000, "the whole list in {era:?}: {whole} bytes; largest: {:?}", &sizes[..12]);
    }
}

#[tokio::test]
async fn core_and_compact_are_small() {
    let app = TestApp::start().await;
    for (profile, most_tools, most_bytes) in [(Profile::Core, 25, 12_500), (Profile::Compact, 6, 4_000)] {
        let catalogue = app.app.tools_in(ToolFilter::from(profile)).unwrap();
        let tools = built_in(&catalogue);
        let mut sizes: Vec<(usize, &str)> = tools.iter().map(|tool| (visible(tool), tool.name())).collect();
        sizes.sort_unstable();
        let bytes: usize = sizes.iter().map(|(size, _)| size).sum();
        assert!(tools.len() <= most_tools, "{profile:?}: {} tools", tools.len());
        assert!(bytes <= most_bytes, "{profile:?}: {bytes} bytes: {sizes:?}");
    }
}

#[tokio::test]
async fn three_to_six_tools_are_loaded_at_once() {
    let app = TestApp::start().await;
    for profile in [Profile::Full, Profile::Core, Profile::Compact] {
        let catalogue = app.app.tools_in(ToolFilter::from(profile)).unwrap();
        let at_once = catalogue.iter().filter(|tool| tool.is_always_loaded()).count();
        assert!((3..=6).contains(&at_once), "{profile:?}: {at_once}");
    }
    let marked = listed(&app, Era::Discover).await.into_iter().filter(|tool| {
        tool.meta.as_ref().is_some_and(|meta| meta.0.get("anthropic/alwaysLoad") == Some(&Value::Bool(true)))
    });
    assert!((3..=6).contains(&marked.count()));
}

#[tokio::test]
async fn instructions_are_short_and_name_only_tools_that_exist() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let instructions = client.peer_info().unwrap().instructions.clone().unwrap();
    assert!(instructions.chars().count() <= 1_500);
    let catalogue = app.app.tools();
    let named = instructions.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    for name in named.filter(|word| word.starts_with("comfyui_")) {
        assert!(catalogue.get(name).is_some(), "the instructions name {name}");
    }
}

#[tokio::test]
async fn every_entry_of_the_list_is_complete_and_bounded() {
    let app = TestApp::start().await;
    for profile in [Profile::Full, Profile::Compact] {
        let catalogue = app.app.tools_in(ToolFilter::from(profile)).unwrap();
        for tool in built_in(&catalogue) {
            let name = tool.name();
            let words: Vec<&str> = name.split('_').collect();
            assert!(words.len() >= 2 && words[0] == "comfyui" && name.len() <= 64, "{name}: verb and noun");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!((20..=300).contains(&tool.description().chars().count()), "{name}: description");
            let schema = Value::Object(tool.contract().schema().as_ref().clone());
            assert_eq!(
                (&schema["type"], &schema["additionalProperties"]),
                (&"object".into(), &false.into()),
                "{name}"
            );
            assert!(!tool.output_schema().is_empty(), "{name}: output schema");
            assert_portable(name, &schema);
            assert_portable(name, &Value::Object(tool.output_schema().as_ref().clone()));
        }
    }
}

/// Fails for a form of schema that some client refuses: bare `true` for a field, lists of types, references.
fn assert_portable(tool: &str, schema: &Value) {
    let text = schema.to_string();
    for refused in ["\"$ref\"", "\"$schema\"", "\"format\":\"", "\"type\":["] {
        assert!(!text.contains(refused), "{tool}: {refused} in {text}");
    }
    walk(tool, schema);
}

fn walk(tool: &str, schema: &Value) {
    match schema {
        Value::Object(keys) => {
            for field in keys.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let says_something =
                    field.1.as_object().is_some_and(|spec| spec.keys().any(|key| key != "description"));
                assert!(says_something, "{tool}.{}: admits anything", field.0);
            }
            assert_ne!(keys.get("items"), Some(&Value::Bool(true)), "{tool}");
            keys.values().for_each(|child| walk(tool, child));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(tool, item)),
        _ => {}
    }
}
