//! Secrets inside a piece of text.

use std::{borrow::Cow, sync::LazyLock};

use regex::{Captures, Regex};
use serde_json::Value;

use super::{
    MOST_NESTING, REDACTED,
    clues::Clues,
    keys::is_secret_key,
    shapes::{COOKIES, OPTION, PAIR, SCHEME, SPOKEN, TOKEN, URL, is_credential},
    urls,
    value::redact_nested,
};

/// Shorter text cannot hold a name, a separator and a secret worth the name.
const SHORTEST: usize = 7;

/// Replaces every secret in `text`.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    redact_at(text, 0)
}

pub(super) fn redact_at(text: &str, nesting: usize) -> Cow<'_, str> {
    if text.len() < SHORTEST || nesting > MOST_NESTING {
        return Cow::Borrowed(text);
    }
    if let Some(json) = redact_json(text, nesting) {
        return Cow::Owned(json);
    }
    let clues = Clues::of(text);
    let text = replace(text.into(), clues.token.then_some(&TOKEN), |_| Some(REDACTED.to_owned()));
    let text = replace(text, clues.url.then_some(&URL), |found| {
        let url = found.get(0)?.as_str();
        urls::redact_url(url, nesting)
    });
    let text = replace(text, clues.pair.then_some(&COOKIES), |found| keep_name(found, true));
    let text = replace(text, clues.scheme.then_some(&SCHEME), keep_name_of_scheme);
    let text = replace(text, clues.pair.then_some(&PAIR), |found| {
        let name = found.name("name")?.as_str();
        let value = found.name("value")?.as_str();
        let decoded = if name.contains('%') { urls::percent_decoded(name) } else { name.to_owned() };
        keep_name(found, !ends_path(found) && is_secret_key(&decoded) && !is_harmless(value))
    });
    let text = replace(text, clues.spoken.then_some(&SPOKEN), |found| {
        let value = found.name("value")?.as_str();
        let tagged = found.name("between")?.as_str() == ">";
        let spoken = value.bytes().any(|b| b.is_ascii_digit());
        keep_name(found, (tagged || spoken) && is_secret_key(found.name("name")?.as_str()))
    });
    replace(text, clues.option.then_some(&OPTION), |found| {
        let name = found.name("name")?.as_str().trim_start_matches('-');
        keep_name(found, is_secret_key(name))
    })
}

/// `/etc/passwd: …`: the end of a path in a sentence is no name of a secret.
fn ends_path(found: &Captures<'_>) -> bool {
    let between = found.name("between").map_or("", |between| between.as_str());
    found.name("path").is_some() && between.starts_with(": ")
}

/// `true`, `false`, `null` and what is already gone are no secrets.
fn is_harmless(value: &str) -> bool {
    matches!(value, "true" | "false" | "null" | "none" | "None" | REDACTED) || value.starts_with("[redacted")
}

fn keep_name(found: &Captures<'_>, secret: bool) -> Option<String> {
    if !secret {
        return None;
    }
    let path = found.name("path").map_or("", |path| path.as_str());
    Some(format!("{path}{}{}{REDACTED}", found.name("name")?.as_str(), found.name("between")?.as_str()))
}

fn keep_name_of_scheme(found: &Captures<'_>) -> Option<String> {
    let value = found.name("value")?.as_str();
    is_credential(value).then(|| {
        let scheme = found.name("scheme").map_or("", |scheme| scheme.as_str());
        format!("{scheme} {REDACTED}")
    })
}

/// Replaces what `change` returns something for. Text without a change is not copied; without a pattern there is
/// nothing to look for.
fn replace<'t>(
    text: Cow<'t, str>,
    pattern: Option<&LazyLock<Option<Regex>>>,
    change: impl Fn(&Captures<'_>) -> Option<String>,
) -> Cow<'t, str> {
    let Some(pattern) = pattern else { return text };
    // A pattern that did not compile would let secrets through: then nothing of the text is shown.
    let Some(pattern) = pattern.as_ref() else { return Cow::Owned(REDACTED.to_owned()) };
    let mut result = String::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(found) = pattern.captures_at(&text, from) {
        let Some(whole) = found.get(0) else { break };
        if let Some(replacement) = change(&found) {
            result.push_str(text.get(done..whole.start()).unwrap_or_default());
            result.push_str(&replacement);
            done = whole.end();
            from = whole.end();
        } else {
            // Something inside a rejected match may match: `note: token=x` begins with the harmless name `note`.
            from = found.name("value").map_or(whole.end(), |value| value.start()).max(whole.start() + 1);
            while !text.is_char_boundary(from) {
                from += 1;
            }
        }
    }
    if done == 0 {
        return text;
    }
    result.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(result)
}

/// JSON text is parsed, redacted as a value, and written again, if that changes anything.
fn redact_json(text: &str, nesting: usize) -> Option<String> {
    let trimmed = text.trim();
    if nesting >= MOST_NESTING || !(trimmed.starts_with(['{', '[']) && trimmed.ends_with(['}', ']'])) {
        return None;
    }
    let before: Value = serde_json::from_str(trimmed).ok()?;
    let mut after = before.clone();
    redact_nested(&mut after, nesting + 1);
    (after != before).then(|| after.to_string())
}
