//! Section `security`: the operator's policy for workflows, uploads and downloads.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// The operator's policy.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// `audit` reports, `enforce` refuses. Unset means `audit` on stdio and `enforce` over HTTP.
    pub mode: Mode,
    /// Node classes that may run in `enforce`; empty means the built-in list of core classes.
    pub allowed_nodes: Vec<String>,
    /// Node classes that count as dangerous: a list extends the built-in one, `{replace: […]}` replaces it.
    pub dangerous_nodes: DangerousNodes,
    /// Largest upload, in megabytes.
    #[schemars(range(min = 1, max = 500))]
    pub max_upload_size_mb: u64,
    /// File name extensions that may be uploaded.
    #[schemars(inner(regex(pattern = r"^\.[a-z0-9]{1,16}$")))]
    pub allowed_extensions: Vec<String>,
    /// Hosts that models may come from, subdomains included.
    #[schemars(inner(length(min = 1, max = 253)))]
    pub allowed_download_domains: Vec<String>,
    /// File name extensions of models that may be downloaded.
    #[schemars(inner(regex(pattern = r"^\.[a-z0-9]{1,16}$")))]
    pub allowed_model_extensions: Vec<String>,
    /// Tools that change the server (installs, settings): `ask` each time, `allow`, or `off`.
    pub admin: Consent,
    /// Nodes that cost money.
    pub api_nodes: ApiNodes,
    /// ComfyUI settings that tools may read and write.
    pub settings_allowlist: Vec<String>,
    /// What the audit log keeps of prompts and uploads.
    pub privacy: Privacy,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            mode: Mode::Audit,
            allowed_nodes: Vec::new(),
            dangerous_nodes: DangerousNodes::default(),
            max_upload_size_mb: 50,
            allowed_extensions: owned(&[".png", ".jpg", ".jpeg", ".webp", ".gif", ".json"]),
            allowed_download_domains: owned(&["huggingface.co", "civitai.com"]),
            allowed_model_extensions: owned(&[".safetensors", ".ckpt", ".pt", ".pth", ".bin"]),
            admin: Consent::Ask,
            api_nodes: ApiNodes::default(),
            settings_allowlist: owned(&[
                "Comfy.Execution.PreviewMethod",
                "Comfy.PreviewFormat",
                "Comfy.Queue.ImageFit",
                "Comfy.QueueButton.BatchCountLimit",
                "Comfy.WidgetControlMode",
            ]),
            privacy: Privacy::Digest,
        }
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// The consequence of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Report, ask where it is dangerous.
    #[default]
    Audit,
    /// Refuse what is not allowed.
    Enforce,
}

/// The operator's standing answer for tools that change the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Ask the user at each call; a client that cannot ask is refused.
    #[default]
    Ask,
    /// Allowed once and for all.
    Allow,
    /// The tools are off.
    Off,
}

/// The part of prompts and uploads that the audit log keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// The text itself, without secrets.
    Full,
    /// Length and SHA-256.
    #[default]
    Digest,
    /// Nothing.
    Off,
}

/// The budget for nodes that cost money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApiNodes {
    /// Credits per day (UTC) over all callers; 0 refuses such nodes.
    pub budget: u64,
    /// Credits that a node counts whose price ComfyUI does not publish as a plain number.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub credits_per_node: u64,
}

impl Default for ApiNodes {
    fn default() -> Self {
        Self { budget: 0, credits_per_node: 250 }
    }
}

/// Changes to the built-in list of dangerous node classes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct DangerousNodes {
    /// Classes added to the list.
    pub extend: Vec<String>,
    /// Classes that stand in place of the built-in list.
    pub replace: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DangerousNodesMap {
    extend: Vec<String>,
    replace: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for DangerousNodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListOrMap;
        impl<'de> Visitor<'de> for ListOrMap {
            type Value = DangerousNodes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of node classes, or a mapping with `extend` or `replace`")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                let extend = Vec::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(DangerousNodes { extend, replace: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let DangerousNodesMap { extend, replace } =
                    Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                Ok(DangerousNodes { extend, replace })
            }
        }
        deserializer.deserialize_any(ListOrMap)
    }
}

impl JsonSchema for DangerousNodes {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DangerousNodes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = generator.subschema_for::<Vec<String>>();
        json_schema!({
            "anyOf": [
                names,
                {
                    "type": "object",
                    "properties": { "extend": names, "replace": { "anyOf": [names, { "type": "null" }] } },
                    "additionalProperties": false
                }
            ]
        })
    }
}
