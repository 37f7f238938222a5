//! The parameters of a template: type, range, default, and the reading of given values.

use serde::Serialize;
use serde_json::{Value, json};

use crate::families::Family;
use crate::graph::kind_of;
use crate::{Error, Result, nearest};

use super::choose::Wanted;

/// One parameter of a template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Type and range.
    #[serde(flatten)]
    pub kind: Kind,
    /// The value when it is not given.
    pub default: Value,
    /// Its effect.
    pub description: &'static str,
}

/// The type of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    /// Any text.
    Text,
    /// An integer.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A seed from 0 to 2^64-1; random when it is -1 or absent.
    Seed,
    /// One of a few words.
    Choice {
        /// The words.
        accepted: &'static [&'static str],
    },
    /// The picture model: a checkpoint, or a diffusion model with its companions.
    Model {
        /// Families preferred when none is named.
        #[serde(skip)]
        families: &'static [Family],
    },
    /// A file of a model folder; the name may hold folders.
    File {
        /// The folder.
        folder: &'static str,
        /// The rule to choose a file when none is named.
        #[serde(skip)]
        hint: Hint,
    },
    /// A file in ComfyUI's input folder.
    Input,
    /// A list of `{name, strength}`, applied in order.
    Loras,
    /// One text or a list of texts.
    Texts,
    /// One number or a list of numbers.
    Numbers,
}

/// A rule to choose an installed file when none is named and the default is not installed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Hint {
    /// The only file that is installed.
    Only,
    /// A file whose name tells one of these families.
    Family(&'static [Family]),
    /// A file whose name holds a word.
    Words(Wanted),
    /// No file: the empty value has a meaning.
    Empty,
}

impl Parameter {
    /// Makes a parameter of any kind.
    pub fn new(name: &'static str, kind: Kind, default: impl Into<Value>, description: &'static str) -> Self {
        Self { name, kind, default: default.into(), description }
    }

    /// Reads a given value; errors name the parameter and what it accepts.
    pub fn read(&self, value: &Value) -> Result<Value> {
        let wrong = |accepted: String| {
            let shown = match value {
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                Value::String(text) => format!("`{}`", text.chars().take(80).collect::<String>()),
                other => kind_of(other).to_owned(),
            };
            Err(Error::new(format!("parameter `{}` is {shown}; it takes {accepted}", self.name)))
        };
        match &self.kind {
            Kind::Text | Kind::Model { .. } | Kind::File { .. } | Kind::Input => match value {
                Value::String(_) => Ok(value.clone()),
                _ => wrong("a text".into()),
            },
            Kind::Integer { min, max } => match to_integer(value).filter(|n| (min..=max).contains(&n)) {
                Some(number) => Ok(number.into()),
                None => wrong(format!("a whole number from {min} to {max}")),
            },
            Kind::Number { min, max } => match value.as_f64().filter(|n| (min..=max).contains(&n)) {
                Some(number) => Ok(json!(number)),
                None => wrong(format!("a number from {min} to {max}")),
            },
            Kind::Seed => match (value.as_u64(), value.as_i64()) {
                (Some(_), _) | (_, Some(-1)) => Ok(value.clone()),
                _ => wrong("a whole number from 0 to 18446744073709551615, or -1 to draw one".into()),
            },
            Kind::Choice { accepted } => match value.as_str() {
                Some(word) if accepted.contains(&word) => Ok(value.clone()),
                Some(word) => {
                    let near = nearest::did_you_mean(word, accepted.iter().copied());
                    let near = near.map(|text| format!("; {text}")).unwrap_or_default();
                    wrong(format!("one of {}{near}", accepted.join(", ")))
                }
                None => wrong(format!("one of {}", accepted.join(", "))),
            },
            Kind::Loras => match read_loras(value) {
                Some(()) => Ok(value.clone()),
                None => wrong("a list of {\"name\": text, \"strength\": number from -100 to 100}".into()),
            },
            Kind::Texts => match value {
                Value::String(_) => Ok(json!([value])),
                Value::Array(items) if items.iter().all(Value::is_string) && !items.is_empty() => {
                    Ok(value.clone())
                }
                _ => wrong("a text or a list of texts".into()),
            },
            Kind::Numbers => match value {
                Value::Number(_) => Ok(json!([value])),
                Value::Array(items) if items.iter().all(Value::is_number) && !items.is_empty() => {
                    Ok(value.clone())
                }
                _ => wrong("a number or a list of numbers".into()),
            },
        }
    }
}

/// Reads an integer, also when it is written as `20.0`.
fn to_integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and inside the exact range of f64")]
        (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i64)
    })
}

fn read_loras(value: &Value) -> Option<()> {
    let items = value.as_array()?;
    items
        .iter()
        .all(|item| {
            let Some(item) = item.as_object() else { return false };
            let named = item.get("name").is_some_and(Value::is_string);
            let known = item.keys().all(|key| key == "name" || key == "strength");
            let strong = |s: &Value| s.as_f64().is_some_and(|s| (-100.0..=100.0).contains(&s));
            named && known && item.get("strength").is_none_or(strong)
        })
        .then_some(())
}

/// `prompt` and `negative_prompt`.
pub(super) fn prompts() -> Vec<Parameter> {
    vec![
        Parameter::new("prompt", Kind::Text, "a beautiful landscape, highly detailed", "what to show"),
        Parameter::new("negative_prompt", Kind::Text, "bad quality, blurry", "what to avoid"),
    ]
}

/// `width` and `height`.
pub(super) fn size(width: i64, height: i64) -> Vec<Parameter> {
    let pixels = Kind::Integer { min: 64, max: 4096 };
    vec![
        Parameter::new("width", pixels.clone(), width, "pixels"),
        Parameter::new("height", pixels, height, "pixels"),
    ]
}

/// `steps`, `cfg`, `sampler_name`, `scheduler`, `denoise` and `seed`.
pub(super) fn sampling(steps: i64, cfg: f64, sampler: &str, scheduler: &str, denoise: f64) -> Vec<Parameter> {
    vec![
        Parameter::new("steps", Kind::Integer { min: 1, max: 200 }, steps, "sampling steps"),
        Parameter::new("cfg", Kind::Number { min: 0.0, max: 100.0 }, cfg, "guidance scale"),
        Parameter::new("sampler_name", Kind::Text, sampler, "sampler, as the server lists it"),
        Parameter::new("scheduler", Kind::Text, scheduler, "scheduler, as the server lists it"),
        Parameter::new(
            "denoise",
            Kind::Number { min: 0.0, max: 1.0 },
            denoise,
            "1 draws anew, lower keeps more of the given picture",
        ),
        seed(),
    ]
}

/// `seed` alone.
pub(super) fn seed() -> Parameter {
    Parameter::new("seed", Kind::Seed, -1, "noise seed; -1 draws one")
}

/// `model`: any picture model, preferring `families`.
pub(super) fn model(default: &str, families: &'static [Family]) -> Parameter {
    Parameter::new(
        "model",
        Kind::Model { families },
        default,
        "checkpoint or diffusion model; empty = choose",
    )
}

/// A file of a model folder.
pub(super) fn file(
    name: &'static str,
    folder: &'static str,
    default: &str,
    hint: Hint,
    description: &'static str,
) -> Parameter {
    Parameter::new(name, Kind::File { folder, hint }, default, description)
}

/// `batch_size`, `loras`, `vae` and `clip_skip`.
pub(super) fn extras() -> Vec<Parameter> {
    vec![
        Parameter::new("loras", Kind::Loras, json!([]), "LoRAs as {name, strength}, applied in order"),
        file("vae", "vae", "", Hint::Empty, "VAE file; empty = the model's own"),
        Parameter::new(
            "clip_skip",
            Kind::Integer { min: 1, max: 12 },
            1,
            "last text encoder layers to leave out, counted from 1",
        ),
    ]
}

/// `batch_size`.
pub(super) fn batch() -> Parameter {
    Parameter::new("batch_size", Kind::Integer { min: 1, max: 64 }, 1, "pictures per run")
}

/// `image`: a file in the input folder.
pub(super) fn image() -> Parameter {
    Parameter::new("image", Kind::Input, "input.png", "picture in ComfyUI's input folder")
}
