//! A node that raised: its words, what lies behind them, and what the workflow says about it.

use super::{
    super::{Call, Stop, findings},
    causes, memory, remedy,
    verdict::{Diagnosis, Verdict},
};
use crate::comfy::{Job, NodeFailure, PromptId};
use comfywarden_workflow::{Workflow, check::check};

/// The diagnosis of a job that failed.
pub(super) async fn of_job(call: &Call, id: &PromptId, job: Job) -> Result<Diagnosis, Stop> {
    let graph = call.backend().history_workflow(id).await?;
    let workflow = graph.and_then(|graph| Workflow::from_owned(graph).ok());
    let Some(failure) = job.error else {
        return Ok(Diagnosis::new(
            Verdict::NodeError,
            "ComfyUI says that the job failed, and not where or why",
        )
        .step("look at ComfyUI's own log"));
    };
    let diagnosis = if failure.out_of_memory {
        out_of_memory(call, &failure, workflow.as_ref()).await
    } else {
        raised(call, &failure, workflow.as_ref()).await
    };
    Ok(Diagnosis {
        node_id: Some(failure.node_id),
        node_type: Some(failure.node_type),
        exception_type: Some(failure.exception_type),
        message: Some(failure.message),
        traceback: failure.traceback,
        ..diagnosis
    })
}

async fn out_of_memory(call: &Call, failure: &NodeFailure, workflow: Option<&Workflow>) -> Diagnosis {
    let (object_info, stats) = tokio::join!(call.backend().object_info(), call.backend().system_stats());
    let device = stats.ok().and_then(|stats| stats.devices.into_iter().next());
    let device = device.map_or_else(String::new, |device| {
        let (all, free) = (gibibytes(device.vram_total), gibibytes(device.vram_free));
        format!("; the device has {all} GiB, of which {free} are free now")
    });
    let summary = format!("memory ran out in node {} ({}){device}", failure.node_id, failure.node_type);
    let mut diagnosis = Diagnosis::new(Verdict::OutOfMemory, summary);
    diagnosis.steps = memory::ladder(failure, workflow, object_info.ok().as_deref());
    diagnosis
}

/// Formats bytes as gibibytes with one decimal.
fn gibibytes(bytes: u64) -> String {
    let tenths = u128::from(bytes) * 10 / (1 << 30);
    format!("{}.{}", tenths / 10, tenths % 10)
}

async fn raised(call: &Call, failure: &NodeFailure, workflow: Option<&Workflow>) -> Diagnosis {
    let node = format!("node {} ({})", failure.node_id, failure.node_type);
    let object_info = call.backend().object_info().await.ok();
    let problems = workflow.map(|workflow| check(workflow, object_info.as_deref())).unwrap_or_default();
    let found = findings::of_check(problems, &failure.node_id);
    let mut diagnosis = match causes::of(failure) {
        Some(cause) => {
            let mut diagnosis =
                Diagnosis::new(Verdict::NodeError, format!("{node} failed: {}", cause.meaning));
            diagnosis.steps = cause.steps.iter().map(|step| (*step).to_owned()).collect();
            diagnosis
        }
        None => Diagnosis::new(Verdict::NodeError, format!("{node} failed; the message is its own"))
            .step(format!(
                "look at what it takes: comfyui_get_node_info with node_class `{}`",
                failure.node_type
            ))
            .step("check the workflow: comfyui_validate_workflow"),
    };
    let mut steps = remedy::steps(&found, object_info.as_deref(), &remedy::packs_for(call, &found).await);
    steps.append(&mut diagnosis.steps);
    if let Some(pack) = pack_in(&failure.traceback) {
        steps.push(format!(
            "the error comes from the node pack `{pack}`: update it (comfyui_update_custom_node), or ask its author"
        ));
    }
    diagnosis.steps = steps;
    diagnosis.findings = found;
    diagnosis
}

/// The node pack in whose files the exception was raised.
fn pack_in(traceback: &[String]) -> Option<&str> {
    let inside = |frame: &&String| frame.starts_with("custom_nodes/");
    let frame = traceback.iter().rev().find(inside)?;
    // A pack of a single file has no folder, and nothing that could be updated.
    frame.strip_prefix("custom_nodes/")?.split_once('/').map(|(pack, _)| pack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pack_is_the_one_nearest_to_the_cause() {
        let frames = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let seen =
            frames(&["execution.py:1 in f", "custom_nodes/a/x.py:1 in f", "custom_nodes/b-c/y.py:2 in g"]);
        assert_eq!(pack_in(&seen), Some("b-c"));
        assert_eq!(pack_in(&frames(&["execution.py:1 in f", "custom_nodes/single.py:3 in f"])), None);
    }
}
