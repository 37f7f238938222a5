//! The failures of commands, and their exit codes.

use std::process::ExitCode;

use super::output::eprint_line;
use crate::app::App;
use crate::config;
use comfywarden_error::{Error, Kind};

/// The exit codes that the help text lists; 2 is clap's, for a wrong command line.
pub(super) const FAILED: u8 = 1;
pub(super) const CONFIGURATION: u8 = 3;
pub(super) const WARNED: u8 = 4;
pub(super) const UNREACHABLE: u8 = 5;
pub(super) const INTERRUPTED: u8 = 130;

/// The failure of a command.
#[derive(Debug)]
pub(super) enum CliError {
    /// The configuration cannot be used.
    Configuration(config::Error),
    /// The command failed.
    Failed(Error),
    /// ComfyUI does not answer.
    Unreachable(Error),
    /// The answer, which has been printed already, has this exit code.
    Exit(u8),
}

impl CliError {
    /// Classifies the error of a failed call.
    pub(super) async fn of_call(error: Error, app: &App) -> Self {
        if exit_code(error.kind(), app).await == UNREACHABLE {
            Self::Unreachable(error)
        } else {
            Self::Failed(error)
        }
    }

    /// Prints the failure to stderr and returns the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::Configuration(error) => {
                eprint_line(&error.to_string());
                ExitCode::from(CONFIGURATION)
            }
            Self::Failed(error) | Self::Unreachable(error) => {
                eprint_line(error.message());
                if let Some(hint) = error.hint_text() {
                    eprint_line(&format!("  {hint}"));
                }
                tracing::debug!(?error, "the command failed");
                ExitCode::from(if matches!(self, Self::Failed(_)) { FAILED } else { UNREACHABLE })
            }
            Self::Exit(code) => ExitCode::from(*code),
        }
    }
}

/// Returns the exit code for a failed call. An extension, a file or a port may be unavailable while ComfyUI answers.
pub(super) async fn exit_code(kind: Kind, app: &App) -> u8 {
    let unreachable = kind == Kind::Unavailable && !app.comfyui_answers().await;
    if unreachable { UNREACHABLE } else { FAILED }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<config::Error> for CliError {
    fn from(error: config::Error) -> Self {
        Self::Configuration(error)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(Error::internal(format!("cannot write the answer: {error}")).source(error))
    }
}
