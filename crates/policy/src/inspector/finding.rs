//! One thing that the inspector found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The class runs code, reads or writes any file, or talks to the network.
    DangerousNode,
    /// The class calls a paid service.
    CloudApiNode,
    /// The class is not on the allow-list (mode `enforce`).
    ClassNotAllowed,
    /// Code in an input that may be executed.
    CodeInInput,
    /// A path that leaves ComfyUI's folders.
    PathEscape,
    /// A URL to an internal address, or of a scheme that reads more than the web.
    SsrfUrl,
    /// A URL to a foreign host.
    ExternalUrl,
    /// A subgraph that could not be looked into.
    SubgraphUnresolved,
    /// Subgraphs or values nested too deep.
    DepthExceeded,
    /// The server puts another class in this one's place.
    NodeReplacement,
    /// Not a workflow in API format.
    Malformed,
    /// A class name that looks like another one.
    SuspiciousClassName,
    /// More work than any picture needs.
    ResourceAbuse,
    /// A credential inside the workflow.
    SecretInInput,
    /// Text that speaks to the assistant.
    LlmInjection,
    /// Characters that steer a terminal or hide text.
    ControlChars,
    /// A model file that can carry code.
    PickleModel,
    /// A loader names a file that is not installed.
    MissingModel,
}

impl Flag {
    /// Lists every kind.
    pub const ALL: [Self; 18] = [
        Self::DangerousNode,
        Self::CloudApiNode,
        Self::ClassNotAllowed,
        Self::CodeInInput,
        Self::PathEscape,
        Self::SsrfUrl,
        Self::ExternalUrl,
        Self::SubgraphUnresolved,
        Self::DepthExceeded,
        Self::NodeReplacement,
        Self::Malformed,
        Self::SuspiciousClassName,
        Self::ResourceAbuse,
        Self::SecretInInput,
        Self::LlmInjection,
        Self::ControlChars,
        Self::PickleModel,
        Self::MissingModel,
    ];

    /// Spells it as answers and logs do.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DangerousNode => "dangerous_node",
            Self::CloudApiNode => "cloud_api_node",
            Self::ClassNotAllowed => "class_not_allowed",
            Self::CodeInInput => "code_in_input",
            Self::PathEscape => "path_escape",
            Self::SsrfUrl => "ssrf_url",
            Self::ExternalUrl => "external_url",
            Self::SubgraphUnresolved => "subgraph_unresolved",
            Self::DepthExceeded => "depth_exceeded",
            Self::NodeReplacement => "node_replacement",
            Self::Malformed => "malformed",
            Self::SuspiciousClassName => "suspicious_class_name",
            Self::ResourceAbuse => "resource_abuse",
            Self::SecretInInput => "secret_in_input",
            Self::LlmInjection => "llm_injection",
            Self::ControlChars => "control_chars",
            Self::PickleModel => "pickle_model",
            Self::MissingModel => "missing_model",
        }
    }

    /// Returns its row in the table “What a finding does”.
    pub fn severity(self) -> Severity {
        match self {
            Self::Malformed | Self::DepthExceeded | Self::ResourceAbuse | Self::ClassNotAllowed => {
                Severity::Refused
            }
            Self::CloudApiNode => Severity::Paid,
            Self::DangerousNode
            | Self::CodeInInput
            | Self::PathEscape
            | Self::SsrfUrl
            | Self::SuspiciousClassName => Severity::Dangerous,
            Self::ExternalUrl
            | Self::SubgraphUnresolved
            | Self::NodeReplacement
            | Self::SecretInInput
            | Self::LlmInjection
            | Self::ControlChars
            | Self::PickleModel
            | Self::MissingModel => Severity::Warning,
        }
    }
}

/// The severity of a finding; the rows of the table “What a finding does”.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Runs in audit mode, asks in enforce mode.
    Warning,
    /// Asks in audit mode, refused in enforce mode.
    Dangerous,
    /// Refused without a budget, asks with one.
    Paid,
    /// Refused in both modes.
    Refused,
}

impl Severity {
    /// Lists every severity, the mildest first.
    pub const ALL: [Self; 4] = [Self::Warning, Self::Dangerous, Self::Paid, Self::Refused];
}

/// One thing that the inspector found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The kind of a finding.
    pub flag: Flag,
    /// Its severity.
    pub severity: Severity,
    /// The node concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// The node's class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_type: Option<String>,
    /// The input concerned, such as `text` or `a.b[0]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The sentence that is shown; hooks search for its beginning.
    pub message: String,
    /// The part of the text that was found, cut, without secrets. For answers only: the audit log keeps of inputs what
    /// `security.privacy` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The keys and indexes that lead from the inspected value to the node.
    #[serde(skip)]
    way: Vec<String>,
}

impl Finding {
    /// Makes a finding with the severity of its kind.
    pub fn new(flag: Flag, message: impl Into<String>) -> Self {
        let message: String = message.into();
        let message = crate::display::sanitize(&message).into_owned();
        let (severity, way) = (flag.severity(), Vec::new());
        Self { flag, severity, node_id: None, class_type: None, input: None, message, excerpt: None, way }
    }

    /// Names the node and its class.
    #[must_use]
    pub fn node(mut self, node_id: &str, class_type: &str) -> Self {
        self.way = vec![node_id.to_owned()];
        self.node_id = Some(short(node_id));
        if !class_type.is_empty() {
            self.class_type = Some(short(class_type));
        }
        self
    }

    /// Quotes the text that was found; it must be safe to show.
    #[must_use]
    pub(super) fn quoting(mut self, excerpt: Option<String>) -> Self {
        self.excerpt = excerpt;
        self
    }

    /// Returns the sentence with the text that was found, for the author of the workflow and for its user.
    pub fn warning(&self) -> String {
        match &self.excerpt {
            Some(excerpt) => format!("{}: “{excerpt}”", self.message),
            None => self.message.clone(),
        }
    }

    /// Sets the way to the node, which need not be among the outermost ones.
    #[must_use]
    pub(crate) fn at(mut self, way: Vec<String>) -> Self {
        self.way = way;
        self
    }

    /// Lists the keys and indexes that lead from the inspected value to the node; empty where no node is concerned.
    pub fn way(&self) -> &[String] {
        &self.way
    }

    /// Returns the id of the node if it is one of the outermost.
    pub fn outermost(&self) -> Option<&str> {
        match self.way.as_slice() {
            [id] => Some(id),
            _ => None,
        }
    }

    /// Names the input.
    #[must_use]
    pub fn input(mut self, path: &str) -> Self {
        self.input = Some(short(path));
        self
    }
}

/// Cuts a foreign name to a safe line.
pub(super) fn short(text: &str) -> String {
    let cut: String = text.chars().take(120).collect();
    let shown = crate::display::sanitize(&cut);
    if shown.contains(['\n', '\t']) {
        return shown.replace('\n', "\\n").replace('\t', "\\t");
    }
    shown.into_owned()
}
