//! The server itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Call, Handled, Hints, Tool};
use crate::{comfy::Device, security::Class};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_system_info",
            Class::Read,
            "Server",
            "Tells ComfyUI's version, its devices with total and free VRAM, and how many jobs run and wait.",
            get_system_info,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true }),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// The server, without what identifies its machine.
#[derive(Debug, Serialize, JsonSchema)]
struct SystemInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    comfyui_version: Option<String>,
    devices: Vec<Device>,
    queue: QueueCounts,
}

#[derive(Debug, Serialize, JsonSchema)]
struct QueueCounts {
    running: usize,
    pending: usize,
}

async fn get_system_info(call: Call, _: NoParams) -> Handled<SystemInfo> {
    let (system, queue) = tokio::join!(call.comfy.system_stats(), call.comfy.queue());
    let (system, queue) = (system?, queue?);
    Ok(SystemInfo {
        comfyui_version: system.comfyui_version,
        devices: system.devices,
        queue: QueueCounts { running: queue.running.len(), pending: queue.pending.len() },
    }
    .into())
}
