//! Rules for paths that leave ComfyUI's folders, and for URLs in workflows.

use std::net::IpAddr;

use comfywarden_pattern::patterns;
use url::{Host, Url};

use super::{
    finding::{Flag, short},
    text::{Text, kind},
};
use crate::{
    address::{is_internal_name, is_public},
    display, redact,
};

/// The reason that most paths are refused for.
pub(super) const LEAVES: &str = "the path leaves ComfyUI's folders";
/// The reason that every text is refused for while addresses in it cannot be found.
const UNREADABLE: &str = "an address that cannot be read";
/// The beginning of the reason against an internal address.
const INTERNAL: &str = "the internal address";
/// The most bytes of a path.
const MAX_PATH: usize = 4_096;
patterns! {
    /// Placeholders that ComfyUI and its editor fill in a prefix. A percent escape begins with a digit or two hexadecimal
    /// letters.
    static PLACEHOLDERS: Pattern = r"%(?:year|month|day|hour|minute|second|width|height|batch_num|date(?::[^%/\\]{0,40})?|[A-Za-z_][\w ]{0,60}\.[\w ]{1,60})%";
    /// A scheme and two slashes of either kind.
    static SCHEMES: Pattern = r"(?i)(?-u:\b)[a-z][a-z0-9+.\-]{1,20}:[/\\]{2}";
    /// Percent escapes of more bytes than a character needs, encoded again or not: no program writes them.
    static OVERLONG: Pattern = r"(?i)%(?:25)*(?:c[01]%(?:25)*[89ab][0-9a-f]|e0%(?:25)*[89][0-9a-f]|f0%(?:25)*8[0-9a-f])";
    /// Folders that Windows puts in the place of a name.
    static VARIABLES: Pattern = r"(?i)^%(?:(?:local)?appdata|userprofile|home(?:path|drive)|program(?:data|files)|temp|tmp|system(?:root|drive)|windir|public|allusersprofile)%(?:/|$)";
    /// Absolute places that no workflow has a reason to name.
    static ABSOLUTE: Pattern = r"^(?:/(?:etc|root|home|proc|var|usr|tmp|dev|sys|opt|mnt|boot|srv|run|bin|lib|private|users|volumes|library)(?:/|$)|~[a-z0-9_-]*/|[a-z]:/|//[^/])";
}

/// Returns the reason why a path would leave the folder that it is relative to, or is not what it looks like.
pub(super) fn escapes(text: Text<'_>) -> Option<&'static str> {
    if text.len() > MAX_PATH {
        return None;
    }
    any_reading(text, |path| {
        if path.split(';').any(leaves) {
            Some(LEAVES)
        } else if path.contains('\0') {
            Some("a NUL character in a path, where some programs take it for the end")
        } else {
            path.chars().any(char::is_control).then_some("a control character in a path")
        }
    })
}

/// True for one path that leads elsewhere.
fn leaves(path: &str) -> bool {
    // Shells and humans put quotes around a path.
    let path = path.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    path.starts_with('/')
        || is_home(path)
        || has_drive(path)
        || path.starts_with("file:")
        || path.starts_with('$') && path.contains('/')
        || path.starts_with('%') && VARIABLES.is_match(path)
        || climbs(path)
}

/// True for `~`, and for a user's home: `~name/`.
fn is_home(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('~') else { return false };
    let is_name =
        |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    rest.is_empty() || rest.split_once('/').is_some_and(|(name, _)| is_name(name))
}

/// True for prose that names a model outside of the models' folders, as loaders read it: `<lora:../x:1>`.
pub(super) fn names_model_outside(text: Text<'_>) -> bool {
    const MAX_NAME: usize = 512;
    if !text.has(kind::OPENING) || !text.has(kind::SLASH | kind::BACKSLASH | kind::PERCENT) {
        return false;
    }
    let starts = text.match_indices('<').filter_map(|(at, _)| text.get(at + 1..));
    let named = starts.filter_map(|rest| ["lora:", "lyco:"].iter().find_map(|mark| rest.strip_prefix(mark)));
    let mut names = named.filter_map(|rest| {
        let end = rest.bytes().take(MAX_NAME).position(|byte| matches!(byte, b':' | b'>'))?;
        rest.get(..end)
    });
    names.any(|name| escapes(Text::new(name)).is_some())
}

/// True when a value of an input of unknown purpose is clearly a path to elsewhere.
pub(super) fn clearly_escapes(text: Text<'_>) -> bool {
    let elsewhere = |path: &str| {
        let lower = path.to_ascii_lowercase();
        (climbs(path) && path.contains('/')) || ABSOLUTE.is_match(&lower)
    };
    text.len() <= MAX_PATH
        && !(text.has(kind::BREAK) && text.contains('\n'))
        // Without a slash in some spelling there is neither a climb nor an absolute path.
        && text.has(kind::FOREIGN | kind::SLASH | kind::BACKSLASH | kind::PERCENT)
        && any_reading(text, |path| elsewhere(path).then_some(LEAVES)).is_some()
}

fn any_reading(text: Text<'_>, test: impl Fn(&str) -> Option<&'static str>) -> Option<&'static str> {
    if !text.has(kind::FOREIGN | kind::PERCENT | kind::BACKSLASH) {
        // Nothing to decode or to fold: most names are like this.
        return test(text.trim());
    }
    let without_tokens = match PLACEHOLDERS.get().filter(|_| text.has(kind::PERCENT)) {
        Some(placeholders) => placeholders.replace_all(&text, "token").into_owned(),
        None => text.to_string(),
    };
    if text.has(kind::PERCENT) && OVERLONG.is_match(&without_tokens) {
        return Some("a path in an encoding that no program writes");
    }
    let mut current = without_tokens;
    for _ in 0..8 {
        if let Some(why) = test(&slashed(&current)) {
            return Some(why);
        }
        let visible: String =
            display::folded(&current).filter(|c| !display::is_hidden(*c) || c.is_control()).collect();
        if let Some(why) = test(&slashed(&visible)) {
            return Some(why);
        }
        let decoded = redact::percent_decoded(&visible);
        if decoded == current {
            return None;
        }
        current = decoded;
    }
    Some("a path that is encoded more often than anybody has a reason to")
}

fn slashed(text: &str) -> String {
    // Windows takes the slashes of mathematics for its own where it has to make do with fewer characters.
    text.trim().replace(['\\', '\u{2044}', '\u{2215}', '\u{2216}', '\u{29f5}', '\u{29f8}'], "/")
}

fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// True for a part of two or more dots, however blanks are spread among them.
fn climbs(path: &str) -> bool {
    path.split('/').any(|part| {
        part.chars().filter(|c| *c == '.').count() > 1 && part.chars().all(|c| c == '.' || c.is_whitespace())
    })
}

/// Judges the URLs in a text and returns the worst.
pub(super) fn bad_url(text: Text<'_>, is_url_input: bool) -> Option<(Flag, String)> {
    if !is_url_input && !text.has(kind::FOREIGN | kind::COLON) {
        return None;
    }
    if !SCHEMES.compiles() {
        return Some((Flag::SsrfUrl, UNREADABLE.into()));
    }
    let seen = |keeps: fn(char) -> bool| -> String {
        display::folded(text.trim()).filter(|c| keeps(*c) || !display::is_hidden(*c)).collect()
    };
    // A line break is no end of a URL to some programs, and between two of them to others.
    let visible = seen(|_| false);
    let lines = text.has(kind::BREAK).then(|| seen(char::is_whitespace));
    let mut external = None;
    // Where no address is asked for, two lines make none: `// a comment` may follow a line that ends in `c:`.
    let is_whole = |found: &&str| {
        let scheme = found.find(':').and_then(|at| found.get(..at + 3)).unwrap_or_default();
        is_url_input || lines.as_ref().is_none_or(|lines| lines.contains(scheme))
    };
    let joined = urls(&visible, lines.is_none()).filter(is_whole);
    for found in joined.chain(lines.iter().flat_map(|lines| urls(lines, true))) {
        match judge_url(found) {
            Some((Flag::SsrfUrl, why)) => return Some((Flag::SsrfUrl, why)),
            Some(other) => external = external.or(Some(other)),
            None => {}
        }
    }
    if external.is_some() {
        return external;
    }
    if let Some((start, rest)) = visible.split_at_checked(5)
        && start.eq_ignore_ascii_case("file:")
        && (is_url_input || rest.trim_start().starts_with(['/', '\\']))
    {
        return Some((Flag::SsrfUrl, "a file URL".into()));
    }
    is_url_input.then(|| judge_bare_host(&visible)).flatten()
}

/// Lists the URLs in a text. A URL inside another is one by itself, and the first ends there.
fn urls(text: &str, nested: bool) -> impl Iterator<Item = &str> {
    let starts = SCHEMES.ranges(text).map(|found| found.start);
    let mut starts = starts.peekable();
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = starts.find(|start| nested || *start >= end)?;
        let next = starts.peek().copied().filter(|_| nested).unwrap_or(text.len());
        let found = text.get(start..next).unwrap_or_default();
        let found = found
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`' | '|'))
            .next()
            .unwrap_or_default();
        end = start + found.len();
        // What follows `!/` lies in the archive that the URL before it names.
        let found = found.split("!/").next().unwrap_or_default();
        Some(found.trim_end_matches([',', ';']))
    })
}

fn judge_url(text: &str) -> Option<(Flag, String)> {
    let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if text.trim_end_matches(['/', '\\']).len() == scheme.len() + 1 {
        // The beginning of an address leads nowhere.
        return None;
    }
    if !matches!(scheme.as_str(), "http" | "https" | "ws" | "wss" | "s3" | "gs" | "hf") {
        return Some((Flag::SsrfUrl, format!("a URL of scheme `{scheme}`")));
    }
    if text.contains('\\') {
        return Some((Flag::SsrfUrl, "a URL with backslashes, which programs read differently".into()));
    }
    let Ok(url) = Url::parse(text) else {
        return Some((Flag::SsrfUrl, "a URL that programs read differently".into()));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some((Flag::SsrfUrl, "a URL with credentials or a disguised host".into()));
    }
    let host = url.host()?;
    let is_bucket = matches!(scheme.as_str(), "s3" | "gs" | "hf")
        && matches!(host, Host::Domain(name) if !name.contains('.') && name != "localhost");
    if is_bucket {
        return Some((Flag::ExternalUrl, format!("the external store `{}`", short(&host.to_string()))));
    }
    Some(judge_host(&host))
}

fn judge_host(host: &Host<&str>) -> (Flag, String) {
    let internal = match host {
        Host::Ipv4(address) => !is_public(IpAddr::V4(*address)),
        Host::Ipv6(address) => !is_public(IpAddr::V6(*address)),
        Host::Domain(name) => is_internal_name(name),
    };
    let shown = short(&host.to_string());
    if !internal {
        return (Flag::ExternalUrl, format!("the external host `{shown}`"));
    }
    let bare = shown.trim_end_matches('.');
    let without_domain = matches!(host, Host::Domain(_)) && !bare.contains('.') && bare != "localhost";
    let why = if without_domain {
        format!("the host `{shown}`: a name without a domain is looked up in the local network")
    } else {
        format!("{INTERNAL} `{shown}`")
    };
    (Flag::SsrfUrl, why)
}

/// Finds an internal address in a decoded text.
pub(super) fn internal_url(text: &str) -> Option<String> {
    if !text.contains("://") {
        return None;
    }
    if !SCHEMES.compiles() {
        return Some(UNREADABLE.into());
    }
    let judged =
        urls(text, true).filter_map(|found| Url::parse(found).ok()?.host().map(|host| judge_host(&host)));
    judged.into_iter().find(|(flag, _)| *flag == Flag::SsrfUrl).map(|(_, why)| why)
}

/// Finds an internal address in a text that may be put together: one that is written as an address, not as a name.
pub(super) fn internal_address(text: &str) -> Option<String> {
    internal_url(text).filter(|why| why.starts_with(INTERNAL))
}

/// True for `/view?filename=x.png`, `./x` and `?x`, which lead to the server itself.
fn is_relative(text: &str) -> bool {
    let rooted = text.strip_prefix('/').is_some_and(|rest| !rest.starts_with(['/', '\\']));
    rooted || text.starts_with(['?', '#']) || text.starts_with("./")
}

/// True for `16:9`, which programs would read as a host and a port. The host 0 is the machine itself.
fn is_ratio(text: &str) -> bool {
    let is_short = |part: &str| matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':')
        .is_some_and(|(first, second)| !first.starts_with('0') && is_short(first) && is_short(second))
}

/// Judges `10.0.0.5:11434/v1` and `localhost` in an input for URLs. Plain words are no hosts.
fn judge_bare_host(text: &str) -> Option<(Flag, String)> {
    // `http:10.0.0.1` and `http:/10.0.0.1` are what browsers and curl make of them.
    let scheme = ["http:", "https:"].iter().find_map(|scheme| text.strip_prefix(scheme));
    if scheme.is_none() && (is_relative(text) || is_ratio(text)) {
        return None;
    }
    let host = scheme.unwrap_or(text).trim_start_matches(['/', '\\']);
    let head = host.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    // An address may be written as one number; shorter ones are sizes and dates.
    let is_number = head.len() > 7
        && head.starts_with(|first: char| first.is_ascii_digit())
        && head.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X'));
    let looks_like_host = text.len() < 300
        && !text.contains(char::is_whitespace)
        && (head.contains(['.', ':', '%', '@'])
            || is_number
            || !head.is_ascii()
            || head.eq_ignore_ascii_case("localhost"));
    if !looks_like_host {
        return None;
    }
    let url = Url::parse(&format!("http://{host}")).ok()?;
    let host = url.host()?;
    // A bare name with a dot may be a file; only addresses and names of internal places count.
    match judge_host(&host) {
        (Flag::SsrfUrl, why) => Some((Flag::SsrfUrl, why)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
