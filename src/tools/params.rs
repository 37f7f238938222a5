//! Parameter types that several tools share. Each refuses a bad value by itself.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// The most bytes of a workflow as text, which is parsed in memory as a whole.
pub const MAX_WORKFLOW_BYTES: usize = 10 * 1024 * 1024;

/// A workflow as a JSON object or as JSON text. Reading it is the business of `reading`.
#[derive(Debug, Clone)]
pub struct WorkflowArg(Value);

impl WorkflowArg {
    /// True when it only says where the workflow is.
    pub(crate) fn is_reference(&self) -> bool {
        self.0.as_str().is_some_and(|text| text.trim_start().starts_with("comfyui://"))
    }

    /// The object or text as it was given.
    pub(crate) fn into_value(self) -> Value {
        self.0
    }
}

impl<'de> Deserialize<'de> for WorkflowArg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match &value {
            Value::Object(_) => Ok(Self(value)),
            Value::String(text) if text.len() <= MAX_WORKFLOW_BYTES => Ok(Self(value)),
            Value::String(text) => Err(D::Error::custom(format!(
                "the workflow has {} bytes; at most {MAX_WORKFLOW_BYTES} are accepted",
                text.len()
            ))),
            _ => Err(D::Error::custom("expected a workflow object or its JSON text")),
        }
    }
}

impl JsonSchema for WorkflowArg {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Workflow".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "object" },
                { "type": "string", "minLength": 2, "maxLength": MAX_WORKFLOW_BYTES }
            ]
        })
    }
}

/// A seed: 0 to 2^64−1, or −1 for a random one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seed {
    /// Draw one.
    Random,
    /// This one, exactly.
    Fixed(u64),
}

impl Seed {
    /// The seed to use: the given one, the one drawn before a question was asked, or a new one.
    ///
    /// A drawn seed stays below 2^53, so that no JSON client rounds it when it comes back.
    pub fn resolve(given: Option<Self>, resumed: Option<u64>) -> u64 {
        match (given, resumed) {
            (Some(Self::Fixed(seed)), _) => seed,
            (_, Some(seed)) => seed,
            _ => uuid::Uuid::new_v4().as_u64_pair().0 >> 11,
        }
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        match (number.as_u64(), number.as_i64()) {
            (Some(seed), _) => Ok(Self::Fixed(seed)),
            (None, Some(-1)) => Ok(Self::Random),
            _ => Err(D::Error::custom(format!(
                "{number} is not a seed; accepted are whole numbers from 0 to 18446744073709551615, or -1"
            ))),
        }
    }
}

impl JsonSchema for Seed {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Seed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": -1, "maximum": u64::MAX })
    }
}

/// One LoRA and how strongly it acts.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lora {
    /// File in loras
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// Strength
    #[serde(default = "one")]
    #[schemars(range(min = -20.0, max = 20.0))]
    pub strength: f64,
}

fn one() -> f64 {
    1.0
}

/// `limit` and `offset` of a listing, as arguments.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Paging {
    /// Most items
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) limit: u32,
    /// Items to skip
    #[serde(default)]
    #[schemars(range(max = 1_000_000))]
    pub(crate) offset: u32,
}

impl Paging {
    /// Cuts this page out of `items`.
    pub(crate) fn cut<T>(self, items: Vec<T>) -> (Vec<T>, Page) {
        Page::cut(items, self.limit, self.offset)
    }
}

/// `limit` and `offset` of a listing.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct Page {
    /// First item, from 0.
    pub offset: usize,
    /// Most items.
    pub limit: usize,
    /// All matches.
    pub total: usize,
    /// True when more follow.
    pub has_more: bool,
}

impl Page {
    /// Cuts one page out of `items`. A page past the end is empty.
    pub fn cut<T>(items: Vec<T>, limit: u32, offset: u32) -> (Vec<T>, Self) {
        let (limit, offset, total) = (limit as usize, offset as usize, items.len());
        let page: Vec<T> = items.into_iter().skip(offset).take(limit).collect();
        let has_more = offset.saturating_add(page.len()) < total;
        (page, Self { offset, limit, total, has_more })
    }
}

/// One page of names.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Names {
    pub(super) items: Vec<String>,
    #[serde(flatten)]
    pub(super) page: Page,
}

/// The page size when none is given.
pub(crate) fn default_limit() -> u32 {
    25
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_exact_to_the_last_bit() {
        let read = |text: &str| serde_json::from_str::<Seed>(text);
        assert_eq!(read("18446744073709551615").unwrap(), Seed::Fixed(u64::MAX));
        assert_eq!(read("-1").unwrap(), Seed::Random);
        assert!(read("-2").is_err() && read("1.5").is_err() && read("18446744073709551616").is_err());
    }

    #[test]
    fn drawn_seeds_differ_and_survive_a_double() {
        let (a, b) = (Seed::resolve(None, None), Seed::resolve(Some(Seed::Random), None));
        assert_ne!(a, b);
        assert!(a < 1 << 53 && b < 1 << 53);
        assert_eq!(Seed::resolve(None, Some(7)), 7);
    }

    #[test]
    fn pages_join_and_end_empty() {
        let (page, cut) = Page::cut((0..7).collect(), 3, 6);
        assert_eq!((page, cut.has_more, cut.total), (vec![6], false, 7));
        assert_eq!(Page::cut((0..7).collect::<Vec<i32>>(), 3, 9).0, Vec::<i32>::new());
    }
}
