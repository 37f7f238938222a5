//! `reference`: prints the pages of the documentation that are made from the program.

mod configuration;
pub(super) mod tools;

use super::arguments::{Page, Reference};
use super::error::CliError;
use super::output::print_unredacted;

pub(super) fn run(wanted: &Reference) -> Result<(), CliError> {
    let page = match wanted.page {
        Page::Tools => tools::page(),
        Page::Overview => tools::overview(),
        Page::Configuration => configuration::page(),
    };
    Ok(print_unredacted(page.trim_end())?)
}

/// Escapes text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
