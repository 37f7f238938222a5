//! Finds secrets inside URLs: user info, query, fragment, and URLs inside those.

use super::{REDACTED, keys::is_secret_key, text::redact_at};

/// Parameters that are secrets in a URL though the word alone means little elsewhere.
const PARAMETERS: [&str; 8] = ["key", "code", "sig", "hmac", "credential", "policy", "se", "skoid"];

/// The fewest characters of a password in a path such as `name:word@file`; `a:b@2x.png` is a name.
const SHORTEST_PASSWORD: usize = 6;

/// Returns the URL without its secrets; `None` when it has none.
pub(super) fn redact_url(url: &str, nesting: usize) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let end = user_info_end(rest, end).unwrap_or(end);
    let (authority, tail) = rest.split_at_checked(end)?;
    let host = authority.rsplit_once('@').map(|(_, host)| format!("{REDACTED}@{host}"));
    let changed_tail = redact_tail(tail, nesting);
    if host.is_none() && changed_tail.is_none() {
        return None;
    }
    let host = host.as_deref().unwrap_or(authority);
    let tail = changed_tail.as_deref().unwrap_or(tail);
    Some(format!("{scheme}://{host}{tail}"))
}

/// Lists the password and the secret parameters of an address.
pub(super) fn secrets_in(url: &str) -> Vec<String> {
    let Some((_, rest)) = url.split_once("://") else { return Vec::new() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or_default();
    let user = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    let query = tail.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split(['&', '#']).filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(name, _)| is_secret_key(&percent_decoded(name)));
    user.into_iter().chain(named).map(|(_, value)| value.to_owned()).collect()
}

/// Finds the end of an authority whose password has a `/`, `?` or `#` in it: what follows the host's colon is no port.
fn user_info_end(rest: &str, end: usize) -> Option<usize> {
    let (authority, tail) = rest.split_at_checked(end)?;
    let (_, port) = authority.rsplit_once(':').filter(|_| !authority.contains(['@', ']']))?;
    if port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let host = end + tail.rfind('@')? + 1;
    let after = rest.get(host..)?.find(['/', '?', '#']);
    Some(after.map_or(rest.len(), |after| host + after))
}

fn redact_tail(tail: &str, nesting: usize) -> Option<String> {
    let (path_and_query, fragment) = match tail.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (tail, None),
    };
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let new_path = redact_path(path, nesting);
    let new_query = query.and_then(|query| redact_form(query, nesting));
    let new_fragment = fragment.and_then(|fragment| redact_form(fragment, nesting));
    if new_path.is_none() && new_query.is_none() && new_fragment.is_none() {
        return None;
    }
    let mut result = new_path.unwrap_or_else(|| path.to_owned());
    if let Some(query) = new_query.as_deref().or(query) {
        result.push('?');
        result.push_str(query);
    }
    if let Some(fragment) = new_fragment.as_deref().or(fragment) {
        result.push('#');
        result.push_str(fragment);
    }
    Some(result)
}

/// Redacts a path, which may hold another address, whole or encoded.
fn redact_path(path: &str, nesting: usize) -> Option<String> {
    if !path.contains(['@', '%']) {
        return None;
    }
    let mut changed = false;
    let mut after_scheme = false;
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| {
            let in_address = after_scheme || segment.contains("//") || segment.contains('%');
            after_scheme = segment.ends_with(':') || (after_scheme && segment.is_empty());
            let decoded = percent_decoded(segment);
            let inner = redact_at(&decoded, nesting + 1);
            let safe = match inner.rsplit_once('@') {
                Some((user, host))
                    if !user.ends_with(REDACTED)
                        && user.split_once(':').is_some_and(|(_, password)| {
                            in_address || password.len() >= SHORTEST_PASSWORD
                        }) =>
                {
                    format!("{REDACTED}@{host}")
                }
                _ => inner.clone().into_owned(),
            };
            if safe == decoded {
                return segment.to_owned();
            }
            changed = true;
            safe
        })
        .collect();
    changed.then(|| segments.join("/"))
}

/// Redacts `a=1&token=x`: a query, a fragment or a form body.
fn redact_form(form: &str, nesting: usize) -> Option<String> {
    let mut changed = false;
    let pairs: Vec<String> = form
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => match redact_parameter(name, value, nesting) {
                Some(value) => {
                    changed = true;
                    format!("{name}={value}")
                }
                None => pair.to_owned(),
            },
            None => pair.to_owned(),
        })
        .collect();
    changed.then(|| pairs.join("&"))
}

fn redact_parameter(name: &str, value: &str, nesting: usize) -> Option<String> {
    let name = percent_decoded(name);
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(['-', '_', '.']).next().unwrap_or_default();
    if is_secret_key(&name)
        || PARAMETERS.contains(&lower.as_str())
        || matches!(last, "signature" | "credential")
    {
        return (!value.is_empty()).then(|| REDACTED.to_owned());
    }
    let decoded = percent_decoded(value);
    let inner = redact_at(&decoded, nesting + 1);
    (*inner != *decoded).then(|| url::form_urlencoded::byte_serialize(inner.as_bytes()).collect())
}

/// Decodes percent escapes until nothing changes, at most three times.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut current = text.to_owned();
    for _ in 0..3 {
        let decoded = percent_once(&current);
        if decoded == current {
            break;
        }
        current = decoded;
    }
    current
}

fn percent_once(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits =
            bytes.get(at + 1..at + 3).filter(|d| byte == b'%' && d.iter().all(u8::is_ascii_hexdigit));
        let code =
            digits.and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| u8::from_str_radix(d, 16).ok());
        decoded.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
