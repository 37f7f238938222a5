//! `diff`: compares two workflow files by what their nodes do.

use super::arguments::{Diff, DiffFormat};
use super::error::CliError;
use super::files::{object_info, read_workflow};
use super::output::{print_json, print_line};
use crate::config::Config;
use comfywarden_workflow::diff;

pub(super) async fn run(wanted: &Diff, config: Config) -> Result<(), CliError> {
    let catalogue = object_info(&wanted.catalogue, config).await?;
    let before = read_workflow(&wanted.before, catalogue.as_deref())?.workflow;
    let after = read_workflow(&wanted.after, catalogue.as_deref())?.workflow;
    let found = diff::diff(&before, &after);
    match wanted.format {
        DiffFormat::Text => print_line(diff::text(&found).trim_end())?,
        DiffFormat::Mermaid => print_line(diff::mermaid(&before, &after).trim_end())?,
        DiffFormat::Json => print_json(&found)?,
    }
    Ok(())
}
