//! The server itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Call, Handled, Hints, Tool,
    params::{Names, Paging},
    shown::{show_map, shown},
};
use crate::{comfy::Device, gate::Class};
use comfywarden_error::JsonObject;

const LOOK: Hints = Hints { read_only: true, destructive: false, idempotent: true, open_world: true };

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_system_info",
            Class::Read,
            "Server",
            "Tells ComfyUI's version, its devices with total and free VRAM, and how many jobs run and wait.",
            get_system_info,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_get_server_features",
            Class::Read,
            "Server features",
            "Shows what the ComfyUI server says it supports, such as its upload limit.",
            get_server_features,
        )
        .hints(LOOK),
        Tool::new(
            "comfyui_list_extensions",
            Class::Read,
            "Editor extensions",
            "Lists the editor scripts of ComfyUI and its node packs. For node classes use comfyui_list_nodes.",
            list_extensions,
        )
        .hints(LOOK),
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
    let (system, queue) = tokio::join!(call.backend().system_stats(), call.backend().queue());
    let (system, queue) = (system?, queue?);
    Ok(SystemInfo {
        comfyui_version: system.comfyui_version,
        devices: system.devices.into_iter().map(DeviceInfo::from).collect(),
        queue: QueueCounts { running: queue.running.len(), pending: queue.pending.len() },
    }
    .into())
}

/// Feature flags of the server, unchanged.
#[derive(Debug, Serialize, JsonSchema)]
struct Features {
    #[serde(flatten)]
    features: JsonObject,
}

async fn get_server_features(call: Call, _: NoParams) -> Handled<Features> {
    let mut features = call.backend().features().await?;
    show_map(&mut features, 500);
    Ok(Features { features }.into())
}

async fn list_extensions(call: Call, paging: Paging) -> Handled<Names> {
    let paths = call.backend().extensions().await?;
    let (paths, page) = paging.cut(paths);
    Ok(Names { items: paths.iter().map(|path| shown(path, 500)).collect(), page }.into())
}
