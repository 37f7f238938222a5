//! Workflows made, changed and converted. Nothing here runs one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Answer, Call, Handled, Hints, Tool, fitting,
    params::{Seed, WorkflowArg},
    reading,
};
use crate::gate::Class;
use comfywarden_error::{Error, JsonObject};
use comfywarden_workflow::{
    convert::{Report, to_ui},
    edit::{self, Change, Operation},
    script, templates,
};

/// Room for the changes, notes and names beside a workflow in a result, in characters.
const ROOM_FOR_THE_REST: usize = 8_000;

const LOCAL: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: false };
const ASKS: Hints = Hints { open_world: true, ..LOCAL };

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_create_workflow",
            Class::Read,
            "Create a workflow",
            "Builds a workflow from a template such as txt2img, inpaint, flux_txt2img or txt2vid_wan; an \
             unknown name lists them all. Run it with comfyui_run_workflow.",
            create_workflow,
        )
        .hints(LOCAL),
        Tool::new(
            "comfyui_modify_workflow",
            Class::Read,
            "Change a workflow",
            "Applies operations in order, all or none: add_node, remove_node, set_input, connect, disconnect, \
             insert_subgraph, replace_node, insert_between, bypass.",
            modify_workflow,
        )
        .hints(LOCAL),
        Tool::new(
            "comfyui_convert_workflow",
            Class::Read,
            "Convert a workflow",
            "Converts a workflow to API format, the editor's format or a script, and says what was dropped or \
             assumed.",
            convert_workflow,
        )
        .hints(ASKS),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CreateWorkflow {
    /// Template name
    #[schemars(length(min = 1, max = 64))]
    template: String,
    /// Overrides, as an object or its JSON text
    #[serde(default)]
    params: Overrides,
}

/// A JSON object, or its text; nothing for an empty text.
#[derive(Debug, Default)]
struct Overrides(JsonObject);

impl<'de> Deserialize<'de> for Overrides {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let value = match Value::deserialize(deserializer)? {
            Value::String(text) if text.trim().is_empty() => Value::Object(Map::new()),
            Value::String(text) => comfywarden_workflow::json::parse(text.as_bytes())
                .map_err(|error| D::Error::custom(error.to_string()))?,
            value => value,
        };
        match value {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(D::Error::custom("expected an object of parameters, or its JSON text")),
        }
    }
}

impl JsonSchema for Overrides {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Overrides".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "object" }, { "type": "string", "maxLength": 65_536 }] })
    }
}

/// A workflow built from a template.
#[derive(Debug, Serialize, JsonSchema)]
struct Created {
    workflow: JsonObject,
    template: String,
    /// Every parameter with the value that was used.
    used: JsonObject,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

async fn create_workflow(call: Call, params: CreateWorkflow) -> Handled<Created> {
    // With a server at hand its models are chosen and absent classes are named; without one the template is built.
    let object_info = call.backend().object_info().await.ok();
    let draw = Seed::resolve(None, None);
    let built = templates::build(&params.template, &params.params.0, object_info.as_deref(), draw)?;
    let mut notes = built.notes;
    if object_info.is_none() {
        notes.push(
            "ComfyUI does not answer, so nobody checked whether its nodes and models are installed".into(),
        );
    }
    let workflow = whole(built.workflow.to_value())?;
    Ok(Answer::from(Created { workflow, template: params.template, used: built.used, notes }).verbatim())
}

/// A workflow as a result. One that would have to be cut to fit is refused: half a workflow is none.
fn whole(workflow: Value) -> Result<JsonObject, Error> {
    let size = workflow.to_string().len();
    if size > fitting::MAX_RESULT_BYTES - ROOM_FOR_THE_REST {
        return Err(Error::invalid_input(format!(
            "the resulting workflow has {size} characters; a result holds at most {}",
            fitting::MAX_RESULT_BYTES
        ))
        .hint(
            "ask for the script form (to: script), which is shorter; or use the `comfywarden convert` command on files",
        ));
    }
    match workflow {
        Value::Object(object) => Ok(object),
        _ => Err(Error::internal("a workflow is an object")),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ModifyWorkflow {
    /// Any readable form
    workflow: WorkflowArg,
    /// JSON array of operations, or its text
    operations: Operations,
}

/// A JSON array, or its text.
#[derive(Debug)]
struct Operations(Value);

impl<'de> Deserialize<'de> for Operations {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let value = match Value::deserialize(deserializer)? {
            Value::String(text) => comfywarden_workflow::json::parse(text.as_bytes())
                .map_err(|error| D::Error::custom(error.to_string()))?,
            value => value,
        };
        Ok(Self(value))
    }
}

impl JsonSchema for Operations {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Operations".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "array", "maxItems": edit::MAX_OPERATIONS, "items": { "type": "object" } },
                { "type": "string", "minLength": 2, "maxLength": 10_485_760 }
            ]
        })
    }
}

/// A changed workflow.
#[derive(Debug, Serialize, JsonSchema)]
struct Modified {
    workflow: JsonObject,
    changes: Vec<Change>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

async fn modify_workflow(call: Call, params: ModifyWorkflow) -> Handled<Modified> {
    let operations = Operation::read_list(&params.operations.0)?;
    let from_server = params.workflow.is_reference();
    let readable = reading::read_to_show(&call, params.workflow).await?;
    let mut warnings = readable.warnings();
    let mut workflow = readable.workflow;
    let object_info = call.backend().object_info().await.ok();
    if object_info.is_none() {
        warnings.push("ComfyUI does not answer, so classes and types were not checked".into());
    }
    let changes = edit::apply(&mut workflow, &operations, object_info.as_deref())?;
    let workflow = whole(workflow.to_value())?;
    Ok(as_it_is(Answer::from(Modified { workflow, changes, warnings }), from_server))
}

/// The workflow of an answer as it is. What a file on the server holds is not the caller's own: its hidden characters
/// are shown.
fn as_it_is<O>(answer: Answer<O>, from_server: bool) -> Answer<O> {
    if from_server { answer.exact(&["workflow", "script", "changes"]) } else { answer.verbatim() }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Target {
    #[default]
    Api,
    Ui,
    Script,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConvertWorkflow {
    /// Any readable form, or comfyui://outputs/… of a file
    workflow: WorkflowArg,
    /// Form of the result; default api
    #[serde(default)]
    to: Target,
}

/// A converted workflow.
#[derive(Debug, Serialize, JsonSchema)]
struct Conversion {
    format_found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<JsonObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    report: Report,
}

async fn convert_workflow(call: Call, params: ConvertWorkflow) -> Handled<Conversion> {
    let from_server = params.workflow.is_reference();
    let readable = reading::read_to_show(&call, params.workflow).await?;
    let format_found = readable.format.to_owned();
    let mut report = readable.report;
    let (mut workflow, mut text) = (None, None);
    match params.to {
        Target::Api => workflow = Some(whole(readable.workflow.to_value())?),
        Target::Script => text = Some(script::print(&readable.workflow)),
        Target::Ui => {
            let object_info = call.backend().object_info().await.ok();
            let drawn = to_ui(&readable.workflow, object_info.as_deref())?;
            report.dropped.extend(drawn.report.dropped);
            report.assumed.extend(drawn.report.assumed);
            report.notes.extend(drawn.report.notes);
            workflow = Some(whole(drawn.workflow.into_value())?);
        }
    }
    let answer = Answer::from(Conversion { format_found, workflow, script: text, report });
    Ok(as_it_is(answer, from_server))
}
