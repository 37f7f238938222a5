//! How a command ends when it does not end well.

use std::process::ExitCode;

use super::output::eprint_line;
use crate::config;
use comfywarden_error::{Error, Kind};

/// Exit codes, as the help text lists them; 2 is clap's, for a wrong command line.
pub(super) const FAILED: u8 = 1;
pub(super) const CONFIGURATION: u8 = 3;
pub(super) const WARNED: u8 = 4;
pub(super) const UNREACHABLE: u8 = 5;
pub(super) const INTERRUPTED: u8 = 130;

/// Why a command ends with an exit code other than 0.
#[derive(Debug)]
pub(super) enum CliError {
    /// The configuration cannot be used.
    Configuration(config::Error),
    /// Something went wrong on the way.
    Failed(Error),
    /// The answer itself is a no; it has been printed already.
    Exit(u8),
}

impl CliError {
    /// Says on stderr what is wrong and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        match self {
            Self::Configuration(error) => {
                eprint_line(&error.to_string());
                ExitCode::from(CONFIGURATION)
            }
            Self::Failed(error) => {
                eprint_line(error.message());
                if let Some(hint) = error.hint_text() {
                    eprint_line(&format!("  {hint}"));
                }
                tracing::debug!(?error, "the command failed");
                ExitCode::from(exit_code(error.kind()))
            }
            Self::Exit(code) => ExitCode::from(*code),
        }
    }
}

/// The exit code for a failed call.
pub(super) fn exit_code(kind: Kind) -> u8 {
    if kind == Kind::Unavailable { UNREACHABLE } else { FAILED }
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
