//! The type and range of a parameter, from the node catalogue or from a value.

use serde_json::Value;

use crate::object_info::InputSpec;

/// The longest text that a parameter takes, where nothing says less.
pub(super) const MAX_TEXT: usize = 20_000;
/// The longest name of a file.
const MAX_NAME: usize = 255;
/// The largest integer that every JSON client reads exactly.
const MAX_EXACT_INTEGER: i128 = 9_007_199_254_740_991;
/// The bound of numbers without a range of their own.
const MAX_NUMBER: f64 = 1e12;

/// The type and range of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A text.
    Text {
        /// The most characters.
        longest: usize,
    },
    /// An integer.
    Integer {
        /// Smallest.
        min: i128,
        /// Largest.
        max: i128,
        /// Distance between accepted values, counted from `min`.
        step: i128,
    },
    /// A number.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Distance between accepted values, counted from `min`; only where a sidecar asks for it.
        step: Option<f64>,
    },
    /// True or false.
    Boolean,
    /// An integer from 0, random when it is absent or -1.
    Seed {
        /// Largest.
        max: u64,
    },
    /// One of these values.
    Choice {
        /// Texts or numbers, in the server's order.
        options: Vec<Value>,
    },
}

/// A type by the word that a file uses for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Text,
    Integer,
    Number,
    Boolean,
    Seed,
}

impl Kind {
    /// Returns a text kind of the usual length.
    pub(super) fn text() -> Self {
        Self::Text { longest: MAX_TEXT }
    }

    /// Returns the kind of an input of the catalogue; `None` when it takes no plain value.
    pub(super) fn of_spec(spec: &InputSpec) -> Option<Self> {
        let option = |name: &str| spec.options.get(name);
        match spec.ty.as_str() {
            "INT" => {
                let bound =
                    |name: &str, otherwise: i128| option(name).and_then(to_integer).unwrap_or(otherwise);
                let (min, max) = (bound("min", -MAX_EXACT_INTEGER), bound("max", MAX_EXACT_INTEGER));
                if is_seed(&spec.name) && min <= 0 {
                    let max = u64::try_from(max.max(0)).unwrap_or(u64::MAX);
                    return Some(Self::Seed { max });
                }
                Some(Self::Integer { min, max: max.max(min), step: bound("step", 1).max(1) })
            }
            "FLOAT" => {
                let bound = |name: &str| option(name).and_then(Value::as_f64);
                let (min, max) = (bound("min").unwrap_or(-MAX_NUMBER), bound("max").unwrap_or(MAX_NUMBER));
                Some(Self::Number { min, max: max.max(min), step: None })
            }
            "BOOLEAN" => Some(Self::Boolean),
            "STRING" => Some(Self::text()),
            "COMBO" => {
                // A file uploaded a moment ago is not in a catalogue that was read before.
                let uploads = spec.options.iter().any(|(name, on)| name.ends_with("_upload") && on == true);
                let options: Vec<Value> =
                    spec.choices.iter().flatten().filter(|v| is_plain(v)).cloned().collect();
                if uploads || options.is_empty() {
                    return Some(Self::Text { longest: MAX_NAME });
                }
                Some(Self::Choice { options })
            }
            _ => None,
        }
    }

    /// Infers the kind from a value when the catalogue does not tell.
    pub(super) fn of_value(input: &str, value: &Value) -> Option<Self> {
        match value {
            Value::String(_) => Some(Self::text()),
            Value::Bool(_) => Some(Self::Boolean),
            Value::Number(number) if number.is_f64() => Some(Self::of_word(Word::Number)),
            Value::Number(_) if is_seed(input) => Some(Self::of_word(Word::Seed)),
            Value::Number(_) => Some(Self::of_word(Word::Integer)),
            _ => None,
        }
    }

    /// Returns the widest kind of a word.
    pub(super) fn of_word(word: Word) -> Self {
        match word {
            Word::Text => Self::text(),
            Word::Integer => Self::Integer { min: -MAX_EXACT_INTEGER, max: MAX_EXACT_INTEGER, step: 1 },
            Word::Number => Self::Number { min: -MAX_NUMBER, max: MAX_NUMBER, step: None },
            Word::Boolean => Self::Boolean,
            Word::Seed => Self::Seed { max: u64::MAX },
        }
    }

    /// Narrows the catalogue's kind by the word of a file. The catalogue decides what the node
    /// takes; a file may only ask for an integer where any number would do.
    pub(super) fn narrowed_by(self, word: Word) -> Self {
        match (word, self) {
            (Word::Integer, Self::Number { min, max, .. }) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the cast saturates, which is a bound too"
                )]
                let (min, max) = (min.ceil() as i128, max.floor() as i128);
                Self::Integer { min, max: max.max(min), step: 1 }
            }
            (Word::Seed, Self::Integer { max, .. }) => {
                Self::Seed { max: u64::try_from(max.max(0)).unwrap_or(u64::MAX) }
            }
            (_, kind) => kind,
        }
    }

    /// Intersects two kinds, for a parameter at several locations. Fails with words for both sides.
    pub(super) fn merged(self, other: Self) -> Result<Self, String> {
        let merged = match (self, other) {
            (Self::Text { longest: a }, Self::Text { longest: b }) => Self::Text { longest: a.min(b) },
            // Any scalar can be written into a text.
            (Self::Text { .. }, kind) | (kind, Self::Text { .. }) => kind,
            (Self::Integer { min, max, step }, Self::Integer { min: low, max: high, step: other }) => {
                Self::Integer { min: min.max(low), max: max.min(high), step: step.max(other) }
            }
            (Self::Integer { min, max, step }, Self::Number { min: low, max: high, .. })
            | (Self::Number { min: low, max: high, .. }, Self::Integer { min, max, step }) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the cast saturates, which is a bound too"
                )]
                let (low, high) = (low.ceil() as i128, high.floor() as i128);
                Self::Integer { min: min.max(low), max: max.min(high), step }
            }
            (Self::Number { min, max, step }, Self::Number { min: low, max: high, step: other }) => {
                Self::Number { min: min.max(low), max: max.min(high), step: step.or(other) }
            }
            (Self::Seed { max: a }, Self::Seed { max: b }) => Self::Seed { max: a.min(b) },
            (Self::Seed { max }, Self::Integer { max: high, .. })
            | (Self::Integer { max: high, .. }, Self::Seed { max }) => {
                Self::Seed { max: max.min(u64::try_from(high.max(0)).unwrap_or(u64::MAX)) }
            }
            (Self::Boolean, Self::Boolean) => Self::Boolean,
            (Self::Choice { options }, Self::Choice { options: other }) => {
                let options: Vec<Value> = options.into_iter().filter(|value| other.contains(value)).collect();
                if options.is_empty() {
                    return Err("its places share no accepted value".to_owned());
                }
                Self::Choice { options }
            }
            (a, b) => return Err(format!("one place takes {}, another {}", a.noun(), b.noun())),
        };
        match merged {
            Self::Integer { min, max, .. } if min > max => Err("its places share no accepted value".into()),
            Self::Number { min, max, .. } if min > max => Err("its places share no accepted value".into()),
            fine => Ok(fine),
        }
    }

    /// Names the kind for messages: “a whole number”, ….
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Text { .. } => "a text",
            Self::Integer { .. } => "a whole number",
            Self::Number { .. } => "a number",
            Self::Boolean => "true or false",
            Self::Seed { .. } => "a seed",
            Self::Choice { .. } => "one of a list",
        }
    }
}

/// True for the names under which nodes take a seed.
pub(super) fn is_seed(input: &str) -> bool {
    matches!(input.rsplit('.').next(), Some("seed" | "noise_seed" | "seed_id" | "random_seed"))
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_))
}

/// Reads an integer, also when it is written as `16.0`.
pub(super) fn to_integer(value: &Value) -> Option<i128> {
    let exact = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    exact.or_else(|| {
        let number = value.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole and inside the exact range of f64")]
        (number.fract() == 0.0 && number.abs() < 9.0e15).then_some(number as i128)
    })
}
