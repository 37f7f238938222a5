//! Checks a document against the JSON Schema of the configuration, and names all mistakes at once.
//!
//! A walk of our own in place of a compiled validator: it costs microseconds at start, never prints a value
//! that may be a secret, and can say which key was meant.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};
use url::Url;

use super::names::has_type;
use super::{Config, Key, Problem, keys};

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
});

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| keys(&SCHEMA));

/// Returns the JSON Schema of the configuration file.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// Lists every key, in the order of the file.
pub(super) fn all_keys() -> &'static [Key] {
    &KEYS
}

/// Returns the alternatives of a schema, or the schema itself.
pub(super) fn branches(schema: &Value) -> Vec<&Value> {
    match schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array) {
        Some(alternatives) => alternatives.iter().flat_map(branches).collect(),
        None => vec![schema],
    }
}

/// Adds everything in `document` that does not fit the schema to `problems`.
pub(super) fn check(document: &Value, problems: &mut Vec<Problem>) {
    check_value(&SCHEMA, document, "", problems);
}

fn check_value(schema: &Value, value: &Value, key: &str, problems: &mut Vec<Problem>) {
    let alternatives = branches(schema);
    let words: Vec<&str> = alternatives.iter().flat_map(|branch| words(branch)).collect();
    if let Some(text) = value.as_str()
        && !words.is_empty()
    {
        if !words.contains(&text) {
            problems.push(not_a_word(key, text, &words, &alternatives));
        }
        return;
    }
    let fitting: Vec<&Value> =
        alternatives.iter().copied().filter(|branch| fits_type(branch, value)).collect();
    let meant =
        |branch: &&&Value| names(branch, "required").iter().any(|name| value.get(name.as_str()).is_some());
    let chosen = match fitting.as_slice() {
        [only] => Some(only),
        several => several.iter().find(meant),
    };
    let Some(chosen) = chosen else {
        let message = format!("must be {}", wanted(&alternatives));
        let but = if fitting.is_empty() { format!(", not {}", named(value)) } else { String::new() };
        let problem = Problem::new(key, message + &but);
        let is_list = alternatives.iter().any(|branch| has_type(branch, "array"));
        let name = key.rsplit('.').next().unwrap_or_default();
        problems.push(match value {
            Value::String(_) if is_list => problem.hint(format!("write `{name}: [first, second]`")),
            _ => problem,
        });
        return;
    };
    check_plain(chosen, value, key, problems);
}

fn check_plain(schema: &Value, value: &Value, key: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::Object(map) => check_object(schema, map, key, problems),
        Value::Array(items) => {
            if let Some(inner) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    check_value(inner, item, &format!("{key}[{index}]"), problems);
                }
            }
        }
        Value::Number(number) => {
            let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
            let (low, high) = (bound("minimum"), bound("maximum"));
            let number = number.as_f64().unwrap_or(f64::NAN);
            if !(low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)) {
                let range = match (low, high) {
                    (Some(low), Some(high)) => format!("between {low} and {high}"),
                    (Some(low), None) => format!("at least {low}"),
                    (_, high) => format!("at most {}", high.unwrap_or_default()),
                };
                problems.push(Problem::new(key, format!("must be {range}, not {number}")));
            }
        }
        // Its own rule, 64 hex digits, is looked at with what hangs together.
        Value::String(text) if key.starts_with("transport.remote.tokens[") && text.starts_with("sha256:") => {
        }
        Value::String(text) => {
            if let Some(message) = misfit(schema, text) {
                problems.push(Problem::new(key, message));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn check_object(schema: &Value, map: &Map<String, Value>, key: &str, problems: &mut Vec<Problem>) {
    let inner_key = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, value) in map {
        match properties.get(name) {
            Some(inner) => check_value(inner, value, &inner_key(name), problems),
            // A map whose keys the operator chooses.
            None if schema.get("additionalProperties").is_some_and(|open| *open != Value::Bool(false)) => {
                let inner = schema.get("additionalProperties").filter(|inner| inner.is_object());
                if let Some(inner) = inner {
                    check_value(inner, value, &inner_key(name), problems);
                }
            }
            None => problems.push(unknown_key(&inner_key(name), name, key, properties)),
        }
    }
    for name in names(schema, "required") {
        if !map.contains_key(&name) {
            problems.push(Problem::new(inner_key(&name), "is missing"));
        }
    }
}

fn misfit(schema: &Value, text: &str) -> Option<String> {
    let number = |name: &str| schema.get(name).and_then(Value::as_u64);
    let length = text.chars().count() as u64;
    match schema.get("format").and_then(Value::as_str) {
        Some("uri") if !(text.trim().is_empty() && fits_type(schema, &Value::Null)) => {
            let web = |url: Url| matches!(url.scheme(), "http" | "https") && url.has_host();
            if !Url::parse(text).is_ok_and(web) {
                return Some("must be a URL such as `http://127.0.0.1:8188`".to_owned());
            }
        }
        _ => {}
    }
    if number("minLength").is_some_and(|low| length < low) {
        let low = number("minLength").unwrap_or_default();
        return Some(if low == 1 {
            "must not be empty".to_owned()
        } else {
            format!("must have at least {low} characters")
        });
    }
    if let Some(high) = number("maxLength").filter(|&high| length > high) {
        return Some(format!("must have at most {high} characters"));
    }
    let dotted = schema.get("pattern").is_some()
        && !text.strip_prefix('.').is_some_and(|rest| {
            (1..=16).contains(&rest.len())
                && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    dotted.then(|| "must be a file name extension in lower case, such as `.png`".to_owned())
}

fn unknown_key(full: &str, name: &str, section: &str, properties: &Map<String, Value>) -> Problem {
    let problem = Problem::new(full, "is not a known key");
    if let Some(close) = nearest(name, properties.keys().map(String::as_str)) {
        let close = if section.is_empty() { close.to_owned() } else { format!("{section}.{close}") };
        return problem.hint(format!("did you mean `{close}`?"));
    }
    let elsewhere = all_keys().iter().find(|key| key.path.rsplit('.').next() == Some(name));
    if let Some(key) = elsewhere {
        return problem.hint(format!("did you mean `{}`?", key.path));
    }
    let known: Vec<String> = properties.keys().map(|known| format!("`{known}`")).collect();
    problem.hint(format!("known here: {}", known.join(", ")))
}

/// Returns the known word closest to `word`, if one is close enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    known
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().min(word.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn not_a_word(key: &str, text: &str, words: &[&str], alternatives: &[&Value]) -> Problem {
    // A key that takes other things too may hold a secret.
    let only_words = alternatives.iter().all(|branch| !self::words(branch).is_empty());
    let found = if only_words && is_plain_word(text) { format!(", found `{text}`") } else { String::new() };
    let problem = Problem::new(key, format!("must be {}{found}", wanted(alternatives)));
    match nearest(text, words.iter().copied()) {
        Some(close) => problem.hint(format!("did you mean `{close}`?")),
        None => problem,
    }
}

/// Returns whether the text is a plain word and no secret that came to the wrong key.
fn is_plain_word(text: &str) -> bool {
    (1..=16).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
}

fn words(branch: &Value) -> Vec<&str> {
    let list = branch.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().chain(branch.get("const")).filter_map(Value::as_str).collect()
}

fn names(schema: &Value, field: &str) -> Vec<String> {
    let list = schema.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn fits_type(branch: &Value, value: &Value) -> bool {
    let fits = |name: &str| match (name, value) {
        ("object", Value::Object(_))
        | ("array", Value::Array(_))
        | ("string", Value::String(_))
        | ("boolean", Value::Bool(_))
        | ("null", Value::Null)
        | ("number", Value::Number(_)) => true,
        ("integer", Value::Number(number)) => number.is_u64() || number.is_i64(),
        _ => false,
    };
    match branch.get("type") {
        Some(Value::String(name)) => fits(name),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(fits),
        _ => true,
    }
}

fn named(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn wanted(alternatives: &[&Value]) -> String {
    let mut accepted: Vec<String> = Vec::new();
    for branch in alternatives {
        let words = words(branch);
        if !words.is_empty() {
            accepted.extend(words.iter().map(|word| format!("`{word}`")));
            continue;
        }
        let listed = names(branch, "type");
        let single = branch.get("type").and_then(Value::as_str).map(str::to_owned);
        for name in single.into_iter().chain(listed) {
            match name.as_str() {
                "object" => match names(branch, "required").first() {
                    Some(first) => accepted.push(format!("a mapping with `{first}`")),
                    None => accepted.push("a mapping".to_owned()),
                },
                "array" => accepted.push("a list".to_owned()),
                "string" => accepted.push("a text".to_owned()),
                "boolean" => accepted.push("true or false".to_owned()),
                "integer" => accepted.push("a whole number".to_owned()),
                "number" => accepted.push("a number".to_owned()),
                _ => {}
            }
        }
    }
    match accepted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => "something else".to_owned(),
    }
}
