//! Runs an asset's workflow again, with changes by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AssetId, origin};
use crate::tools::{
    Answer, Call, Handled,
    envelope::Envelope,
    params::Seed,
    submit::{Submit, submit},
};
use comfywarden_error::{Error, JsonObject};
use comfywarden_policy::strip_credentials;
use comfywarden_workflow::{
    Workflow, integers, nearest,
    settings::{self, Applied, Dropped},
};

/// Maximum number of overrides of one call.
const MAX_OVERRIDES: usize = 64;
/// Maximum number of accepted names that a refusal lists.
const MAX_NAMES: usize = 60;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Regenerate {
    /// From comfyui_list_assets
    asset_id: AssetId,
    /// New values: seed (-1: random), prompt, steps, cfg, width, model, …, or node.input such as 3.steps
    #[serde(default)]
    overrides: JsonObject,
    /// Wait for the end
    #[serde(default)]
    wait: bool,
    /// Longest wait (default 50)
    #[serde(default)]
    #[schemars(range(max = 3600))]
    wait_seconds: Option<u32>,
}

/// The envelope of a submit, and what became of the overrides.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Regenerated {
    #[serde(flatten)]
    envelope: Envelope,
    overrides_applied: Vec<Applied>,
    overrides_dropped: Vec<Dropped>,
    /// history or file
    read_from: &'static str,
}

pub(super) async fn regenerate(call: Call, params: Regenerate) -> Handled<Regenerated> {
    let mut overrides = params.overrides;
    if overrides.len() > MAX_OVERRIDES {
        return Err(Error::invalid_input(format!(
            "`overrides` has {} entries; at most {MAX_OVERRIDES} are accepted",
            overrides.len()
        ))
        .into());
    }
    let drawn = draw_seeds(&call, &mut overrides)?;
    let found = origin::origin(&call, &params.asset_id).await?;
    let read_from = found.read_from();
    let mut workflow = found.workflow;
    let (mut applied, dropped) = settings::set(&mut workflow, &overrides)?;
    refuse_useless(&workflow, &applied, &dropped)?;
    for change in &mut applied {
        if change
            .before
            .as_str()
            .is_some_and(|text| strip_credentials::is_credential(Some(&change.input), text))
        {
            change.before = strip_credentials::WITHHELD.into();
        }
    }
    let plain = |name: &str| {
        settings::find_inputs(&workflow, name).first().and_then(|at| at.value(&workflow)).cloned()
    };
    let (seed, model) = (plain("seed"), plain("model"));
    let how = Submit { seed: drawn, ..Submit::waiting(&call, params.wait, params.wait_seconds) };
    let submitted = submit(&call, workflow, how).await?;
    let Answer { output: mut envelope, blocks, prompt_id, .. } = submitted;
    let mut warnings = found.notes;
    if applied.is_empty() && envelope.cached {
        warnings.push(
            "Nothing was changed, so ComfyUI answered from its cache with the same file; override `seed` with -1 for \
             another result"
                .to_owned(),
        );
    }
    warnings.append(&mut envelope.warnings);
    envelope.warnings = warnings;
    envelope.seed = seed.as_ref().and_then(Value::as_u64);
    envelope.model = model.as_ref().and_then(Value::as_str).map(str::to_owned);
    let output = Regenerated { envelope, overrides_applied: applied, overrides_dropped: dropped, read_from };
    let answer = blocks.into_iter().fold(Answer::from(output).exact(&["overrides_applied"]), Answer::block);
    Ok(match prompt_id {
        Some(id) => answer.prompt(id),
        None => answer,
    })
}

/// Refuses overrides that fit nothing before anything is run: the caller wanted another picture than would be made.
fn refuse_useless(workflow: &Workflow, applied: &[Applied], dropped: &[Dropped]) -> Result<(), Error> {
    let useless = |one: &&Dropped| one.unknown || applied.is_empty();
    let wrong: Vec<String> = dropped
        .iter()
        .filter(useless)
        .map(|one| format!("`overrides.{}`: {}", one.name, one.reason))
        .collect();
    let Some(first) = dropped.iter().find(useless) else { return Ok(()) };
    Err(Error::invalid_input(wrong.join("; "))
        .hint(format!("accepted: {}", nearest::list(&settings::accepted(workflow), MAX_NAMES)))
        .detail("field", first.name.as_str()))
}

/// Puts a number in the place of every -1 seed; the number survives a question to the user.
fn draw_seeds(call: &Call, overrides: &mut JsonObject) -> Result<Option<u64>, Error> {
    let mut drawn = None;
    for (name, value) in overrides.iter_mut() {
        let last = name.rsplit('.').next().unwrap_or(name);
        if !matches!(last, "seed" | "noise_seed") || !value.is_number() {
            continue;
        }
        integers::normalize(value);
        let given: Seed = serde_json::from_value(value.clone())
            .map_err(|error| Error::invalid_input(format!("`overrides.{name}`: {error}")))?;
        if given == Seed::Random {
            let seed = *drawn.get_or_insert_with(|| Seed::resolve(None, call.resumed_seed()));
            *value = seed.into();
        }
    }
    Ok(drawn)
}
