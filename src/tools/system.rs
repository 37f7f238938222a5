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
    devices: Vec<DeviceInfo>,
    queue: QueueCounts,
}

/// One device; sizes in MiB.
#[derive(Debug, Serialize, JsonSchema)]
struct DeviceInfo {
    name: String,
    vram_total_mb: u64,
    vram_free_mb: u64,
    torch_vram_total_mb: u64,
    torch_vram_free_mb: u64,
}

impl From<Device> for DeviceInfo {
    fn from(device: Device) -> Self {
        let mebibytes = |bytes: u64| bytes / (1024 * 1024);
        Self {
            name: device.name,
            vram_total_mb: mebibytes(device.vram_total),
            vram_free_mb: mebibytes(device.vram_free),
            torch_vram_total_mb: mebibytes(device.torch_vram_total),
            torch_vram_free_mb: mebibytes(device.torch_vram_free),
        }
    }
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
        devices: system.devices.into_iter().map(DeviceInfo::from).collect(),
        queue: QueueCounts { running: queue.running.len(), pending: queue.pending.len() },
    }
    .into())
}
