//! ComfyUI's own settings: those that the operator lists may be seen and, with the user's word, changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Call, Handled, Hints, Tool,
    shown::{show_map, shown},
};
use crate::gate::Class;
use comfywarden_error::{Error, JsonObject, Kind, Result};
use comfywarden_workflow::nearest;

/// The longest text of a setting, shown or set, in characters.
const MAX_VALUE: usize = 1_000;
/// Maximum number of ids that are named without their values.
const MAX_NAMED: usize = 60;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "comfyui_get_settings",
            Class::Read,
            "Settings",
            "Shows the ComfyUI settings that the operator allows to be seen. The others are named, never \
             shown.",
            get_settings,
        )
        .hints(Hints { read_only: true, destructive: false, idempotent: true, open_world: true }),
        Tool::new(
            "comfyui_update_settings",
            Class::Admin,
            "Change settings",
            "Changes ComfyUI settings that the operator allows, after asking the user. For the ids use \
             comfyui_get_settings.",
            update_settings,
        )
        .hints(Hints { read_only: false, destructive: true, idempotent: false, open_world: true }),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoParams {}

/// The settings that may be seen.
#[derive(Debug, Serialize, JsonSchema)]
struct Listing {
    settings: JsonObject,
    /// Ids that may be changed, set or not
    allowed: Vec<String>,
    /// Ids that are set and not shown
    not_shown: Vec<String>,
    /// How many more of those there are
    #[serde(skip_serializing_if = "is_zero")]
    not_named: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

async fn get_settings(call: Call, _: NoParams) -> Handled<Listing> {
    let all = call.backend().settings().await?;
    let allowed = &call.settings.security.settings_allowlist;
    let (mut settings, mut not_shown) = (JsonObject::new(), Vec::new());
    for (id, value) in all {
        if allowed.contains(&id) {
            settings.insert(id, value);
        } else {
            not_shown.push(shown(&id, 80));
        }
    }
    show_map(&mut settings, MAX_VALUE);
    let not_named = not_shown.len().saturating_sub(MAX_NAMED);
    not_shown.truncate(MAX_NAMED);
    Ok(Listing { settings, allowed: allowed.clone(), not_shown, not_named }.into())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateSettings {
    /// New values by id: texts, numbers, true or false
    #[schemars(extend("minProperties" = 1, "maxProperties" = 50))]
    settings: JsonObject,
}

/// Values that ComfyUI keeps now.
#[derive(Debug, Serialize, JsonSchema)]
struct Updated {
    status: SettingStatus,
    settings: JsonObject,
    /// What it was before, where it was set
    previous: JsonObject,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SettingStatus {
    Updated,
    /// It was so already
    Unchanged,
}

async fn update_settings(call: Call, params: UpdateSettings) -> Handled<Updated> {
    let wanted = params.settings;
    check(&wanted, &call.settings.security.settings_allowlist)?;
    let before = call.backend().settings().await?;
    let mut previous: JsonObject =
        wanted.keys().filter_map(|id| Some((id.clone(), before.get(id)?.clone()))).collect();
    show_map(&mut previous, MAX_VALUE);
    let changes: JsonObject = wanted
        .iter()
        .filter(|(id, value)| before.get(*id) != Some(value))
        .map(|(id, value)| (id.clone(), value.clone()))
        .collect();
    if changes.is_empty() {
        return Ok(Updated { status: SettingStatus::Unchanged, settings: wanted, previous }.into());
    }
    call.confirm_admin(&question(&changes, &before), &subject(&wanted))?;
    call.backend().change_settings(&changes).await?;
    let after = call.backend().settings().await?;
    if let Some(id) = changes.iter().find(|(id, value)| after.get(*id) != Some(value)).map(|(id, _)| id) {
        return Err(Error::new(
            Kind::Upstream,
            format!("ComfyUI took the change of `{id}` and did not keep it"),
        )
        .hint("comfyui_get_settings shows what it keeps now")
        .into());
    }
    Ok(Updated { status: SettingStatus::Updated, settings: wanted, previous }.into())
}

/// Only listed ids, and only plain values: the editor's own code reads them.
fn check(wanted: &JsonObject, allowed: &[String]) -> Result<()> {
    for (id, value) in wanted {
        let name = shown(id, 80);
        if !allowed.contains(id) {
            let near = nearest::did_you_mean(id, allowed.iter().map(String::as_str));
            let near = near.map(|near| format!("{near} ")).unwrap_or_default();
            return Err(Error::denied(format!(
                "the setting `{name}` is not on the list of those that may be changed"
            ))
            .hint(format!(
                "{near}the list is `security.settings_allowlist` in the configuration, now: {}",
                nearest::list(allowed, 20)
            ))
            .detail("rule", "security.settings_allowlist"));
        }
        let fine = match value {
            Value::Bool(_) | Value::Number(_) => true,
            Value::String(text) => text.chars().count() <= MAX_VALUE,
            _ => false,
        };
        if !fine {
            return Err(Error::invalid_input(format!(
                "`settings.{name}` must be true, false, a number, or a text of at most {MAX_VALUE} characters"
            ))
            .detail("field", format!("settings.{name}")));
        }
    }
    Ok(())
}

fn question(changes: &JsonObject, before: &JsonObject) -> String {
    let told = |value: &Value| shown(&value.to_string(), 120);
    let lines: Vec<String> = changes
        .iter()
        .map(|(id, value)| match before.get(id) {
            Some(was) => format!("`{id}` from {} to {}", told(was), told(value)),
            None => format!("`{id}` to {} (not set before)", told(value)),
        })
        .collect();
    format!("Change ComfyUI's settings: {}?", lines.join(", "))
}

/// Everything a yes is about: the ids with their values, whatever their order.
fn subject(wanted: &JsonObject) -> String {
    let mut lines: Vec<String> = wanted.iter().map(|(id, value)| format!("{id}={value}")).collect();
    lines.sort_unstable();
    lines.join("\n")
}
