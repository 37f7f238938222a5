//! Runs `setup`: edits the client's file and says what to do next.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::arguments::Setup;
use super::client::{Entry, System, Target};
use super::{client_file, json, toml};
use crate::cli::arguments::ProfileName;
use crate::cli::error::CliError;
use crate::cli::output::print_line;
use crate::config::Environment;
use comfywarden_error::{Error, Result};

/// An edit: takes the text of a file and returns the text with our entry.
type Edit = Box<dyn Fn(&str) -> Result<String>>;

/// Runs it. `url` is the address of ComfyUI, if somebody named one.
pub(in crate::cli) fn run(
    wanted: &Setup,
    environment: &Environment,
    url: Option<&str>,
) -> Result<(), CliError> {
    let client = wanted.client;
    let target = client.target(System::here(), environment)?;
    let (file, edit): (PathBuf, Edit) = match target {
        Target::ByHand(text) => return Ok(print_line(text)?),
        Target::Json { file, section, typed } => {
            let entry = entry(wanted, url)?;
            (file, Box::new(move |text| json::with_entry(text, section, typed, &entry)))
        }
        Target::Toml { file } => {
            let entry = entry(wanted, url)?;
            (file, Box::new(move |text| toml::with_entry(text, &entry)))
        }
    };
    let current = client_file::read(&file)?;
    let before = current.text.clone().unwrap_or_default();
    let after = edit(&before).map_err(|error| with_file_name(&file, &error))?;
    let path = file.display();
    if after == before {
        print_line(&format!("{path} has `{}` already; nothing to change", wanted.name))?;
        return Ok(());
    }
    if wanted.dry_run {
        print_line(&format!("{path} would change so (nothing was written):"))?;
        return Ok(print_line(&changed_lines(&before, &after))?);
    }
    let backup = client_file::replace(&current, &after)?;
    print_line(&format!("{path} now starts comfywarden as `{}`", wanted.name))?;
    if let Some(backup) = backup {
        print_line(&format!("  the file as it was: {}", backup.display()))?;
    }
    print_line(&format!("  next: {} ({})", client.next(), client.title()))?;
    Ok(())
}

fn entry(wanted: &Setup, url: Option<&str>) -> Result<Entry> {
    let name = &wanted.name;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
        return Err(Error::invalid_input(format!("`{name}` is no name for a server"))
            .hint("up to 40 letters, digits, `-` and `_`"));
    }
    let program = std::env::current_exe()
        .map_err(|error| Error::internal(format!("the place of this program is unknown: {error}")))?;
    let command = program.to_str().ok_or_else(|| {
        Error::invalid_input("the path of this program is not UTF-8, and a client's file has to be")
            .hint("move the program to another folder")
    })?;
    let mut arguments = vec!["serve".to_owned()];
    if let Some(profile) =
        wanted.profile.or(wanted.client.profile()).filter(|profile| *profile != ProfileName::Full)
    {
        let value = profile.to_possible_value();
        arguments.push("--profile".to_owned());
        arguments.extend(value.map(|value| value.get_name().to_owned()));
    }
    let environment = url.map(without_credentials).transpose()?;
    let environment = environment.map(|url| ("COMFYUI_URL".to_owned(), url));
    Ok(Entry {
        name: name.clone(),
        command: command.to_owned(),
        arguments,
        environment: environment.into_iter().collect(),
    })
}

/// Returns the address, unless it holds a credential, which belongs into comfywarden's own configuration.
fn without_credentials(url: &str) -> Result<String> {
    let holds_some = url::Url::parse(url)
        .is_ok_and(|url| !url.username().is_empty() || url.password().is_some() || url.query().is_some());
    if holds_some {
        return Err(Error::invalid_input("the address of ComfyUI holds a credential or a query")
            .hint("give the bare address, and put the credential into `comfyui.auth` of comfywarden's configuration"));
    }
    Ok(url.to_owned())
}

fn with_file_name(file: &Path, error: &Error) -> Error {
    let outer = Error::new(error.kind(), format!("{}: {}", file.display(), error.message()));
    match error.hint_text() {
        Some(hint) => outer.hint(hint),
        None => outer,
    }
}

/// Lists the lines that differ, between those that are equal at the start and at the end.
fn changed_lines(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = before.iter().zip(&after).take_while(|(left, right)| left == right).count();
    let most = before.len().min(after.len()) - start;
    let end = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take(most)
        .take_while(|(left, right)| left == right)
        .count();
    let part = |mark: &str, lines: &[&str]| -> Vec<String> {
        lines
            .get(start..lines.len() - end)
            .unwrap_or_default()
            .iter()
            .map(|line| format!("{mark} {line}"))
            .collect()
    };
    let lines: Vec<String> = part("-", &before).into_iter().chain(part("+", &after)).collect();
    lines.join("\n")
}
