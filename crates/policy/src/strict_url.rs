//! URLs that every parser reads alike are accepted, all others are refused.
//!
//! The text is checked before `url` parses it, and what it parsed is compared with the text, so that no other
//! program in the chain can see another host.

use std::net::IpAddr;

use url::{Host, Url};

use super::address::is_public;
use comfywarden_error::{Error, Result};

/// The longest URL.
const MAX_BYTES: usize = 2_048;

/// An `https` URL without user info or fragment, whose host is written in the one normal way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrictUrl(Url);

impl StrictUrl {
    /// Accepts the URL as it is, or returns the reason against it.
    pub fn parse(text: &str) -> Result<Self> {
        check(text).map(Self).map_err(|why| refuse(text, why))
    }

    /// Returns the parsed URL, which is also the one to request.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns the host in lower case.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Returns the address if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// Returns the port, 443 unless given.
    pub fn port(&self) -> u16 {
        self.0.port().unwrap_or(443)
    }

    /// Lists the path's segments as they are written.
    pub fn segments(&self) -> Vec<&str> {
        self.0.path_segments().map(Iterator::collect).unwrap_or_default()
    }

    /// Resolves a `Location` header against this URL.
    pub fn join(&self, location: &str) -> Result<Self> {
        if !location.starts_with('/') || location.starts_with("//") {
            return Self::parse(location);
        }
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        Self::parse(&format!("https://{}{port}{location}", self.host()))
    }
}

/// Refuses unless every address that a name resolved to is public. None at all is refused too.
pub fn check_addresses(host: &str, addresses: &[IpAddr]) -> Result<()> {
    if addresses.is_empty() {
        return Err(Error::denied(format!("`{host}` has no address")).hint("check the host name"));
    }
    match addresses.iter().find(|address| !is_public(**address)) {
        None => Ok(()),
        Some(address) => {
            Err(Error::denied(format!("`{host}` leads to {address}, which is not a public address"))
                .hint("only hosts on the public Internet are contacted"))
        }
    }
}

fn check(text: &str) -> std::result::Result<Url, &'static str> {
    if text.len() > MAX_BYTES {
        return Err("it is longer than 2048 bytes");
    }
    if !text.is_ascii() {
        return Err("it has characters outside ASCII; percent-encode the path and write the host in ASCII");
    }
    if text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return Err("it has blanks or control characters");
    }
    if text.contains('\\') {
        return Err("it has a backslash, which programs read differently");
    }
    let rest = match text.get(..8) {
        Some(scheme) if scheme.eq_ignore_ascii_case("https://") => text.get(8..).unwrap_or_default(),
        _ => return Err("it does not begin with https://"),
    };
    if rest.contains('#') {
        return Err("it has a fragment");
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or_default();
    let host = check_authority(authority)?;
    check_tail(tail)?;
    let url = Url::parse(text).map_err(|_| "it cannot be parsed")?;
    if url.host_str() != Some(host.to_ascii_lowercase().as_str()) {
        return Err("its host is not written in the normal way");
    }
    Ok(url)
}

/// Returns the host of `host` or `host:port`.
fn check_authority(authority: &str) -> std::result::Result<&str, &'static str> {
    if authority.contains('@') {
        return Err("it has user info before the host");
    }
    if authority.contains('%') {
        return Err("its host is percent-encoded");
    }
    let (host, port) = match authority
        .rfind(':')
        .filter(|at| authority.get(*at..).is_some_and(|rest| !rest.contains(']')))
    {
        Some(at) => authority
            .split_at_checked(at)
            .map_or((authority, None), |(host, port)| (host, port.strip_prefix(':'))),
        None => (authority, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err() || !port.bytes().all(|b| b.is_ascii_digit())) {
        return Err("its port is not a number from 1 to 65535");
    }
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if !(bracketed || plain) || host.is_empty() {
        return Err("its host has characters that no host has");
    }
    if plain && host.split('.').any(str::is_empty) {
        return Err("its host has an empty label or a trailing dot");
    }
    Ok(host)
}

/// Checks path and query, decoded until nothing changes, for hidden dot segments, separators and control characters.
fn check_tail(tail: &str) -> std::result::Result<(), &'static str> {
    let path = tail.split('?').next().unwrap_or_default();
    let mut current = path.to_owned();
    for _ in 0..8 {
        if current.split(['/', '\\']).any(|part| matches!(part.trim(), "." | "..")) {
            return Err("its path has dot segments");
        }
        if current.contains('\\') || current.chars().any(char::is_control) || current.contains('\u{fffd}') {
            return Err("its path hides control characters, backslashes or broken text");
        }
        let decoded = super::redact::percent_decoded(&current);
        if decoded == current {
            return Ok(());
        }
        current = decoded;
    }
    Err("its path is encoded too many times")
}

fn refuse(text: &str, why: &str) -> Error {
    let cut: String = text.chars().take(120).collect();
    let shown = super::display::sanitize(&super::redact::redact_text(&cut)).into_owned();
    Error::denied(format!("the URL `{shown}` is refused: {why}")).hint("give a plain https URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_all_parsers_read_alike() {
        for text in [
            "https://example.com/a?b=c",
            "HTTPS://EXAMPLE.com:8443/",
            "https://93.184.216.34/x",
            "https://example.com/%E2%9C%93",
        ] {
            StrictUrl::parse(text).unwrap();
        }
    }

    #[test]
    fn refuses_what_they_read_differently() {
        for text in [
            "http://example.com/",
            "https://a@example.com/",
            "https://example.com\\@evil.example/",
            "https:example.com",
            "https://127.1/",
            "https://0x7f000001/",
            "https://example.com./",
            "https://example.com:/",
            "https://exam%70le.com/",
            "https://example.com/a/%2e%2e/b",
            "https://example.com/a%0ab",
            "https://ex\u{e4}mple.com/",
            "https://[::1",
            "https://example.com/#x",
        ] {
            assert!(StrictUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_private_address_among_public_ones_is_enough() {
        let addresses = ["93.184.216.34".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        assert!(check_addresses("x.example", &addresses).is_err());
        assert!(check_addresses("x.example", &addresses[..1]).is_ok());
        assert!(check_addresses("x.example", &[]).is_err());
    }
}
