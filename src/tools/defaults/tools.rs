//! The tools that show and set defaults.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::{DefaultSource, Defaults};
use crate::{
    config,
    gate::{Caller, Class},
    tools::{Call, Handled, Hints, Tool},
};
use comfywarden_error::{Error, JsonObject};
use comfywarden_workflow::presets::Preset;

/// Arguments that the family of the model decides when nobody else does.
const BY_FAMILY: [&str; 6] = ["width", "height", "steps", "cfg", "sampler_name", "scheduler"];

pub(in crate::tools) fn tools() -> Vec<Tool> {
    let hints = Hints { idempotent: true, ..Hints::default() };
    vec![
        Tool::new(
            "comfyui_get_defaults",
            Class::Read,
            "Defaults of tools",
            "Shows what a tool uses for arguments that a call leaves out, and where each value comes from.",
            get_defaults,
        )
        .hints(Hints { read_only: true, ..hints }),
        Tool::new(
            "comfyui_set_defaults",
            Class::Workflow,
            "Set defaults",
            "Keeps values for arguments that later calls of a tool leave out. Set only what the user asked \
             for; null removes one.",
            set_defaults,
        )
        .hints(hints),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetDefaults {
    /// Absent: every tool with defaults of its own
    #[serde(default)]
    #[schemars(length(min = 1, max = 128))]
    tool: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Shown {
    tools: Vec<OfTool>,
    /// What is wrong with the file of defaults
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OfTool {
    tool: String,
    arguments: Vec<OfArgument>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct OfArgument {
    argument: String,
    /// Absent: decided when the tool runs
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    source: Layer,
    /// Why it is left out
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
enum Layer {
    #[serde(rename = "user")]
    User,
    #[serde(rename = "configuration")]
    Configuration,
    #[serde(rename = "family")]
    Family,
    #[serde(rename = "built-in")]
    BuiltIn,
}

async fn get_defaults(call: Call, params: GetDefaults) -> Handled<Shown> {
    let defaults = &call.defaults;
    let tools = if let Some(name) = params.tool {
        let tool = defaults.tool(&call.caller, &name)?;
        let mut arguments = set_values(defaults, &call.caller, &tool);
        arguments.extend(rest(&tool, &arguments, call.settings.wait_seconds));
        vec![OfTool { tool: name, arguments }]
    } else {
        let known = |name: String| {
            let tool = defaults.tool(&call.caller, &name).ok()?;
            Some(OfTool { arguments: set_values(defaults, &call.caller, &tool), tool: name })
        };
        defaults.named(&call.caller).into_iter().filter_map(known).collect()
    };
    let problem = defaults.problem().map(|reason| format!("the file of defaults {reason}; it is left out"));
    Ok(Shown { tools, problem }.into())
}

/// Lists the values that the user and the configuration set.
fn set_values(defaults: &Defaults, caller: &Caller, tool: &Tool) -> Vec<OfArgument> {
    let shown = |(argument, value, source): (String, Value, DefaultSource)| {
        let mut alone = JsonObject::from_iter([(argument.clone(), value.clone())]);
        let ignored = tool.contract().check_partial(&mut alone).err().map(|error| error.message().to_owned());
        let source = match source {
            DefaultSource::User => Layer::User,
            DefaultSource::Configuration => Layer::Configuration,
        };
        OfArgument { argument, value: Some(value), source, ignored }
    };
    defaults.of(caller, tool.name()).into_iter().map(shown).collect()
}

/// Lists the values that hold for the other arguments of the tool.
fn rest(tool: &Tool, set: &[OfArgument], wait_seconds: u64) -> Vec<OfArgument> {
    let is_set = |name: &str| set.iter().any(|known| known.argument == name && known.ignored.is_none());
    let model =
        set.iter().find(|known| known.argument == "model").and_then(|known| known.value.as_ref()?.as_str());
    let preset = model.and_then(Preset::of_file);
    let required = tool.contract().schema().get("required").and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = tool.contract().schema().get("properties").and_then(Value::as_object);
    let mut found = Vec::new();
    for (name, spec) in properties.into_iter().flatten().filter(|(name, _)| !is_set(name)) {
        let (value, source) = match spec.get("default") {
            _ if name == "wait_seconds" => {
                let is_ours = wait_seconds == config::Tools::default().wait_seconds;
                (Some(wait_seconds.into()), if is_ours { Layer::BuiltIn } else { Layer::Configuration })
            }
            Some(default) => (Some(default.clone()), Layer::BuiltIn),
            None if tool.class() == Class::Generation && BY_FAMILY.contains(&name.as_str()) => {
                (preset.as_ref().and_then(|preset| of_family(preset, name)), Layer::Family)
            }
            None if required.contains(&name.as_str()) => continue,
            None => (empty(spec), Layer::BuiltIn),
        };
        found.push(OfArgument { argument: name.clone(), value, source, ignored: None });
    }
    found
}

/// Gives the value of an argument that nobody sets: off, or nothing; what is drawn or chosen has no value
/// yet.
fn empty(spec: &Value) -> Option<Value> {
    match spec.get("type").and_then(Value::as_str) {
        Some("boolean") => Some(false.into()),
        Some("array") => Some(Value::Array(Vec::new())),
        _ => None,
    }
}

fn of_family(preset: &Preset, name: &str) -> Option<Value> {
    Some(match name {
        "width" => preset.width.into(),
        "height" => preset.height.into(),
        "steps" => preset.steps.into(),
        "cfg" => preset.cfg.into(),
        "sampler_name" => preset.sampler_name.into(),
        "scheduler" => preset.scheduler.into(),
        _ => return None,
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SetDefaults {
    /// Whose arguments
    #[schemars(length(min = 1, max = 128))]
    tool: String,
    /// Values by argument; null removes
    #[schemars(extend("minProperties" = 1, "maxProperties" = 64))]
    defaults: JsonObject,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SavedDefaults {
    tool: String,
    /// The user's defaults of this tool now
    defaults: JsonObject,
}

async fn set_defaults(call: Call, params: SetDefaults) -> Handled<SavedDefaults> {
    let tool = call.defaults.tool(&call.caller, &params.tool)?;
    let (defaults, caller) = (Arc::clone(&call.defaults), call.caller.clone());
    let writing = tokio::task::spawn_blocking(move || defaults.set(&caller, &tool, &params.defaults));
    let written = writing.await.map_err(|e| Error::internal("the defaults were not saved").source(e))?;
    Ok(SavedDefaults { tool: params.tool, defaults: written? }.into())
}
