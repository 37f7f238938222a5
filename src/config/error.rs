//! One error for all mistakes of a configuration.

use std::fmt;
use std::path::PathBuf;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, with dots; empty for the file as a whole.
    pub key: String,
    /// The mistake, as a fragment that reads after the key.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
    /// The source of the value if it is not the file: a variable or a flag.
    pub origin: Option<String>,
    /// The line of the key in the file, if it is known.
    pub line: Option<usize>,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), hint: None, origin: None, line: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "`{}`", self.key)?;
            if let Some(origin) = &self.origin {
                write!(f, " (from {origin})")?;
            } else if let Some(line) = self.line {
                write!(f, " (line {line})")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// A configuration that cannot be used, with all its mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// At least one mistake.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in the configuration")?;
        if let Some(file) = &self.file {
            write!(f, " ({})", file.display())?;
        }
        for problem in &self.problems {
            write!(f, "\n  - {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Error> for comfywarden_error::Error {
    fn from(error: Error) -> Self {
        Self::invalid_input(error.to_string())
    }
}
