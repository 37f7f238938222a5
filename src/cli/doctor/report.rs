//! Collects and prints the findings of the doctor.

use serde::Serialize;

use super::super::output::{print_line, print_redacted_json};

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// It works, and is risky or incomplete.
    Warning,
    /// It does not work, or must not stay so.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) severity: Severity,
    pub(super) subject: &'static str,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Check {
    pub(super) fn new(severity: Severity, subject: &'static str, message: impl Into<String>) -> Self {
        Self { severity, subject, message: message.into(), fix: None }
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// Prints the findings, the worst last, where the eye is.
pub(super) fn print(checks: &[Check], json: bool) -> std::io::Result<()> {
    let mut sorted: Vec<&Check> = checks.iter().collect();
    sorted.sort_by_key(|check| check.severity);
    let count = |severity| checks.iter().filter(|check| check.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if json {
        let report = serde_json::json!({ "errors": errors, "warnings": warnings, "checks": sorted });
        return print_redacted_json(&report);
    }
    for check in sorted {
        let mark = match check.severity {
            Severity::Ok => "ok      ",
            Severity::Note => "note    ",
            Severity::Warning => "warning ",
            Severity::Error => "ERROR   ",
        };
        print_line(&format!("{mark} {}: {}", check.subject, check.message))?;
        if let Some(fix) = &check.fix {
            print_line(&format!("         fix: {fix}"))?;
        }
    }
    print_line("")?;
    print_line(&match (errors, warnings) {
        (0, 0) => "nothing wrong found".to_owned(),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    })
}

/// `1 error`, `2 errors`.
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let words = [0, 1, 2].map(|number| counted(number, "error"));
        assert_eq!(words, ["0 errors", "1 error", "2 errors"]);
    }
}
