//! Tools that take their time. The tasks are those of the product: begun, asked for, answered and stopped through its
//! handler.

use std::time::Duration;

use comfywarden::front::Mcp;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        InputRequiredResult, JsonObject, RequestStateCodec, Tool,
    },
    service::RequestContext,
    task_manager::{TaskContext, TaskExit},
};
use serde_json::{Value, json};

use crate::{
    asking::{form, requests, response},
    plain::tool,
};

const ESCALATING: &str = "test_tool_with_task";
/// What stands between an answer that was gathered before the task, and the task.
const NAME: &str = "user_name";

pub(crate) fn tools() -> Vec<Tool> {
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    vec![
        tool("greet", object(json!({ "name": { "type": "string" } }))),
        tool("slow_compute", object(json!({ "seconds": { "type": "number", "minimum": 0, "maximum": 60 } }))),
        tool("failing_job", object(json!({}))),
        tool("protocol_error_job", object(json!({}))),
        tool("confirm_delete", object(json!({ "filename": { "type": "string" } }))),
        tool("multi_input", object(json!({}))),
        tool(ESCALATING, object(json!({}))),
    ]
}

fn says(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// Runs one of these tools; `None` when the name is none of theirs.
pub(crate) async fn call(
    request: &CallToolRequestParams,
    product: &Mcp,
    codec: &RequestStateCodec,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let name = request.name.to_string();
    if !tools().iter().any(|tool| tool.name == name) {
        return None;
    }
    let args = request.arguments.clone().unwrap_or_default();
    let knows_tasks = context.client_capabilities().is_some_and(|client| client.supports_tasks());
    Some(match name.as_str() {
        "greet" => {
            let name = args.get("name").and_then(Value::as_str).unwrap_or("you");
            Ok(says(format!("Hello, {name}!")).into())
        }
        "failing_job" | ESCALATING if !knows_tasks => {
            let tasks = ClientCapabilities::builder().enable_tasks().build();
            Err(ErrorData::missing_required_client_capability(tasks))
        }
        ESCALATING => escalate(request, product, codec, context),
        _ if knows_tasks => begin(product, context, move |task| work(task, name, args)),
        _ => {
            pause(&args).await;
            Ok(says("done").into())
        }
    })
}

fn begin<F>(
    product: &Mcp,
    context: &RequestContext<RoleServer>,
    work: impl FnOnce(TaskContext) -> F,
) -> Result<CallToolResponse, ErrorData>
where
    F: Future<Output = Result<CallToolResult, TaskExit>> + Send + 'static,
{
    let begun = product.start_task(context, |task| Box::pin(work(task)))?;
    begun.ok_or_else(|| ErrorData::internal_error("there is no room for another task", None))
}

/// Asks for a name first, and goes on as a task when it is there.
fn escalate(
    request: &CallToolRequestParams,
    product: &Mcp,
    codec: &RequestStateCodec,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let sealed = || codec.seal_json(&json!({ "round": 1 })).ok();
    let Some(answer) = response(request.input_responses.as_ref(), NAME) else {
        let wanted = requests([(NAME, form("Your name?", "name"))]);
        return Ok(InputRequiredResult::new(Some(wanted), sealed()).into());
    };
    let state = request.request_state.as_deref().unwrap_or_default();
    let opened: Result<Value, _> = codec.open_json(state);
    opened.map_err(|_| ErrorData::invalid_params("this state was not made here", None))?;
    let text = format!("made for {answer}");
    begin(product, context, |_| async { Ok(says(text)) })
}

async fn pause(args: &JsonObject) {
    let seconds = args.get("seconds").and_then(Value::as_f64).unwrap_or_default();
    tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 60.0))).await;
}

async fn work(task: TaskContext, name: String, args: JsonObject) -> Result<CallToolResult, TaskExit> {
    match name.as_str() {
        "slow_compute" => {
            tokio::select! {
                () = pause(&args) => Ok(says("computed")),
                () = task.cancelled() => Err(TaskExit::Cancelled),
            }
        }
        "failing_job" => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(CallToolResult::error(vec![ContentBlock::text("the job failed, as it always does")]))
        }
        "protocol_error_job" => {
            Err(ErrorData::internal_error("the job broke, as it always does", None).into())
        }
        "confirm_delete" => {
            let answer = task.request_input("confirm", form("Delete it?", "confirm")).await?;
            Ok(says(format!("answered: {answer}")))
        }
        _ => {
            let (first, second) = tokio::join!(
                task.request_input("first", form("The first name?", "name")),
                task.request_input("second", form("The second name?", "name")),
            );
            Ok(says(format!("answered: {} and {}", first?, second?)))
        }
    }
}
