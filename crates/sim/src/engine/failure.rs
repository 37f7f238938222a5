//! The error events and entries of a failed node.

use serde_json::{Value, json};

use super::run::Run;
use crate::{
    events::now_ms,
    nodes::{Input, Inputs, Raised},
    python,
};
use comfywarden_error::JsonObject;

/// The frames of the Python stack above every node.
const STACK: [&str; 4] = [
    "  File \"/srv/comfyui/execution.py\", line 527, in execute\n",
    "  File \"/srv/comfyui/execution.py\", line 331, in get_output_data\n",
    "  File \"/srv/comfyui/execution.py\", line 305, in _async_map_node_over_list\n",
    "  File \"/srv/comfyui/execution.py\", line 293, in process_inputs\n",
];

/// The tip below every out-of-memory message.
const MEMORY_TIP: &str = "\nThis error means you ran out of memory on your GPU.\n\nTIPS: If the workflow worked before you might have accidentally set the batch_size to a large number.";

/// The data of `execution_error` for an exception.
pub(super) fn raised(run: &Run, node_id: &str, class: &str, raised: &Raised, inputs: &Inputs) -> Value {
    let message = if raised.exception_type == "torch.OutOfMemoryError" {
        format!("{}{MEMORY_TIP}", raised.message)
    } else {
        format!("{}\n", raised.message)
    };
    let mut traceback: Vec<String> = STACK.iter().map(|line| (*line).to_owned()).collect();
    traceback.extend(raised.frames.iter().map(|(file, line, function)| {
        format!("  File \"/srv/comfyui/{file}\", line {line}, in {function}\n")
    }));
    json!({
        "prompt_id": run.item.prompt_id,
        "node_id": node_id,
        "node_type": class,
        "executed": run.executed,
        "exception_message": message,
        "exception_type": raised.exception_type,
        "traceback": traceback,
        "current_inputs": current_inputs(run, node_id, class, inputs),
        "current_outputs": run.item.prompt.keys().collect::<Vec<_>>(),
        "timestamp": now_ms(),
    })
}

/// The data of `execution_error` for an input that was blocked. The run goes on afterwards.
pub(super) fn blocked(run: &Run, node_id: &str, class: &str, message: &str) -> Value {
    json!({
        "prompt_id": run.item.prompt_id,
        "node_id": node_id,
        "node_type": class,
        "executed": run.executed,
        "exception_message": format!("Execution Blocked: {message}"),
        "exception_type": "ExecutionBlocked",
        "traceback": [],
        "current_inputs": [],
        "current_outputs": [],
    })
}

/// The data of `execution_interrupted`.
pub(super) fn interrupted(run: &Run, node_id: &str, class: &str) -> Value {
    json!({
        "prompt_id": run.item.prompt_id,
        "node_id": node_id,
        "node_type": class,
        "executed": run.executed,
        "timestamp": now_ms(),
    })
}

/// The inputs as Python shows them, with those that ComfyUI adds itself: they hold the whole prompt.
fn current_inputs(run: &Run, node_id: &str, class: &str, inputs: &Inputs) -> JsonObject {
    let shown = |input: &Input| match input {
        Input::Literal(value @ (Value::Array(_) | Value::Object(_))) => Value::from(python::str(value)),
        Input::Literal(value) => value.clone(),
        Input::Linked(data) => Value::from(data.shown()),
    };
    let mut all: JsonObject =
        inputs.iter().map(|(name, input)| (name.clone(), json!([shown(input)]))).collect();
    let hidden = run.server.catalogue.raw(class).and_then(|entry| entry.pointer("/input/hidden"));
    for (name, kind) in hidden.and_then(Value::as_object).into_iter().flatten() {
        let value = match kind.as_str().or_else(|| kind.get(0).and_then(Value::as_str)) {
            Some("PROMPT") => python::repr(&Value::Object(run.item.prompt.clone())).into(),
            Some("EXTRA_PNGINFO") => run
                .item
                .extra_data
                .get("extra_pnginfo")
                .map_or(Value::Null, |extra| python::str(extra).into()),
            Some("UNIQUE_ID") => node_id.into(),
            _ => continue,
        };
        all.insert(name.clone(), json!([value]));
    }
    all
}
