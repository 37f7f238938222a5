//! Tells credentials from values that only stand in their place.

use super::{
    text::{Text, kind},
    word_list::WordList,
};
use crate::redact;

/// Words that make up placeholders for a credential.
static PLACEHOLDERS: WordList = WordList::new(include_str!("lists/credentials/placeholders.txt"));
/// Keys that programs on the same machine accept because one must be given.
static LOCAL: WordList = WordList::new(include_str!("lists/credentials/local.txt"));

/// True for text that carries a credential, by its shape or by the name under which it stands. `secret`: the input's
/// own name says that it is one. `foreign`: the node is not ComfyUI's own and the text is not made for reading.
pub(super) fn is_credential(text: Text<'_>, secret: bool, foreign: bool) -> bool {
    if redact::has_credential(&text) || (secret && is_credential_value(&text)) {
        return !is_placeholder(&text);
    }
    // Headers, forms, connections, addresses: a name, a sign, a value.
    foreign
        && (text.has(kind::COLON) || text.contains('='))
        && redact::named_values(&text).iter().any(|value| is_random(value) && !is_placeholder(value))
}

/// True for `${NAME}`, where a credential is taken from the environment.
pub(super) fn is_reference(text: &str) -> bool {
    let name = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// True for a text that is long enough and in one piece, once the name of a scheme is off.
fn is_credential_value(text: &str) -> bool {
    let value = match text.split_once(' ') {
        Some((scheme, value))
            if ["bearer", "basic", "token"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) =>
        {
            value.trim_start()
        }
        _ => text,
    };
    value.len() >= 6 && !value.contains(char::is_whitespace)
}

/// True for letters mixed with digits, as no word has them.
fn is_random(value: &str) -> bool {
    value.len() >= 8
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_placeholder(text: &str) -> bool {
    let value = text.trim();
    let lower = value.to_ascii_lowercase();
    let word = |word: &str| word.is_empty() || PLACEHOLDERS.contains(word) || redact::is_vendor(word);
    value.starts_with(['$', '{', '<', '%', '['])
        || lower.starts_with("env:")
        || lower.starts_with("env.")
        || lower.starts_with("os.environ")
        || value.contains("...")
        || value.contains('\u{2026}')
        || LOCAL.contains(&lower)
        || lower.split(['_', '-', ' ', '.']).all(word)
        || !value.bytes().any(|byte| byte.is_ascii_digit())
            && value.chars().filter(|c| !c.is_ascii()).count() > 3
        || is_one_character(value)
}

/// True for `sk-xxxxxxxx` and `********`: the same character over and over at the end.
fn is_one_character(value: &str) -> bool {
    let Some(last) = value.chars().next_back() else { return true };
    let same = value.chars().rev().take_while(|character| *character == last).count();
    same >= 6 && same * 2 > value.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, secret: bool) -> bool {
        is_credential(Text::new(text), secret, true)
    }

    #[test]
    fn credentials_are_found_in_every_form() {
        for text in [
            "AccountName=x;AccountKey=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFi",
            "https://bob:Tr0ub4dor3xample@files.example.com/x.png",
            "https://civitai.com/api/download/models/1?token=0123456789abcdef0123456789abcdef",
            "x-api-key: 0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c",
            "Authorization: Bearer 9f8e7d6c5b4a39281706f5e4d3c2b1a0",
            r#"{"apiKey":"k3y-EXAMPLE-9f8e7d6c5b4a","q":1}"#,
            "x_sk-ant-api03-EXAMPLEexampleEXAMPLE0123456789abcdEFGHij",
        ] {
            assert!(found(text, false), "{text}");
        }
        for value in ["Bearer EXAMPLEexample0123456789", "Basic dXNlcjpTM2NyZXRQYXNz", "hunter22"] {
            assert!(found(value, true), "{value}");
        }
    }

    #[test]
    fn what_stands_for_a_credential_is_none() {
        for value in [
            "YOUR_API_KEY_HERE",
            "API_KEY",
            "sk-...",
            "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "****************",
            "env:OPENAI_API_KEY",
            "${OPENAI_API_KEY}",
            "lm-studio",
            "\u{8bf7}\u{8f93}\u{5165}\u{4f60}\u{7684}API\u{5bc6}\u{94a5}",
            "<paste your token>",
        ] {
            assert!(!found(value, true), "{value}");
        }
        for text in
            ["width: 512", "mode=fast; seed=1234567890a", "token: blue", "https://example.com/a?size=20"]
        {
            assert!(!found(text, false), "{text}");
        }
        assert!(
            is_reference("${OPENAI_API_KEY}") && !is_reference("${jndi:ldap://x}") && !is_reference("${}")
        );
    }
}
