//! `doctor`: looks for everything that is wrong and names the fix of each.
//!
//! It asks ComfyUI with requests of its own, since it looks at servers that are not ComfyUI and at answers that the
//! client would refuse.

mod configuration;
mod effective_settings;
mod filesystem;
mod probe;
mod report;
mod server;
mod workflow_files;

use std::path::{Path, PathBuf};

use super::arguments::Doctor;
use super::error::{CONFIGURATION, CliError, FAILED, WARNED};
use crate::config::{self, Loaded, Problem};
use report::{Check, Severity};

/// Runs all checks and prints what they found.
pub(super) async fn run(
    wanted: &Doctor,
    loaded: Result<Loaded, config::Error>,
    file: Option<PathBuf>,
) -> Result<(), CliError> {
    let mut checks = Vec::new();
    let usable = loaded.is_ok();
    match loaded {
        Ok(loaded) => {
            checks.extend(configuration::check(&loaded));
            checks.extend(filesystem::check(&loaded));
            checks.extend(server::check(&loaded.config).await);
            checks.extend(workflow_files::check(&loaded.config).await);
        }
        Err(error) => {
            for problem in &error.problems {
                let check = Check::new(Severity::Error, "configuration", problem.to_string());
                checks.push(match fix(problem, file.as_deref()) {
                    Some(fix) => check.fix(fix),
                    None => check,
                });
            }
        }
    }
    report::print(&checks, wanted.json)?;
    match checks.iter().map(|check| check.severity).max() {
        _ if !usable => Err(CliError::Exit(CONFIGURATION)),
        Some(Severity::Error) => Err(CliError::Exit(FAILED)),
        Some(Severity::Warning) => Err(CliError::Exit(WARNED)),
        _ => Ok(()),
    }
}

/// Names the variable, flag or line of the file to change.
fn fix(problem: &Problem, file: Option<&Path>) -> Option<String> {
    if let Some(origin) = &problem.origin {
        return Some(format!("change {origin}"));
    }
    let file = file?;
    Some(match problem.line {
        _ if !file.exists() => format!("create {}, or name another file", file.display()),
        Some(line) => format!("edit {}, line {line}", file.display()),
        None => format!("edit {}", file.display()),
    })
}
