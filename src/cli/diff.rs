//! `diff`: what two workflow files do differently.

use super::arguments::{Diff, DiffFormat};
use super::failure::Failure;
use super::files::{object_info, workflow_of};
use super::output::{say, say_json};
use crate::config::Config;
use comfywarden_workflow::diff;

pub(super) async fn run(wanted: &Diff, config: Config) -> Result<(), Failure> {
    let catalogue = object_info(&wanted.catalogue, config).await?;
    let before = workflow_of(&wanted.before, catalogue.as_deref())?.workflow;
    let after = workflow_of(&wanted.after, catalogue.as_deref())?.workflow;
    let found = diff::diff(&before, &after);
    match wanted.format {
        DiffFormat::Text => say(diff::text(&found).trim_end())?,
        DiffFormat::Mermaid => say(diff::mermaid(&before, &after).trim_end())?,
        DiffFormat::Json => say_json(&found)?,
    }
    Ok(())
}
