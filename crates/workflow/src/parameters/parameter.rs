//! One parameter of a workflow, and all of them.

use serde_json::Value;

use super::Kind;
use crate::NodeId;

/// How a parameter was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The sidecar names node and input.
    Map,
    /// A value `PARAM_[TYPE_]NAME`.
    Param,
    /// `{{name}}` in a value.
    Braces,
    /// A node title `$name.input`.
    Title,
    /// What is usually set.
    Inferred,
}

impl Origin {
    /// A word for listings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Param => "PARAM_",
            Self::Braces => "{{name}}",
            Self::Title => "title",
            Self::Inferred => "inferred",
        }
    }
}

/// In which form a value stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Value,
    /// Written as a text: the input takes nothing else.
    Text,
    /// Inside a longer text, in place of `{{name}}`.
    Within,
}

/// Where a value goes: one scalar of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The node.
    pub node: NodeId,
    /// JSON pointer into the node's inputs, such as `/text` or `/options/0`.
    pub pointer: String,
    /// In which form.
    pub form: Form,
}

impl Place {
    /// The input that holds it.
    pub fn input(&self) -> String {
        let first = self.pointer.trim_start_matches('/').split('/').next().unwrap_or_default();
        first.replace("~1", "/").replace("~0", "~")
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, unique in the workflow.
    pub name: String,
    /// Type and range.
    pub kind: Kind,
    /// What is used when it is not given.
    pub default: Option<Value>,
    /// True when a call without it fails.
    pub required: bool,
    /// True when callers do not see it: it always has its default.
    pub hidden: bool,
    /// What it does, in a line.
    pub description: String,
    /// Where it goes; at least one place.
    pub places: Vec<Place>,
    /// How it was found.
    pub origin: Origin,
}

/// The parameters of one workflow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// In the order in which they were found.
    pub list: Vec<Parameter>,
    /// What its author should know: values that do not fit the server, and the like.
    pub notes: Vec<String>,
}

impl Parameters {
    /// The parameter with this name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.list.iter().find(|parameter| parameter.name == name)
    }
}
