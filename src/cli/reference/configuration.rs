//! Prints the configuration: one table per section of the file.

use std::fmt::Write as _;

use serde_json::Value;

use super::cell;
use super::tools::accepts;
use crate::config::{self, Config};

const HEAD: &str = "\
# Configuration

Made from the schema by `comfywarden reference configuration`; a test keeps this page equal to the program.

Nothing needs to be configured for a ComfyUI on the same machine. Values come from, lowest to highest: defaults, a YAML
file, environment variables, flags. The file is the first of `--config FILE`, `$COMFYWARDEN_CONFIG`,
`~/.comfywarden/config.yaml` and `~/.comfyui-mcp/config.yaml`; a relative path in it starts at its own folder, `~` is the home
folder. `${VAR}` and `${VAR:-default}` are replaced inside of any value, `$${` stands for `${`.

In a variable, a list is JSON or parts between commas; an empty variable counts as unset. All mistakes are reported at once,
and an unknown key is one of them: `comfywarden doctor` shows them with the fix. The file with every default and more words on
each key is [config.example.yaml](../config.example.yaml).

How `tools.defaults`, a user's own defaults and the values of a call go together is told in [defaults](defaults.md).
";

/// Prints the whole page.
pub(super) fn page() -> String {
    let schema = config::schema();
    let keys = config::keys(schema);
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut out = HEAD.to_owned();
    for (section, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let text = inner.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(out, "\n## {section}\n\n{text}\n\n| key | accepts | default | |\n|---|---|---|---|\n");
        for key in keys.iter().filter(|key| key.path.starts_with(&format!("{section}."))) {
            let spec = described(schema, &key.path);
            let text =
                spec.and_then(|spec| spec.get("description")).and_then(Value::as_str).unwrap_or_default();
            let pointer = format!("/{}", key.path.replace('.', "/"));
            let default = match defaults.pointer(&pointer) {
                None => String::new(),
                Some(value) => format!("`{value}`"),
            };
            let variables: Vec<String> = key.variables.iter().map(|name| format!("`{name}`")).collect();
            let name = key.path.strip_prefix(&format!("{section}.")).unwrap_or(&key.path);
            let accepted = spec.map(accepts).unwrap_or_default();
            let told = format!("{} {}", text, variables.join(", "));
            let _ =
                writeln!(out, "| `{name}` | {} | {} | {} |", cell(&accepted), cell(&default), cell(&told));
        }
    }
    out
}

/// Finds the schema of a key in every branch of the schemas above it.
fn described<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
    let here = std::iter::once(schema).chain(branches.into_iter().flatten());
    here.into_iter().find_map(|branch| {
        let inner = branch.get("properties")?.get(first)?;
        match rest {
            Some(rest) => described(inner, rest),
            None => Some(inner),
        }
    })
}
