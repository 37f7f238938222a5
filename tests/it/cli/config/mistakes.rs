//! Messages about a configuration with mistakes.

use std::path::PathBuf;

use comfywarden::config::{self, Environment, LoadOptions};

use super::{load, mistakes, none};

#[test]
fn file_that_is_no_mapping_is_refused() {
    for yaml in ["- comfyui\n", "just text\n", "42\n"] {
        let lines = mistakes(load(yaml, none()));
        assert_eq!(lines.len(), 1, "{yaml:?}");
        assert!(
            lines[0].contains("must hold a mapping of sections; start from config.example.yaml"),
            "{lines:?}"
        );
    }
}

#[test]
fn broken_yaml_names_the_line() {
    let lines = mistakes(load("comfyui:\n  url: 'x\n", none()));
    assert!(lines[0].contains("is not valid YAML") && lines[0].contains("line"), "{lines:?}");
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    for yaml in [
        "security: {mode: enforce}\nsecurity: {mode: audit}\n",
        "security:\n  mode: enforce\n  mode: audit\n",
        "comfyui: {url: 'http://127.0.0.1:1', url: 'http://127.0.0.1:2'}\n",
    ] {
        let lines = mistakes(load(yaml, none()));
        assert!(lines.len() == 1 && lines[0].contains("duplicate"), "{yaml}: {lines:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_device_without_an_end_is_too_large() {
    let file = PathBuf::from("/dev/zero");
    let error = config::load(&LoadOptions { file: Some(file), ..LoadOptions::default() }).unwrap_err();
    assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
}

#[test]
fn missing_file_is_named() {
    let file = PathBuf::from("/nowhere/config.yaml");
    let error = config::load(&LoadOptions { file: Some(file), ..LoadOptions::default() }).unwrap_err();
    assert!(error.to_string().contains("/nowhere/config.yaml cannot be read"), "{error}");
}

#[test]
fn all_mistakes_are_reported_at_once_with_suggestions() {
    let yaml = "
comfyui: {ulr: 'http://x', timeout_read: 0, tls_verify: maybe}
security: {mode: enforced, max_upload_size_mb: 900, admin: [ask], allowed_extensions: [PNG]}
rate_limits: {workflow: ten, generation: -1}
sekurity: {}
url: http://x
tools: {include: [comfyui_get_queue], exclude: [comfyui_get_queue]}
files: {allowed_roots: [relative]}
";
    insta::assert_snapshot!(mistakes(load(yaml, none())).join("\n"), @r"
    `comfyui.ulr` (line 2) is not a known key; did you mean `comfyui.url`?
    `comfyui.timeout_read` (line 2) must be between 1 and 86400, not 0
    `comfyui.tls_verify` (line 2) must be true or false, not a text
    `security.mode` (line 3) must be `audit` or `enforce`, found `enforced`; did you mean `enforce`?
    `security.max_upload_size_mb` (line 3) must be between 1 and 500, not 900
    `security.admin` (line 3) must be `ask`, `allow` or `off`, not a list
    `security.allowed_extensions[0]` (line 3) must be a file name extension in lower case, such as `.png`
    `rate_limits.workflow` (line 4) must be a whole number, not a text
    `rate_limits.generation` (line 4) must be between 1 and 1000000, not -1
    `sekurity` (line 5) is not a known key; did you mean `security`?
    `url` (line 6) is not a known key; did you mean `comfyui.url`?
    `files.allowed_roots[0]` (line 8) must be an absolute path
    `tools.include` (line 7) names `comfyui_get_queue`, and so does `tools.exclude`
    ");
}

#[test]
fn contradictions_are_reported_at_once() {
    let yaml = "
comfyui: {url: 'http://user:pw@host:8188/?token=x'}
transport: {remote: {enabled: true, host: 0.0.0.0, port: 8080, allowed_origins: ['*'], allowed_hosts: ['*'], tokens: ['sha256:abcdefghijkl']}}
tools: {include: [comfyui_get_queue], exclude: [comfyui_get_queue]}
files: {allowed_roots: [relative, /]}
logging: {level: '=='}
";
    insta::assert_snapshot!(mistakes(load(yaml, none())).join("\n"), @r"
    `transport.remote.allowed_origins[0]` (line 3) must be a URL such as `http://127.0.0.1:8188`
    `comfyui.url` (line 2) must not carry a user name or password; use `comfyui.auth: {basic: {user, password}}`
    `comfyui.url` (line 2) must not carry a query or a fragment; a key in the query goes to `comfyui.auth: {query: {name, value}}`
    `transport.remote.tokens[0]` (line 3) must have 64 hex digits after `sha256:`
    `transport.remote.allowed_hosts` (line 3) takes no `*`; list the values one by one
    `files.allowed_roots[0]` (line 5) must be an absolute path
    `files.allowed_roots[1]` (line 5) must not be the whole file system
    `tools.include` (line 4) names `comfyui_get_queue`, and so does `tools.exclude`
    `logging.level` (line 6) is not a log filter; write `warn`, `info`, `debug`, or such as `warn,comfywarden=debug`
    ");
}

#[test]
fn wide_bind_needs_a_token() {
    let open = "transport: {remote: {enabled: true, host: 0.0.0.0}}";
    insta::assert_snapshot!(mistakes(load(open, none())).join("\n"), @"`transport.remote.host` (line 1) is not loopback, and nobody has to prove who they are; set `transport.remote.tokens` or `transport.remote.oauth`, or listen on 127.0.0.1");

    let guarded = "transport: {remote: {enabled: true, host: 0.0.0.0, tokens: ['${TOKEN}']}}";
    load(guarded, Environment::of([("TOKEN", "0123456789abcdef")])).unwrap();
    let off = "transport: {remote: {enabled: false, host: 0.0.0.0}}";
    load(off, none()).unwrap();
}

#[test]
fn own_port_must_not_be_the_one_of_comfyui() {
    let yaml = "transport: {remote: {enabled: true, port: 8188}}";
    insta::assert_snapshot!(mistakes(load(yaml, none())).join("\n"), @"`transport.remote.port` (line 1) is the port of `comfyui.url` itself; take another one, such as 8080");
}

#[test]
fn mistake_in_a_variable_names_the_variable() {
    let environment = Environment::of([("COMFYUI_TIMEOUT_READ", "soon"), ("COMFYUI_AUTH_BEARER", "a\nb")]);
    let error = config::load(&LoadOptions { environment, ..LoadOptions::default() }).unwrap_err();
    insta::assert_snapshot!(error, @r"
    2 mistakes in the configuration
      - `comfyui.timeout_read` (from the variable `COMFYUI_TIMEOUT_READ`) must be a whole number, not a text
      - `comfyui.auth.bearer` (from the variable `COMFYUI_AUTH_BEARER`) has a character that a header cannot carry
    ");
}

#[test]
fn variable_nobody_reads_is_a_warning_with_a_suggestion() {
    let environment = Environment::of([("COMFYWARDEN_TOOLS_PROFLE", "core")]);
    let loaded = config::load(&LoadOptions { environment, ..LoadOptions::default() }).unwrap();
    insta::assert_snapshot!(loaded.warnings.join("\n"), @"the variable `COMFYWARDEN_TOOLS_PROFLE` means nothing to comfywarden; did you mean `COMFYWARDEN_TOOLS_PROFILE`?");
}

#[test]
fn unset_variable_inside_the_file_is_named() {
    insta::assert_snapshot!(mistakes(load("comfyui: {url: '${NOT_SET}', auth: {bearer: '${OPEN'}}", none())).join("\n"), @r"
    `comfyui.url` (line 1) needs the environment variable `NOT_SET`, which is not set; set it, or write `${NOT_SET:-default}`
    `comfyui.auth.bearer` (line 1) has a `${` without its `}`; write `$${` for a plain `${`
    ");
}

#[test]
fn secrets_are_never_printed() {
    const CANARY: &str = "canary-0123456789abcdef";
    let yaml = format!(
        "comfyui: {{auth: {{header: {{name: X-API-Key, value: {CANARY}}}}}}}\n\
         model_search: {{huggingface_token: {CANARY}, civitai_api_key: {CANARY}}}\n\
         transport: {{remote: {{tokens: [{CANARY}]}}}}\n"
    );
    let loaded = load(&yaml, none()).unwrap();
    let printed = format!("{:?} {}", loaded.config, serde_json::to_string(&loaded.config).unwrap());
    assert!(!printed.contains(CANARY), "{printed}");

    let misplaced = format!(
        "comfyui: {{auth: {CANARY}, timeout_read: {CANARY}, url: {CANARY}}}\nsecurity: {{mode: {CANARY}}}"
    );
    let error = load(&misplaced, none()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
}

#[test]
fn oauth_is_asked_over_https_or_on_this_machine() {
    let yaml = "transport: {remote: {oauth: {issuer: 'http://a.example', audience: a, jwks_url: 'http://a.example/k'}}}";
    insta::assert_snapshot!(mistakes(load(yaml, none())).join("\n"), @r"
    `transport.remote.oauth.issuer` (line 1) must be an https address, or one on this machine
    `transport.remote.oauth.jwks_url` (line 1) must be an https address, or one on this machine
    ");
    let near = "transport: {remote: {enabled: true, host: 0.0.0.0, oauth: {issuer: 'https://a.example', audience: a, jwks_url: 'http://127.0.0.1:9/k'}}}";
    assert_eq!(load(near, none()).unwrap().config.transport.remote.oauth.unwrap().longest_life_seconds, 900);
}

#[test]
fn a_level_that_does_not_exist_and_an_address_in_place_of_a_host_are_refused() {
    for (yaml, key) in [
        ("logging: {level: loud}\n", "logging.level"),
        ("logging: {level: 'warn,loud'}\n", "logging.level"),
        ("security: {allowed_download_domains: ['https://x/']}\n", "security.allowed_download_domains[0]"),
        (
            "security: {allowed_download_domains: [huggingface.co, '*.x.org']}\n",
            "allowed_download_domains[1]",
        ),
    ] {
        let lines = mistakes(load(yaml, none()));
        assert!(lines.len() == 1 && lines[0].contains(key), "{yaml}: {lines:?}");
    }
    for yaml in [
        "logging: {level: INFO}\n",
        "logging: {level: 'warn,comfywarden=debug'}\n",
        "logging: {level: 'comfywarden::app=trace'}\n",
        "security: {allowed_download_domains: [cdn-lfs.huggingface.co]}\n",
    ] {
        assert!(load(yaml, none()).is_ok(), "{yaml}");
    }
}

#[test]
fn a_mistake_names_its_line_what_was_found_and_what_fits() {
    let yaml = "
# what holds
security:
  mode: off
  allowed_nodes: KSampler
transport:
  remote:
    tokens:
      - ${TOKEN:-0123456789abcdef}
      - sha256:zz
";
    insta::assert_snapshot!(mistakes(load(yaml, none())).join("\n"), @r"
    `security.mode` (line 4) must be `audit` or `enforce`, found `off`
    `security.allowed_nodes` (line 5) must be a list, not a text; write `allowed_nodes: [first, second]`
    `transport.remote.tokens[1]` (line 10) must have 64 hex digits after `sha256:`
    ");
}
