//! One test for each promise of the configuration.

mod mistakes;

use std::path::PathBuf;

use comfywarden::config::{self, AuditFail, Auth, Config, Environment, Error, LoadOptions, Loaded, Profile};
use comfywarden_policy::settings::{Consent, Mode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Loads `yaml` as the file of `--config`, beside which lies nothing else.
fn load(yaml: &str, environment: Environment) -> Result<Loaded, Error> {
    load_with(yaml, environment, Vec::new())
}

fn load_with(
    yaml: &str,
    environment: Environment,
    overrides: Vec<(&'static str, Value, &'static str)>,
) -> Result<Loaded, Error> {
    let failed = |error: std::io::Error| Error { file: None, problems: Vec::new() }.with(error);
    let folder = tempfile::tempdir().map_err(failed)?;
    let file = folder.path().join("config.yaml");
    std::fs::write(&file, yaml).map_err(failed)?;
    config::load(&LoadOptions { file: Some(file), environment, overrides })
}

/// Saves the helper above an `unwrap`.
trait With {
    fn with(self, error: std::io::Error) -> Self;
}

impl With for Error {
    fn with(mut self, error: std::io::Error) -> Self {
        self.file = Some(PathBuf::from(error.to_string()));
        self
    }
}

/// Every mistake as one line, without the file's random place.
fn mistakes(result: Result<Loaded, Error>) -> Vec<String> {
    result.err().map(|error| error.problems.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

fn none() -> Environment {
    Environment::default()
}

#[test]
fn example_file_names_every_key_and_equals_the_defaults() {
    let text = include_str!("../../../config.example.yaml");
    let example: Value = serde_yaml::from_str(text).unwrap();
    let parsed: Config = serde_json::from_value(example.clone()).unwrap();

    let defaults = serde_json::to_value(Config::default()).unwrap();
    assert_eq!(serde_json::to_value(parsed).unwrap(), defaults);
    for key in config::keys(config::schema()) {
        let pointer = format!("/{}", key.path.replace('.', "/"));
        let inside_a_choice = ["comfyui.auth.", "security.dangerous_nodes.", "transport.remote.oauth."];
        let listed = example.pointer(&pointer).is_some();
        assert!(listed || inside_a_choice.iter().any(|prefix| key.path.starts_with(prefix)), "{}", key.path);
    }
}

#[test]
fn the_short_name_of_the_profile_chooses_it() {
    let loaded = load("", Environment::of([("COMFYWARDEN_PROFILE", "readonly")])).unwrap();
    assert_eq!(loaded.config.tools.profile, Profile::Readonly);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let wrong = mistakes(load("", Environment::of([("COMFYWARDEN_PROFILE", "read")])));
    assert!(
        wrong.iter().any(|text| text.contains("COMFYWARDEN_PROFILE") && text.contains("readonly")),
        "{wrong:?}"
    );
}

#[test]
fn example_file_loads_without_warnings() {
    let loaded = load(include_str!("../../../config.example.yaml"), none()).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn every_variable_in_the_example_exists() {
    let keys = config::keys(config::schema());
    let known: Vec<&String> = keys.iter().flat_map(|key| &key.variables).collect();
    let named = regex::Regex::new(r"(?:COMFYUI|COMFYWARDEN)_[A-Z_]+").unwrap();
    let text = include_str!("../../../config.example.yaml");
    for name in named.find_iter(text).map(|found| found.as_str()).filter(|name| *name != "COMFYWARDEN_CONFIG")
    {
        assert!(known.iter().any(|other| other.as_str() == name), "{name}");
    }
    for key in keys.iter().filter(|key| !key.path.starts_with("transport.remote.oauth.")) {
        let first = key.variables.first().unwrap();
        let suffix = first.rsplit('_').next().unwrap();
        assert!(text.contains(first.as_str()) || text.contains(&format!("..._{suffix}")), "{first}");
    }
}

#[test]
fn no_file_means_defaults() {
    let loaded = config::load(&LoadOptions::default()).unwrap();
    assert_eq!(loaded.file, None);
    assert_eq!(loaded.config.comfyui.url.as_str(), "http://127.0.0.1:8188/");
}

#[test]
fn empty_file_and_empty_sections_mean_defaults() {
    for yaml in ["", "# nothing\n", "comfyui:\nsecurity:\n  mode:\n"] {
        let loaded = load(yaml, none()).unwrap();
        assert_eq!(loaded.config.comfyui.timeout_connect, 30, "{yaml:?}");
    }
}

#[test]
fn file_of_the_python_reference_loads() {
    let loaded = load(
        "comfyui: {url: 'http://gpu:8188/prefix', external_url: '', tls_verify: true, timeout_connect: 5, timeout_read: 60}\n\
         security: {mode: enforce, allowed_nodes: [KSampler], dangerous_nodes: [Evil], max_upload_size_mb: 10,\n\
           allowed_extensions: [.png], allowed_download_domains: [huggingface.co], allowed_model_extensions: [.safetensors]}\n\
         rate_limits: {workflow: 1, generation: 2, file_ops: 3, read_only: 4}\n\
         model_search: {huggingface_token: hf, civitai_api_key: '', max_search_results: 5}\n\
         logging: {audit_file: ~/audit.log}\n\
         transport: {remote: {enabled: false, host: 127.0.0.1, port: 8080}}\n\
         tasks: {enabled: false, backend_url: 'memory://'}\n",
        Environment::of([("HOME", "/home/someone")]),
    )
    .unwrap();

    assert_eq!(loaded.config.comfyui.external_url, None);
    assert_eq!(loaded.config.security.dangerous_nodes.extend, ["Evil"]);
    assert_eq!(loaded.config.logging.audit_file, PathBuf::from("/home/someone/audit.log"));
}

#[test]
fn open_http_door_turns_the_strict_defaults_on() {
    let loaded = load("transport: {remote: {enabled: true}}", none()).unwrap();
    assert_eq!(loaded.config.security.mode, Mode::Enforce);
    assert_eq!(loaded.config.logging.audit_fail, AuditFail::Closed);

    let chosen = load(
        "transport: {remote: {enabled: true}}\nsecurity: {mode: audit}\nlogging: {audit_fail: warn}",
        none(),
    )
    .unwrap();
    assert_eq!(chosen.config.security.mode, Mode::Audit);
    assert_eq!(chosen.config.logging.audit_fail, AuditFail::Warn);
}

#[test]
fn flag_beats_variable_beats_file_beats_default() {
    let yaml = "comfyui: {url: 'http://file:1', timeout_read: 7, timeout_connect: 7}";
    let environment = Environment::of([("COMFYUI_URL", "http://env:2"), ("COMFYUI_TIMEOUT_READ", "8")]);
    let loaded =
        load_with(yaml, environment, vec![("comfyui.url", json!("http://flag:3"), "--comfyui-url")]).unwrap();

    let comfyui = loaded.config.comfyui;
    assert_eq!(comfyui.url.as_str(), "http://flag:3/");
    assert_eq!((comfyui.timeout_read, comfyui.timeout_connect, comfyui.job_timeout), (8, 7, 3600));
}

#[test]
fn every_key_can_be_set_by_its_variable() {
    for key in config::keys(config::schema()) {
        let (text, expected) = match key.path.as_str() {
            "comfyui.auth" => ("{\"bearer\": \"abc\"}", json!({"bearer": "***"})),
            path if path.starts_with("comfyui.auth.") || path.starts_with("transport.remote.oauth") => {
                continue;
            }
            "comfyui.url" | "comfyui.external_url" => ("http://other:1/", json!("http://other:1/")),
            "transport.remote.allowed_origins" => ("http://a.example:1", json!(["http://a.example:1"])),
            "transport.remote.tokens" => ("0123456789abcdef", json!(["***"])),
            "transport.remote.replica_key" => ("0123456789abcdef0123456789abcdef", json!("***")),
            "security.mode" => ("enforce", json!("enforce")),
            "security.admin" => ("off", json!("off")),
            "security.privacy" => ("full", json!("full")),
            "security.dangerous_nodes" | "security.dangerous_nodes.extend" => continue,
            "security.dangerous_nodes.replace" => ("A, B", json!(["A", "B"])),
            "logging.audit_fail" => ("closed", json!("closed")),
            "logging.level" => ("debug", json!("debug")),
            "logging.format" => ("json", json!("json")),
            "tools.defaults" => (r#"{"a": {"b": 1}}"#, json!({"a": {"b": 1}})),
            "logging.audit_file" | "workflows.dir" | "tools.defaults_file" => {
                ("/elsewhere/x", json!("/elsewhere/x"))
            }
            "tools.profile" => ("core", json!("core")),
            "model_search.huggingface_token" | "model_search.civitai_api_key" => ("s3cret", json!("***")),
            "files.allowed_roots" | "files.publish_roots" => ("/a,/b", json!(["/a", "/b"])),
            "security.allowed_extensions" | "security.allowed_model_extensions" => {
                (".x,.y", json!([".x", ".y"]))
            }
            _ => {
                let defaults = serde_json::to_value(Config::default()).unwrap();
                match defaults.pointer(&format!("/{}", key.path.replace('.', "/"))) {
                    Some(Value::Bool(default)) => {
                        if *default {
                            ("no", json!(false))
                        } else {
                            ("yes", json!(true))
                        }
                    }
                    Some(Value::Number(_)) => ("17", json!(17)),
                    Some(Value::Array(_)) => ("one, two", json!(["one", "two"])),
                    _ => ("text", json!("text")),
                }
            }
        };
        for variable in &key.variables {
            let environment = Environment::of([(variable.as_str(), text)]);
            let loaded = config::load(&LoadOptions { environment, ..LoadOptions::default() })
                .unwrap_or_else(|error| panic!("{variable}: {error}"));
            let config = serde_json::to_value(loaded.config).unwrap();
            assert_eq!(
                config.pointer(&format!("/{}", key.path.replace('.', "/"))),
                Some(&expected),
                "{variable}"
            );
        }
    }
}

#[test]
fn names_of_the_python_reference_are_kept() {
    let keys = config::keys(config::schema());
    for name in [
        "COMFYUI_URL",
        "COMFYUI_EXTERNAL_URL",
        "COMFYUI_TLS_VERIFY",
        "COMFYUI_TIMEOUT_CONNECT",
        "COMFYUI_TIMEOUT_READ",
        "COMFYUI_SECURITY_MODE",
        "COMFYUI_AUDIT_FILE",
        "COMFYUI_HUGGINGFACE_TOKEN",
        "COMFYUI_CIVITAI_API_KEY",
        "COMFYUI_MAX_SEARCH_RESULTS",
        "COMFYUI_ALLOWED_DOWNLOAD_DOMAINS",
        "COMFYUI_TASKS_ENABLED",
        "COMFYUI_TASKS_BACKEND_URL",
    ] {
        assert!(keys.iter().any(|key| key.variables.iter().any(|variable| variable == name)), "{name}");
    }
}

#[test]
fn empty_variable_counts_as_unset() {
    let environment = Environment::of([("COMFYUI_URL", ""), ("COMFYWARDEN_TOOLS_READ_ONLY", "")]);
    config::load(&LoadOptions { environment, ..LoadOptions::default() }).unwrap();
}

#[test]
fn variables_inside_the_file_are_replaced_and_typed() {
    let yaml = "
comfyui: {url: 'http://${HOST}:8188', timeout_read: '${SECONDS}', tls_verify: '${VERIFY:-no}', auth: {bearer: '${KEY}'}}
tools: {include: ['${UNSET:-comfyui_get_queue}', 'a$${b}']}
";
    let environment = Environment::of([("HOST", "gpu"), ("SECONDS", "9"), ("KEY", "0123")]);
    let config = load(yaml, environment).unwrap().config;

    assert_eq!(config.comfyui.url.as_str(), "http://gpu:8188/");
    assert_eq!(config.comfyui.timeout_read, 9);
    assert!(!config.comfyui.tls_verify);
    assert!(matches!(&config.comfyui.auth, Auth::Bearer(key) if key.expose_secret() == "0123"));
    assert_eq!(config.tools.include, ["comfyui_get_queue", "a${b}"]);
}

#[test]
fn dangerous_nodes_extend_or_replace() {
    let extend =
        load("security: {dangerous_nodes: {extend: [A]}}", none()).unwrap().config.security.dangerous_nodes;
    assert_eq!((extend.extend, extend.replace), (vec!["A".to_owned()], None));
    let replace =
        load("security: {dangerous_nodes: {replace: [B]}}", none()).unwrap().config.security.dangerous_nodes;
    assert_eq!(replace.replace, Some(vec!["B".to_owned()]));
    assert_eq!(mistakes(load("security: {dangerous_nodes: yes please}", none())).len(), 1);
}

#[test]
fn every_form_of_auth_is_understood() {
    for (yaml, expected) in [
        ("none", json!("none")),
        ("{bearer: k}", json!({"bearer": "***"})),
        ("{basic: {user: u, password: p}}", json!({"basic": {"user": "u", "password": "***"}})),
        ("{header: {name: X-API-Key, value: v}}", json!({"header": {"name": "X-API-Key", "value": "***"}})),
        ("{query: {name: key, value: v}}", json!({"query": {"name": "key", "value": "***"}})),
    ] {
        let config = load(&format!("comfyui: {{auth: {yaml}}}"), none()).unwrap().config;
        assert_eq!(serde_json::to_value(config.comfyui.auth).unwrap(), expected);
    }
    let lines = mistakes(load("comfyui: {auth: {baerer: k}}", none()));
    insta::assert_snapshot!(lines.join("\n"), @"`comfyui.auth` (line 1) must be `none`, a mapping with `bearer`, a mapping with `basic`, a mapping with `header` or a mapping with `query`");
}

#[test]
fn paths_start_at_home_or_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    std::fs::write(&file, "logging: {audit_file: logs/audit.jsonl}\nfiles: {publish_roots: [~/public]}")
        .unwrap();
    let environment = Environment::of([("HOME", "/home/someone")]);
    let config =
        config::load(&LoadOptions { file: Some(file), environment, overrides: Vec::new() }).unwrap().config;

    assert_eq!(config.logging.audit_file, folder.path().join("logs/audit.jsonl"));
    assert_eq!(config.workflows.dir, folder.path().join("workflows"));
    assert_eq!(config.files.publish_roots, [PathBuf::from("/home/someone/public")]);
}

#[test]
fn file_is_looked_for_in_the_documented_order() {
    let home = tempfile::tempdir().unwrap();
    let home_text = home.path().to_str().unwrap();
    let place = |folder: &str, seconds: u32| {
        std::fs::create_dir_all(home.path().join(folder)).unwrap();
        let file = home.path().join(folder).join("config.yaml");
        std::fs::write(&file, format!("comfyui: {{timeout_read: {seconds}}}")).unwrap();
        file
    };
    let read = |options: &LoadOptions| config::load(options).unwrap().config.comfyui.timeout_read;
    let at_home = || Environment::of([("HOME", home_text)]);

    place(".comfyui-mcp", 1);
    assert_eq!(read(&LoadOptions { environment: at_home(), ..LoadOptions::default() }), 1);
    place(".comfywarden", 2);
    assert_eq!(read(&LoadOptions { environment: at_home(), ..LoadOptions::default() }), 2);
    let named = place("named", 3);
    let environment =
        || Environment::of([("HOME", home_text), ("COMFYWARDEN_CONFIG", named.to_str().unwrap())]);
    assert_eq!(read(&LoadOptions { environment: environment(), ..LoadOptions::default() }), 3);
    let flag = Some(place("flag", 4));
    assert_eq!(read(&LoadOptions { file: flag, environment: environment(), overrides: Vec::new() }), 4);
}

#[test]
fn admin_off_in_bare_yaml_is_understood() {
    assert_eq!(load("security: {admin: off}", none()).unwrap().config.security.admin, Consent::Off);
}
