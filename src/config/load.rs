//! Loads the layers of the configuration, from the lowest to the highest.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::key_lines::line_of;
use super::names::put;
use super::schema::{all_keys, check, nearest};
use super::{AuditFail, Config, Environment, Error, Problem};
use comfywarden_policy::settings::Mode;

/// The largest configuration file in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// The sources of a configuration.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The file of `--config`.
    pub file: Option<PathBuf>,
    /// The environment; [`Environment::process`] outside of tests.
    pub environment: Environment,
    /// Values of flags: key, value, flag.
    pub overrides: Vec<(&'static str, Value, &'static str)>,
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values of all layers together, with paths made absolute where they start at `~` or at the file.
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Settings that are allowed but probably not meant.
    pub warnings: Vec<String>,
}

/// Reads all layers.
///
/// # Errors
/// Every mistake of the file, the environment and the flags together.
pub fn load(options: &LoadOptions) -> Result<Loaded, Error> {
    let environment = &options.environment;
    let file = locate(options);
    let mut problems = Vec::new();
    let (mut document, text) = match &file {
        Some(path) => read(path).unwrap_or_else(|problem| {
            problems.push(problem);
            (Value::Object(Map::new()), String::new())
        }),
        None => (Value::Object(Map::new()), String::new()),
    };

    let mut changed = Vec::new();
    environment.expand(&mut document, "", &mut problems, &mut changed);
    retype(&mut document, &changed);
    let mut origins = overlay_environment(&mut document, environment);
    for (key, value, flag) in &options.overrides {
        put(&mut document, key, value.clone());
        origins.insert((*key).to_owned(), format!("`{flag}`"));
    }

    let mut misfits = Vec::new();
    check(&document, &mut misfits);
    misfits.retain(|misfit| !problems.iter().any(|problem| problem.key == misfit.key));
    problems.append(&mut misfits);
    let mut warnings = unknown_variables(environment);
    let usable = without_keys_of(&document, &problems);
    let config = match serde_json::from_value::<Config>(usable) {
        Ok(config) => Some(apply_dependent_defaults(config, &document, environment, file.as_deref())),
        Err(error) => {
            if problems.is_empty() {
                problems.push(Problem::new("", error.to_string()));
            }
            None
        }
    };
    if let Some(config) = &config {
        super::check::check_combinations(config, &mut problems, &mut warnings);
    }
    for problem in &mut problems {
        let set_by = origins.iter().find(|(key, _)| {
            problem
                .key
                .strip_prefix(key.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
        problem.origin = set_by.map(|(_, origin)| origin.clone());
        problem.line = line_of(&text, &problem.key).filter(|_| problem.origin.is_none());
    }
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, file, warnings }),
        _ => Err(Error { file, problems }),
    }
}

/// Returns the file that [`load`] would read: the first that is named or exists.
pub fn locate(options: &LoadOptions) -> Option<PathBuf> {
    if let Some(file) = &options.file {
        return Some(file.clone());
    }
    if let Some(file) = options.environment.get("COMFYWARDEN_CONFIG") {
        return Some(options.environment.expand_home(Path::new(file)));
    }
    let home = options.environment.home()?;
    let usual = [".comfywarden/config.yaml", ".comfyui-mcp/config.yaml"];
    usual.iter().map(|name| home.join(name)).find(|path| path.is_file())
}

/// Reads the file into a document, and returns its text too.
fn read(path: &Path) -> Result<(Value, String), Problem> {
    let failed =
        |error: std::io::Error| Problem::new("", format!("{} cannot be read: {error}", path.display()));
    let mut text = String::new();
    // Devices and pipes have no size to look at before: what is read is bounded instead.
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_FILE {
        return Err(Problem::new("", format!("{} is larger than 1 MiB", path.display())));
    }
    let invalid =
        |error: serde_yaml::Error| Problem::new("", format!("{} is not valid YAML: {error}", path.display()));
    // Read as YAML first: a JSON value would take the last of two equal keys without a word.
    let parsed: serde_yaml::Value = serde_yaml::from_str(&text).map_err(invalid)?;
    let mut document: Value = serde_yaml::from_value(parsed).map_err(invalid)?;
    drop_nulls(&mut document);
    match document {
        Value::Null => Ok((Value::Object(Map::new()), text)),
        Value::Object(_) => Ok((document, text)),
        _ => Err(Problem::new("", format!("{} must hold a mapping of sections", path.display()))
            .hint("start from config.example.yaml")),
    }
}

/// Removes keys without a value: they are not set, so their defaults hold.
fn drop_nulls(value: &mut Value) {
    if let Value::Object(map) = value {
        map.retain(|_, inner| !inner.is_null());
        map.values_mut().for_each(drop_nulls);
    }
}

/// Returns the document without the keys that are known to be wrong, so that the rest can still be checked.
fn without_keys_of(document: &Value, problems: &[Problem]) -> Value {
    let mut usable = document.clone();
    for problem in problems {
        let path = problem.key.split('[').next().unwrap_or_default();
        let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
        let pointer =
            if section.is_empty() { String::new() } else { format!("/{}", section.replace('.', "/")) };
        if let Some(Value::Object(map)) = usable.pointer_mut(&pointer) {
            map.remove(name);
        }
        if let Some(auth) = usable.pointer_mut("/comfyui/auth").filter(|_| path.starts_with("comfyui.auth")) {
            *auth = Value::String("none".to_owned());
        }
    }
    usable
}

fn retype(document: &mut Value, changed: &[String]) {
    for path in changed {
        let pointer = format!("/{}", path.replace('.', "/"));
        let Some(key) = all_keys().iter().find(|key| key.path == *path) else { continue };
        if let Some(value) = document.pointer_mut(&pointer)
            && let Some(text) = value.as_str()
        {
            *value = key.parse(text);
        }
    }
}

fn overlay_environment(document: &mut Value, environment: &Environment) -> HashMap<String, String> {
    let mut origins = HashMap::new();
    for key in all_keys() {
        let set = key.variables.iter().find_map(|name| environment.get(name).map(|text| (name, text)));
        if let Some((name, text)) = set {
            put(document, &key.path, key.parse(text));
            origins.insert(key.path.clone(), format!("the variable `{name}`"));
        }
    }
    origins
}

fn unknown_variables(environment: &Environment) -> Vec<String> {
    const OTHERS: [&str; 1] = ["COMFYWARDEN_CONFIG"];
    let known = || all_keys().iter().flat_map(|key| &key.variables).map(String::as_str).chain(OTHERS);
    let unknown = environment.names_with("COMFYWARDEN_").filter(|name| !known().any(|other| other == *name));
    unknown
        .map(|name| match nearest(name, known()) {
            Some(close) => {
                format!("the variable `{name}` means nothing to comfywarden; did you mean `{close}`?")
            }
            None => format!("the variable `{name}` means nothing to comfywarden"),
        })
        .collect()
}

/// Fills in the defaults that depend on the transport, the home folder or the folder of the file.
fn apply_dependent_defaults(
    mut config: Config,
    document: &Value,
    environment: &Environment,
    file: Option<&Path>,
) -> Config {
    let unset = |pointer: &str| document.pointer(pointer).is_none();
    if config.transport.remote.enabled {
        if unset("/security/mode") {
            config.security.mode = Mode::Enforce;
        }
        if unset("/logging/audit_fail") {
            config.logging.audit_fail = AuditFail::Closed;
        }
    }
    let base = file.and_then(Path::parent).map_or_else(
        || environment.expand_home(Path::new("~/.comfywarden")),
        |folder| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
    );
    let absolute = |path: &Path| {
        let path = environment.expand_home(path);
        let plain = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
        base.join(plain)
    };
    config.logging.audit_file = absolute(&config.logging.audit_file);
    config.workflows.dir = absolute(&config.workflows.dir);
    config.tools.defaults_file = absolute(&config.tools.defaults_file);
    for root in config.files.allowed_roots.iter_mut().chain(&mut config.files.publish_roots) {
        *root = environment.expand_home(root);
    }
    config
}
