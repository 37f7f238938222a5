//! Facts about the server, as an allow-list: operating system, command line and paths stay there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Client, Error, Result, endpoint::Endpoint};
use comfywarden_error::JsonObject;

/// Features of which every ComfyUI with this route names one.
const KNOWN_FEATURES: [&str; 3] = ["supports_preview_metadata", "max_upload_size", "extension"];

/// The server's version and devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SystemStats {
    /// ComfyUI's version, where it says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comfyui_version: Option<String>,
    /// Bytes of main memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram_total: Option<u64>,
    /// Bytes of it that are free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram_free: Option<u64>,
    /// The devices that compute.
    pub devices: Vec<Device>,
}

/// One device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Device {
    /// Its name, such as `cuda:0 …` or `cpu`.
    #[serde(default)]
    pub name: String,
    /// Its kind, such as `cuda`.
    #[serde(rename = "type", default)]
    pub device_type: String,
    /// Bytes of its memory.
    #[serde(default)]
    pub vram_total: u64,
    /// Bytes of it that are free.
    #[serde(default)]
    pub vram_free: u64,
    /// Bytes that torch has taken.
    #[serde(default)]
    pub torch_vram_total: u64,
    /// Bytes of those that are free.
    #[serde(default)]
    pub torch_vram_free: u64,
}

#[derive(Deserialize)]
struct RawStats {
    system: RawSystem,
    devices: Vec<Device>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSystem {
    comfyui_version: Option<String>,
    ram_total: Option<u64>,
    ram_free: Option<u64>,
}

impl Client {
    /// Version and devices.
    pub async fn system_stats(&self) -> Result<SystemStats> {
        let raw: RawStats = self.inner.transport.get_object(&Endpoint::SystemStats).await?;
        let RawSystem { comfyui_version, ram_total, ram_free } = raw.system;
        Ok(SystemStats { comfyui_version, ram_total, ram_free, devices: raw.devices })
    }

    /// Gives the features that the server announces.
    pub async fn features(&self) -> Result<JsonObject> {
        let endpoint = Endpoint::Features;
        let features: JsonObject = self.inner.transport.get_json(&endpoint).await?;
        if !KNOWN_FEATURES.iter().any(|known| features.contains_key(*known)) {
            let reason = "it names none of ComfyUI's features".to_owned();
            return Err(Error::Malformed { what: endpoint.name(), reason });
        }
        Ok(features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_server_that_names_neither_version_nor_memory_is_read() {
        let text = r#"{"system": {"os": "posix", "python_version": "3.10", "embedded_python": false},
            "devices": [{"name": "cpu", "type": "cpu", "index": null}, {"type": "cuda", "vram_total": 5}]}"#;
        let raw: RawStats = serde_json::from_str(text).unwrap();
        assert_eq!((raw.system.comfyui_version, raw.system.ram_total), (None, None));
        assert_eq!((raw.devices[0].vram_total, raw.devices[1].vram_total), (0, 5));
        assert!(serde_json::from_str::<RawStats>(r#"{"system": {}, "devices": "no"}"#).is_err());
    }
}
