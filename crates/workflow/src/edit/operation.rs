//! The operations, and how they are read from JSON with messages that help.

use serde_json::{Map, Value};

use crate::graph::kind_of;
use crate::{Error, Result, Workflow, nearest};
use comfywarden_error::JsonObject;

/// An output of a node: by number, or by its name or type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// Its index, from 0.
    Index(u32),
    /// Its name or type, such as `CLIP`.
    Name(String),
}

/// One change to a workflow.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Adds a node; without an id it gets the highest number plus one.
    AddNode {
        /// Its class.
        class_type: String,
        /// Its id.
        node_id: Option<String>,
        /// Its inputs.
        inputs: JsonObject,
    },
    /// Removes a node and every input that takes its outputs.
    RemoveNode {
        /// The node.
        node_id: String,
    },
    /// Sets an input to a value.
    SetInput {
        /// The node.
        node_id: String,
        /// The input.
        input_name: String,
        /// The value; may be null.
        value: Value,
    },
    /// Feeds an input from an output.
    Connect {
        /// The source node.
        from_node: String,
        /// The output of the source node.
        from_output: Slot,
        /// The target node.
        to_node: String,
        /// The input of the target node.
        to_input: String,
    },
    /// Removes an input.
    Disconnect {
        /// The node.
        node_id: String,
        /// The input.
        input_name: String,
    },
    /// Adds a group of nodes; their ids become `node_id:inner`.
    InsertSubgraph {
        /// The name of the group.
        class_type: Option<String>,
        /// The nodes, in API format; links inside are kept, others must exist in the workflow.
        subgraph_nodes: Workflow,
        /// The prefix of the ids.
        node_id: Option<String>,
    },
    /// Runs another class in a node's place; inputs and links that fit are kept.
    ReplaceNode {
        /// The node.
        node_id: String,
        /// The new class.
        class_type: String,
        /// Inputs to set or override.
        inputs: JsonObject,
    },
    /// Puts a new node on an existing link.
    InsertBetween {
        /// The target node of the link.
        to_node: String,
        /// The input of the target node.
        to_input: String,
        /// The class of the new node.
        class_type: String,
        /// Its id.
        node_id: Option<String>,
        /// Its other inputs.
        inputs: JsonObject,
        /// The input that takes the link; found by type when absent.
        input_name: Option<String>,
        /// The output that goes on; found by type when absent.
        output: Option<Slot>,
    },
    /// Removes a node and links its consumers to the sources of its own inputs of the same type.
    Bypass {
        /// The node.
        node_id: String,
    },
}

const NAMES: &[&str] = &[
    "add_node",
    "remove_node",
    "set_input",
    "connect",
    "disconnect",
    "insert_subgraph",
    "replace_node",
    "insert_between",
    "bypass",
];

impl Operation {
    /// Returns the `op` word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddNode { .. } => "add_node",
            Self::RemoveNode { .. } => "remove_node",
            Self::SetInput { .. } => "set_input",
            Self::Connect { .. } => "connect",
            Self::Disconnect { .. } => "disconnect",
            Self::InsertSubgraph { .. } => "insert_subgraph",
            Self::ReplaceNode { .. } => "replace_node",
            Self::InsertBetween { .. } => "insert_between",
            Self::Bypass { .. } => "bypass",
        }
    }

    /// Reads a list of operations (or a single one). Messages carry the index of the one that is wrong.
    pub fn read_list(value: &Value) -> Result<Vec<Self>> {
        match value {
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    Self::read(item).map_err(|error| {
                        let hint = error.hint_text().unwrap_or_default().to_owned();
                        Error::new(format!("operation {index}: {error}")).hint(hint)
                    })
                })
                .collect(),
            Value::Object(_) => Ok(vec![Self::read(value)?]),
            other => Err(Error::new(format!("operations is {}, not a list", kind_of(other)))
                .hint("give [{\"op\": \"set_input\", \"node_id\": \"3\", \"input_name\": \"steps\", \"value\": 30}]")),
        }
    }

    /// Reads one operation.
    pub fn read(value: &Value) -> Result<Self> {
        let Value::Object(map) = value else {
            return Err(Error::new(format!("it is {}, not an object", kind_of(value)))
                .hint(format!("give an object with `op`, one of: {}", NAMES.join(", "))));
        };
        let Some(op) = map.get("op").and_then(Value::as_str) else {
            return Err(Error::new("it has no `op`").hint(format!("`op` is one of: {}", NAMES.join(", "))));
        };
        let fields = Fields { op, map };
        let operation = fields.operation()?;
        fields.refuse_unknown(&operation)?;
        Ok(operation)
    }

    fn fields(&self) -> &'static [&'static str] {
        match self {
            Self::AddNode { .. } => &["class_type", "node_id", "inputs"],
            Self::RemoveNode { .. } | Self::Bypass { .. } => &["node_id"],
            Self::SetInput { .. } => &["node_id", "input_name", "value"],
            Self::Connect { .. } => &["from_node", "from_output", "to_node", "to_input"],
            Self::Disconnect { .. } => &["node_id", "input_name"],
            Self::InsertSubgraph { .. } => &["class_type", "subgraph_nodes", "node_id"],
            Self::ReplaceNode { .. } => &["node_id", "class_type", "inputs"],
            Self::InsertBetween { .. } => {
                &["to_node", "to_input", "class_type", "node_id", "inputs", "input_name", "output"]
            }
        }
    }
}

struct Fields<'a> {
    op: &'a str,
    map: &'a JsonObject,
}

impl Fields<'_> {
    fn operation(&self) -> Result<Operation> {
        Ok(match self.op {
            "add_node" => Operation::AddNode {
                class_type: self.text("class_type")?,
                node_id: self.optional_id("node_id")?,
                inputs: self.inputs()?,
            },
            "remove_node" => Operation::RemoveNode { node_id: self.id("node_id")? },
            "set_input" => Operation::SetInput {
                node_id: self.id("node_id")?,
                input_name: self.text("input_name")?,
                value: self.map.get("value").cloned().ok_or_else(|| self.missing("value"))?,
            },
            "connect" => Operation::Connect {
                from_node: self.id("from_node")?,
                from_output: self.slot("from_output")?.unwrap_or(Slot::Index(0)),
                to_node: self.id("to_node")?,
                to_input: self.text("to_input")?,
            },
            "disconnect" => {
                Operation::Disconnect { node_id: self.id("node_id")?, input_name: self.text("input_name")? }
            }
            "insert_subgraph" => Operation::InsertSubgraph {
                class_type: self.optional_id("class_type")?,
                subgraph_nodes: self.subgraph()?,
                node_id: self.optional_id("node_id")?,
            },
            "replace_node" => Operation::ReplaceNode {
                node_id: self.id("node_id")?,
                class_type: self.text("class_type")?,
                inputs: self.inputs()?,
            },
            "insert_between" => Operation::InsertBetween {
                to_node: self.id("to_node")?,
                to_input: self.text("to_input")?,
                class_type: self.text("class_type")?,
                node_id: self.optional_id("node_id")?,
                inputs: self.inputs()?,
                input_name: self.optional_id("input_name")?,
                output: self.slot("output")?,
            },
            "bypass" => Operation::Bypass { node_id: self.id("node_id")? },
            other => {
                let near = nearest::did_you_mean(other, NAMES.iter().copied());
                let near = near.map(|text| format!("; {text}")).unwrap_or_default();
                return Err(Error::new(format!("no operation `{other}`{near}"))
                    .hint(format!("`op` is one of: {}", NAMES.join(", "))));
            }
        })
    }

    fn refuse_unknown(&self, operation: &Operation) -> Result<()> {
        let known = operation.fields();
        let Some(unknown) = self.map.keys().find(|key| *key != "op" && !known.contains(&key.as_str())) else {
            return Ok(());
        };
        let near = nearest::did_you_mean(unknown, known.iter().copied());
        let near = near.map(|text| format!("; {text}")).unwrap_or_default();
        Err(Error::new(format!("`{}` has no field `{unknown}`{near}", self.op))
            .hint(format!("its fields: {}", known.join(", "))))
    }

    fn missing(&self, name: &str) -> Error {
        Error::new(format!("`{}` needs `{name}`", self.op))
    }

    fn text(&self, name: &str) -> Result<String> {
        match self.map.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            None => Err(self.missing(name)),
            Some(other) => Err(self.wrong(name, other, "a text that is not empty")),
        }
    }

    /// Reads an id; a number is taken as its text.
    fn id(&self, name: &str) -> Result<String> {
        self.optional_id(name)?.ok_or_else(|| self.missing(name))
    }

    fn optional_id(&self, name: &str) -> Result<Option<String>> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.wrong(name, other, "a text that is not empty")),
        }
    }

    fn inputs(&self) -> Result<JsonObject> {
        match self.map.get("inputs") {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(inputs)) => Ok(inputs.clone()),
            Some(other) => Err(self.wrong("inputs", other, "an object of input values")),
        }
    }

    fn slot(&self, name: &str) -> Result<Option<Slot>> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(match text.parse() {
                Ok(index) => Slot::Index(index),
                Err(_) => Slot::Name(text.clone()),
            })),
            Some(value) => match value.as_u64().and_then(|index| u32::try_from(index).ok()) {
                Some(index) => Ok(Some(Slot::Index(index))),
                None => Err(self.wrong(name, value, "an output number from 0, or an output's name")),
            },
        }
    }

    fn subgraph(&self) -> Result<Workflow> {
        let value = self.map.get("subgraph_nodes").ok_or_else(|| self.missing("subgraph_nodes"))?;
        let nodes = Workflow::from_value(value)?;
        if nodes.is_empty() {
            return Err(self.wrong("subgraph_nodes", value, "at least one node"));
        }
        Ok(nodes)
    }

    fn wrong(&self, name: &str, value: &Value, accepted: &str) -> Error {
        let shown = match value {
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            other => kind_of(other).to_owned(),
        };
        Error::new(format!("`{name}` of `{}` is {shown}; it takes {accepted}", self.op))
    }
}
