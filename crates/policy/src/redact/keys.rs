//! Recognizes names whose value is a secret.

use crate::display;

/// Words that are secrets when they end a name: `webhook_secret`, `X-Auth-Token`.
const HEADS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "pass",
    "passcode",
    "secret",
    "secrets",
    "token",
    "credential",
    "credentials",
    "creds",
    "authorization",
    "auth",
    "bearer",
    "cookie",
    "cookies",
    "signature",
    "sig",
    "jwt",
    "otp",
    "totp",
    "passkey",
    "dsn",
    "apikey",
    "apikeys",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "secretkey",
    "privatekey",
    "clientsecret",
    "sessionid",
    "sessiontoken",
    "accesskey",
    "bearertoken",
    "securitytoken",
    "connectionstring",
    "setcookie",
    "csrf",
    "xsrf",
    "sid",
    "jsessionid",
    "phpsessid",
    "pat",
    "hmac",
];

/// Endings of words that are secrets, for names in one case: `PGPASSWORD`, `hftoken`.
const HEAD_ENDINGS: &[&str] =
    &["password", "passwd", "passphrase", "apikey", "token", "clientsecret", "secretkey"];

/// Pairs of words that are secrets wherever they stand, such as `api key` in `api_key_comfy_org`.
const PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("api", "keys"),
    ("api", "token"),
    ("api", "tokens"),
    ("api", "secret"),
    ("access", "key"),
    ("access", "keys"),
    ("access", "token"),
    ("access", "tokens"),
    ("refresh", "token"),
    ("id", "token"),
    ("auth", "token"),
    ("auth", "key"),
    ("auth", "header"),
    ("secret", "key"),
    ("private", "key"),
    ("session", "id"),
    ("session", "key"),
    ("session", "token"),
    ("security", "token"),
    ("bearer", "token"),
    ("client", "secret"),
    ("connection", "string"),
    ("pin", "code"),
    ("encryption", "key"),
    ("signing", "key"),
    ("ssh", "key"),
    ("account", "key"),
    ("storage", "key"),
    ("subscription", "key"),
    ("license", "key"),
    ("master", "key"),
    ("service", "key"),
    ("deploy", "key"),
    ("hmac", "key"),
    ("aes", "key"),
    ("rsa", "key"),
    ("pgp", "key"),
    ("shared", "key"),
    ("bot", "token"),
    ("set", "cookie"),
    ("user", "password"),
    ("root", "password"),
    ("recovery", "code"),
    ("verification", "code"),
    ("mfa", "code"),
    ("webhook", "secret"),
    ("signed", "url"),
    ("client", "assertion"),
    ("pwd", "hash"),
    ("password", "hash"),
];

/// Words before `token` that make it one of a text or a list, not a credential: `bos_token`, `next_page_token`.
const OF_TEXT: &[&str] = &[
    "bos", "eos", "pad", "unk", "cls", "sep", "mask", "class", "trigger", "special", "image", "start", "end",
    "page", "prompt", "text",
];

/// Services whose `key` is an API key.
const VENDORS: &[&str] = &[
    "openai",
    "anthropic",
    "civitai",
    "huggingface",
    "hf",
    "gemini",
    "google",
    "replicate",
    "stability",
    "fal",
    "comfy",
    "comfyui",
    "bfl",
    "luma",
    "kling",
    "runway",
    "aws",
    "azure",
    "github",
    "gitlab",
    "slack",
    "stripe",
    "groq",
    "mistral",
    "deepseek",
    "openrouter",
    "elevenlabs",
    "x",
];

/// Words after a secret's name that make it something about the secret: `api_key_present`, `token_count`.
const ABOUT: &[&str] = &[
    "count",
    "counts",
    "present",
    "required",
    "exists",
    "enabled",
    "disabled",
    "type",
    "types",
    "name",
    "names",
    "length",
    "len",
    "limit",
    "limits",
    "max",
    "min",
    "budget",
    "normalization",
    "theme",
    "dir",
    "format",
    "size",
    "usage",
    "used",
    "expiry",
    "expires",
    "expired",
    "expiration",
    "ttl",
    "url",
    "endpoint",
    "mode",
    "policy",
    "style",
    "weight",
    "weights",
    "strength",
    "index",
    "indices",
    "position",
    "ids",
    "mask",
    "set",
    "missing",
    "valid",
    "status",
    "hint",
    "field",
    "file",
    "path",
    "env",
    "var",
    "variable",
    "rotation",
    "age",
    "per",
    "rate",
    "scope",
    "scopes",
    "method",
    "version",
    "level",
    "kind",
];

/// Words after a secret's name that leave it one.
const STILL: &[&str] = &[
    "value",
    "string",
    "text",
    "hex",
    "base64",
    "b64",
    "header",
    "raw",
    "comfy",
    "org",
    "new",
    "old",
    "again",
    "repeat",
    "confirm",
    "confirmation",
    "current",
];

/// Parts of which every secret name has one.
const ROOTS: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "cred",
    "auth",
    "bearer",
    "cookie",
    "sig",
    "jwt",
    "otp",
    "dsn",
    "key",
    "sess",
    "connection",
    "csrf",
    "xsrf",
    "sid",
    "pat",
    "hmac",
    "assertion",
    "code",
];

/// True when a value under `name` must not be shown.
pub fn is_secret_key(name: &str) -> bool {
    if name.len() < 3 || name.len() > 128 || !has_root(name) {
        return false;
    }
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(last) = words.len().checked_sub(1) else { return false };
    if words.last().is_some_and(|word| ABOUT.contains(word)) && !ends_in_pair(&words) {
        return false;
    }
    if matches!(words.as_slice(), [.., before, "token"] if OF_TEXT.contains(before)) {
        return false;
    }
    words.iter().enumerate().any(|(at, word)| {
        let rest = words.get(at + 1..).unwrap_or_default();
        let plain = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let head = HEADS.contains(&plain) || HEAD_ENDINGS.iter().any(|ending| plain.ends_with(ending));
        if head && rest.iter().all(|word| STILL.contains(word) || is_number(word)) {
            return true;
        }
        let next = rest.first().copied().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
        let vendor_key = matches!(next, "key" | "token") && at + 1 == last && VENDORS.contains(word);
        vendor_key || PAIRS.contains(&(*word, next))
    })
}

/// True for a name with one of [`ROOTS`], and for one beyond ASCII, which may normalise to anything.
fn has_root(name: &str) -> bool {
    let bytes = name.as_bytes();
    !name.is_ascii()
        || ROOTS
            .iter()
            .any(|root| bytes.windows(root.len()).any(|part| part.eq_ignore_ascii_case(root.as_bytes())))
}

/// True for a word that names a service whose keys are known here.
pub fn is_vendor(word: &str) -> bool {
    VENDORS.contains(&word)
}

fn ends_in_pair(words: &[&str]) -> bool {
    matches!(words, [.., first, second] if PAIRS.contains(&(*first, *second)))
}

fn is_number(word: &str) -> bool {
    word.trim_start_matches('v').bytes().all(|b| b.is_ascii_digit())
}

/// Splits a name into lower-case words, at separators and at `camelCase` humps, without invisible characters.
pub fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let plain: Vec<char> = display::folded(name).filter(|c| !display::is_hidden(*c)).collect();
    for (at, &character) in plain.iter().enumerate() {
        if !character.is_alphanumeric() {
            push(&mut words, &mut word);
            continue;
        }
        let before = at.checked_sub(1).and_then(|at| plain.get(at));
        let after = plain.get(at + 1);
        let hump = character.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase()
                    || b.is_ascii_digit()
                    || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))
            });
        if hump {
            push(&mut words, &mut word);
        }
        word.extend(character.to_lowercase());
    }
    push(&mut words, &mut word);
    words
}

fn push(words: &mut Vec<String>, word: &mut String) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_name_has_a_root() {
        let pairs = PAIRS.iter().map(|(first, second)| format!("{first}_{second}"));
        let vendors = VENDORS.iter().flat_map(|vendor| [format!("{vendor}_key"), format!("{vendor}_token")]);
        let heads = HEADS.iter().chain(HEAD_ENDINGS).map(|&word| word.to_owned());
        for name in heads.chain(pairs).chain(vendors) {
            assert!(has_root(&name), "{name}");
            assert!(is_secret_key(&name), "{name}");
        }
    }
}
