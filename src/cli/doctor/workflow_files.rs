//! Checks the folder of workflow files: which files are no tools, and why.

use super::{
    effective_settings,
    report::{Check, Severity},
};
use crate::app::App;
use crate::config::Config;
use crate::gate::AuditLog;

const SUBJECT: &str = "workflow files";
/// The most files that are listed one by one; more would hide the other findings.
const MAX_ENTRIES: usize = 20;

/// Reads the folder as `serve` would.
pub(super) async fn check(config: &Config) -> Vec<Check> {
    let app = match App::with_audit(config.clone(), AuditLog::memory()) {
        Ok(app) => app,
        // What only the catalogue of tools can tell: names and arguments that do not exist.
        Err(error) => {
            let check = Check::new(Severity::Error, "configuration", error.message().to_owned());
            return vec![match error.hint_text() {
                Some(hint) => check.fix(hint.to_owned()),
                None => check,
            }];
        }
    };
    let files = match app.load_workflows(true).await.map(|()| app.workflow_files()) {
        Ok(files) => files,
        Err(error) => return vec![Check::new(Severity::Error, SUBJECT, error.to_string())],
    };
    let tools = files.iter().filter(|file| file.tool.is_some()).count();
    let mut checks = vec![effective_settings::check(config, app.tools().iter().len())];
    if tools > 0 {
        checks.push(Check::new(Severity::Ok, SUBJECT, format!("{tools} of {} are tools", files.len())));
    }
    let wrong: Vec<_> = files.iter().filter(|file| file.problem.is_some()).collect();
    for file in wrong.iter().take(MAX_ENTRIES) {
        let reason = file.problem.as_deref().unwrap_or_default();
        let check = Check::new(Severity::Warning, SUBJECT, format!("{} is no tool: {reason}", file.file));
        let fix = file.hint.clone().unwrap_or_else(|| "repair it, or take it out of the folder".to_owned());
        checks.push(check.fix(fix));
    }
    if wrong.len() > MAX_ENTRIES {
        let rest = format!("{} more files are no tools", wrong.len() - MAX_ENTRIES);
        checks.push(Check::new(Severity::Warning, SUBJECT, rest).fix("comfywarden workflows list shows all"));
    }
    checks
}
