//! Checks settings that are fine one by one and wrong together.

use std::net::IpAddr;
use std::path::Path;

use secrecy::ExposeSecret;
use url::Url;

use super::{Auth, Config, Problem};

/// Returns whether a host name or address can only be reached from this machine.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Adds contradictions to `problems` and risks to `warnings`.
pub(super) fn check_combinations(config: &Config, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    comfyui(config, problems, warnings);
    remote(config, problems, warnings);
    files(config, problems);
    for (index, host) in config.security.allowed_download_domains.iter().enumerate() {
        if host.is_empty()
            || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        {
            let key = format!("security.allowed_download_domains[{index}]");
            problems.push(
                Problem::new(key, "must be the name of a host")
                    .hint("write `example.com`: no scheme, port, path or `*`"),
            );
        }
    }
    for name in &config.tools.include {
        if config.tools.exclude.contains(name) {
            problems
                .push(Problem::new("tools.include", format!("names `{name}`, and so does `tools.exclude`")));
        }
    }
    if !is_filter(&config.logging.level) {
        problems.push(
            Problem::new("logging.level", "is not a log filter")
                .hint("write `warn`, `info`, `debug`, or such as `warn,comfywarden=debug`"),
        );
    }
    if config.tasks.enabled {
        warnings.push("`tasks.enabled` has no effect yet".to_owned());
    }
}

/// Returns whether the text is a log filter. A word that is no level would count as the name of a module and show nothing.
fn is_filter(text: &str) -> bool {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let is_level = |word: &str| levels.iter().any(|level| word.eq_ignore_ascii_case(level));
    tracing_subscriber::EnvFilter::try_new(text).is_ok()
        && text.split(',').all(|part| is_level(part.trim()) || part.contains(['=', '[', ':']))
}

fn comfyui(config: &Config, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    let url = &config.comfyui.url;
    if !url.username().is_empty() || url.password().is_some() {
        problems.push(
            Problem::new("comfyui.url", "must not carry a user name or password")
                .hint("use `comfyui.auth: {basic: {user, password}}`"),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        problems.push(
            Problem::new("comfyui.url", "must not carry a query or a fragment")
                .hint("a key in the query goes to `comfyui.auth: {query: {name, value}}`"),
        );
    }
    auth(&config.comfyui.auth, problems);
    let far = !url.host_str().is_some_and(is_loopback);
    if far && url.scheme() == "https" && !config.comfyui.tls_verify {
        warnings.push("`comfyui.tls_verify` is off: anyone on the way can pose as the server".to_owned());
    }
    if far && url.scheme() == "http" && !matches!(config.comfyui.auth, Auth::None) {
        warnings.push("`comfyui.auth` is sent over plain http: use https, or a tunnel".to_owned());
    }
}

fn auth(auth: &Auth, problems: &mut Vec<Problem>) {
    let header_value = |key: &str, text: &str, problems: &mut Vec<Problem>| {
        if text.is_empty() {
            problems.push(Problem::new(key, "must not be empty"));
        } else if http::HeaderValue::from_str(text).is_err() {
            problems.push(Problem::new(key, "has a character that a header cannot carry"));
        }
    };
    match auth {
        Auth::Bearer(token) => header_value("comfyui.auth.bearer", token.expose_secret(), problems),
        Auth::Header { name, value } => {
            if http::HeaderName::try_from(name.as_str()).is_err() {
                problems.push(Problem::new("comfyui.auth.header.name", "is not the name of a header"));
            }
            header_value("comfyui.auth.header.value", value.expose_secret(), problems);
        }
        Auth::None | Auth::Basic { .. } | Auth::Query { .. } => {}
    }
}

fn remote(config: &Config, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    let remote = &config.transport.remote;
    for (index, token) in remote.tokens.iter().enumerate() {
        if let Some(digest) = token.expose_secret().strip_prefix("sha256:")
            && !is_sha256(digest.split_once(' ').map_or(digest, |(digest, _)| digest))
        {
            let key = format!("transport.remote.tokens[{index}]");
            problems.push(Problem::new(key, "must have 64 hex digits after `sha256:`"));
        }
    }
    for (key, list) in
        [("allowed_hosts", &remote.allowed_hosts), ("allowed_origins", &remote.allowed_origins)]
    {
        if list.iter().any(|entry| entry.contains('*')) {
            let key = format!("transport.remote.{key}");
            problems.push(Problem::new(key, "takes no `*`").hint("list the values one by one"));
        }
    }
    if remote.is_replica() && remote.replica_key.expose_secret().len() < 32 {
        problems.push(
            Problem::new("transport.remote.replica_key", "has fewer than 32 characters")
                .hint("make one with: openssl rand -hex 32"),
        );
    }
    if let Some(oauth) = &remote.oauth {
        for (key, url) in
            [("issuer", Url::parse(&oauth.issuer).ok()), ("jwks_url", Some(oauth.jwks_url.clone()))]
        {
            if !url.is_some_and(|url| url.scheme() == "https" || url.host_str().is_some_and(is_loopback)) {
                let key = format!("transport.remote.oauth.{key}");
                problems.push(Problem::new(key, "must be an https address, or one on this machine"));
            }
        }
    }
    let open = remote.tokens.is_empty() && remote.oauth.is_none();
    if !remote.enabled {
        return;
    }
    if !is_loopback(&remote.host) && open {
        problems.push(
            Problem::new("transport.remote.host", "is not loopback, and nobody has to prove who they are")
                .hint("set `transport.remote.tokens` or `transport.remote.oauth`, or listen on 127.0.0.1"),
        );
    } else if open {
        warnings.push("`transport.remote` has no token: every program on this machine can use it".to_owned());
    }
    if is_same_address(&remote.host, remote.port, &config.comfyui.url) {
        problems.push(
            Problem::new("transport.remote.port", "is the port of `comfyui.url` itself")
                .hint("take another one, such as 8080"),
        );
    }
}

fn is_same_address(host: &str, port: u16, url: &Url) -> bool {
    let here = |name: &str| {
        is_loopback(name) || name.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    };
    let Some(other) = url.host_str() else { return false };
    port != 0 && url.port_or_known_default() == Some(port) && (host == other || (here(host) && here(other)))
}

fn files(config: &Config, problems: &mut Vec<Problem>) {
    let ffmpeg = Path::new(&config.files.ffmpeg);
    if !config.files.ffmpeg.is_empty() && !ffmpeg.is_absolute() && ffmpeg.components().count() != 1 {
        problems.push(
            Problem::new("files.ffmpeg", "must be a plain name or an absolute path")
                .hint("write `ffmpeg`, such as /usr/bin/ffmpeg, or nothing for none"),
        );
    }
    let lists = [
        ("files.allowed_roots", &config.files.allowed_roots),
        ("files.publish_roots", &config.files.publish_roots),
    ];
    for (key, roots) in lists {
        for (index, root) in roots.iter().enumerate() {
            let key = format!("{key}[{index}]");
            if !root.is_absolute() {
                problems.push(Problem::new(key, "must be an absolute path"));
            } else if root.parent().is_none_or(|parent| parent == Path::new("")) {
                problems.push(Problem::new(key, "must not be the whole file system"));
            }
        }
    }
}
