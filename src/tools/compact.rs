//! The compact profile: a few tools that find, describe and run the others.
//!
//! Running is done by the seam: [`unwrap`] turns a call of `comfyui_run_tool` into the call it stands for, so the
//! inner tool's class, schema, limits and records hold, as if it had been called by its own name.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Call, Handled, Hints, Tool,
    params::{Page, Paging},
};
use crate::gate::Class;
use comfywarden_error::{Error, JsonObject};
use comfywarden_workflow::nearest::did_you_mean;

const FIND: &str = "comfyui_list_tools";
const DESCRIBE: &str = "comfyui_describe_tool";
const RUN: &str = "comfyui_run_tool";

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: false };

/// The tools of the compact profile over `inner`.
pub(crate) fn tools(inner: &[Arc<Tool>]) -> Vec<Tool> {
    let inner: Arc<[Arc<Tool>]> = inner.into();
    let described = Arc::clone(&inner);
    let reads_only = inner.iter().all(|tool| tool.hint_set().read_only);
    let run = Hints { read_only: reads_only, destructive: !reads_only, idempotent: false, open_world: true };
    vec![
        Tool::new(
            FIND,
            Class::Read,
            "Find tools",
            "Lists the tools of this server with one sentence each: pictures, workflows, jobs, models, node packs, \
             files. Start here, then comfyui_describe_tool.",
            move |_: Call, wanted: Wanted| {
                let listed = list(&inner, &wanted);
                async move { Handled::Ok(listed.into()) }
            },
        )
        .hints(LOOK)
        .always_load(),
        Tool::new(
            DESCRIBE,
            Class::Read,
            "Describe a tool",
            "Shows one tool's parameters, result and hints. Read it before comfyui_run_tool.",
            move |_: Call, named: Named| {
                let described = describe(&described, &named.name);
                async move { described.map(Into::into).map_err(Into::into) }
            },
        )
        .hints(LOOK)
        .always_load(),
        Tool::new(
            RUN,
            Class::Read,
            "Run a tool",
            "Runs a tool that comfyui_list_tools names, with the arguments that comfyui_describe_tool shows. The \
             rules, limits and questions of that tool apply.",
            |_: Call, run: Run| async move { Handled::<Open>::Err(not_resolved(&run).into()) },
        )
        .hints(run)
        .always_load(),
    ]
}

/// Unwraps a well-formed call of `comfyui_run_tool` into the call that it stands for; gives back the arguments of any
/// other call.
pub(crate) fn unwrap(name: &str, mut args: JsonObject) -> Result<(String, JsonObject), JsonObject> {
    let Some(inner) = inner_name(name, &args) else { return Err(args) };
    match args.swap_remove("arguments") {
        Some(Value::Object(arguments)) => Ok((inner, arguments)),
        _ => Ok((inner, JsonObject::new())),
    }
}

fn inner_name(name: &str, args: &JsonObject) -> Option<String> {
    if name != RUN || !args.keys().all(|key| matches!(key.as_str(), "name" | "arguments")) {
        return None;
    }
    let inner = args.get("name").and_then(Value::as_str).filter(|name| (1..=128).contains(&name.len()))?;
    match args.get("arguments") {
        None | Some(Value::Null | Value::Object(_)) => Some(inner.to_owned()),
        Some(_) => None,
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Wanted {
    /// Words that the name or description has
    #[serde(default)]
    #[schemars(length(max = 200))]
    query: String,
    #[serde(flatten)]
    paging: Paging,
}

/// One line of the list.
#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    name: String,
    summary: String,
    class: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Lines {
    items: Vec<Line>,
    #[serde(flatten)]
    page: Page,
}

fn list(tools: &[Arc<Tool>], wanted: &Wanted) -> Lines {
    let words: Vec<String> = wanted.query.split_whitespace().map(str::to_lowercase).collect();
    let matches = |tool: &Tool| {
        let text = format!("{} {}", tool.name(), tool.description()).to_lowercase();
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let found = tools.iter().filter(|tool| matches(tool)).map(|tool| Line {
        name: tool.name().to_owned(),
        summary: first_sentence(tool.description()).to_owned(),
        class: tool.class().as_str().to_owned(),
    });
    let (items, page) = wanted.paging.cut(found.collect());
    Lines { items, page }
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// As comfyui_list_tools shows it
    #[schemars(length(min = 1, max = 128))]
    name: String,
}

/// A tool as `tools/list` would show it.
#[derive(Debug, Serialize, JsonSchema)]
struct Described {
    name: String,
    title: String,
    description: String,
    class: String,
    annotations: Map<String, Value>,
    input_schema: JsonObject,
    output_schema: JsonObject,
}

fn describe(tools: &[Arc<Tool>], name: &str) -> Result<Described, Error> {
    let Some(tool) = tools.iter().find(|tool| tool.name() == name) else {
        let near = did_you_mean(name, tools.iter().map(|tool| tool.name()));
        return Err(Error::not_found("there is no tool of that name")
            .hint(near.unwrap_or_else(|| format!("{FIND} names every tool"))));
    };
    let hints = tool.hint_set();
    let annotations = json!({
        "readOnlyHint": hints.read_only, "destructiveHint": hints.destructive,
        "idempotentHint": hints.idempotent, "openWorldHint": hints.open_world,
    });
    Ok(Described {
        name: tool.name().to_owned(),
        title: tool.title().to_owned(),
        description: tool.description().to_owned(),
        class: tool.class().as_str().to_owned(),
        annotations: annotations.as_object().cloned().unwrap_or_default(),
        input_schema: tool.contract().schema().as_ref().clone(),
        output_schema: tool.output_schema().as_ref().clone(),
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Run {
    /// As comfyui_list_tools shows it
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// What that tool takes
    #[serde(default)]
    arguments: JsonObject,
}

/// The inner tool's result, whatever its shape.
#[derive(Debug, Serialize, JsonSchema)]
struct Open {}

/// The seam resolves every call that fits the schema, so that this one is never the answer.
fn not_resolved(run: &Run) -> Error {
    let count = run.arguments.len();
    Error::internal(format!("`{RUN}` was not resolved to `{}` with {count} arguments", run.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> JsonObject {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_call_is_unwrapped_once_and_only_when_it_fits() {
        let args = object(&json!({"name": "comfyui_get_job", "arguments": {"prompt_id": "x"}}));
        assert_eq!(
            unwrap(RUN, args.clone()),
            Ok(("comfyui_get_job".into(), object(&json!({"prompt_id": "x"}))))
        );
        assert_eq!(unwrap("comfyui_get_job", args.clone()), Err(args));
        for odd in [
            json!({}),
            json!({"name": 7}),
            json!({"name": "x", "arguments": []}),
            json!({"name": "x", "y": 1}),
        ] {
            assert_eq!(unwrap(RUN, object(&odd)), Err(object(&odd)), "{odd}");
        }
    }

    #[test]
    fn running_is_as_harmless_as_the_tools_behind_it() {
        let reading: Vec<Arc<Tool>> =
            crate::tools::all().into_iter().filter(|tool| tool.hint_set().read_only).map(Arc::new).collect();
        let hints = |inner: &[Arc<Tool>]| tools(inner).pop().unwrap().hint_set();
        assert!(hints(&reading).read_only);
        let all: Vec<Arc<Tool>> = crate::tools::all().into_iter().map(Arc::new).collect();
        assert!(!hints(&all).read_only && hints(&all).destructive);
    }
}
