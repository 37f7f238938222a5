//! Audit records: secrets gone, the rest still there, one line.

use comfywarden::gate::audit::{arguments, to_line};
use comfywarden_policy::{redact, settings::Privacy};
use serde_json::Value;

use crate::case::{Case, Score, text, texts};

/// Writes each record as the audit log does and searches the line.
pub(crate) fn score(cases: &[Case]) -> Score {
    let mut score = Score::new(&["leaked", "lost", "raw"]);
    for (line, case) in cases {
        let Some(case) = case else {
            score.miss("lost", line);
            continue;
        };
        let written = write(case);
        let decoded = decoded(&written);
        let why = text(case, "why");
        let found = |secret: &&str| written.contains(*secret) || decoded.contains(*secret);
        if texts(case, "secrets").iter().any(found) {
            score.miss("leaked", format_args!("{why}: {written}"));
        }
        if !texts(case, "keep").iter().all(found) {
            score.miss("lost", format_args!("{why}: {written}"));
        }
        let several_lines =
            case.get("single_line") == Some(&Value::Bool(true)) && written.lines().count() != 1;
        if several_lines || texts(case, "forbid_raw").iter().any(|raw| written.contains(raw)) {
            score.miss("raw", format_args!("{why}: {written:?}"));
        }
    }
    score
}

/// Arguments are summarised as the gate does it; `privacy: full` shows what redaction alone must catch.
fn write(case: &Value) -> String {
    let private =
        case.get("config").and_then(|config| config.get("privacy_mode")) == Some(&Value::Bool(true));
    let privacy = if private { Privacy::Digest } else { Privacy::Full };
    let mut record = case.get("record").cloned().unwrap_or_default();
    if let Some(slot) = record.pointer_mut("/extra/arguments")
        && let Value::Object(given) = slot
    {
        *slot = arguments::summarise(given, privacy);
    }
    redact::redact(&mut record);
    to_line(&record)
}

/// The texts and keys of the line after JSON decoding.
fn decoded(line: &str) -> String {
    fn collect(value: &Value, all: &mut String) {
        match value {
            Value::String(text) => {
                all.push_str(text);
                all.push('\n');
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, all)),
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                all.push_str(key);
                all.push('\n');
                collect(value, all);
            }),
            _ => {}
        }
    }
    let mut all = String::new();
    collect(&serde_json::from_str(line).unwrap_or_default(), &mut all);
    all
}
