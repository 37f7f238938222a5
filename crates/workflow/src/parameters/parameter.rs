//! One parameter of a workflow, and all of them.

use serde_json::Value;

use super::Kind;
use crate::NodeId;

/// The origin of a parameter.
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
    /// A usual setting, found without a mark.
    Inferred,
}

impl Origin {
    /// Returns the word for listings.
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

/// The form of a value at its location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The value as it is.
    Value,
    /// The value as text: the input takes nothing else.
    Text,
    /// Part of a longer text, in place of `{{name}}`.
    Within,
}

/// The location of a value: one scalar of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuePath {
    /// The node.
    pub node: NodeId,
    /// JSON pointer into the node's inputs, such as `/text` or `/options/0`.
    pub pointer: String,
    /// The form of the value.
    pub form: Form,
}

impl ValuePath {
    /// Returns the input that holds the value.
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
    /// The value when it is not given.
    pub default: Option<Value>,
    /// True when a call without it fails.
    pub required: bool,
    /// True when callers do not see it: it always has its default.
    pub hidden: bool,
    /// Its effect, in a line.
    pub description: String,
    /// The locations of its value; at least one.
    pub paths: Vec<ValuePath>,
    /// Its origin.
    pub origin: Origin,
}

/// The parameters of one workflow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// In the order in which they were found.
    pub list: Vec<Parameter>,
    /// Notes for the author: values that do not fit the server, and the like.
    pub notes: Vec<String>,
}

impl Parameters {
    /// Returns the parameter with this name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.list.iter().find(|parameter| parameter.name == name)
    }
}
