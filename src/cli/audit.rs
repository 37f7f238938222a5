//! `audit`: check or read the audit log.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::arguments::Audit;
use super::error::{CliError, FAILED, WARNED};
use super::output::print_line;
use crate::config::Config;
use crate::gate::audit::{logs_beside, tail, verify};
use comfywarden_error::Error;

/// The interval between two looks at a followed log.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

pub(super) async fn run(wanted: &Audit, config: &Config) -> Result<(), CliError> {
    let configured = &config.logging.audit_file;
    match wanted {
        Audit::Verify { file } => {
            let files = match file {
                Some(file) => vec![file.clone()],
                // Each process that ran at the same time has written a log of its own.
                None => Some(logs_beside(configured))
                    .filter(|logs| !logs.is_empty())
                    .unwrap_or_else(|| vec![configured.clone()]),
            };
            // A long log takes a while, and Ctrl-C must not wait for it.
            let checked = tokio::task::spawn_blocking(move || check_all(&files)).await;
            checked.map_err(|error| Error::internal("the check did not end").source(error))?
        }
        Audit::Tail { file, lines, follow } => {
            let file = file.as_deref().unwrap_or(configured);
            let (mut reader, records) =
                tail::Tail::open(file, *lines).map_err(|error| unreadable(file, error))?;
            print(&records)?;
            if !*follow {
                return Ok(());
            }
            loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                print(&reader.poll().map_err(|error| unreadable(file, error))?)?;
            }
        }
    }
}

/// Checks every log to its end, whatever the ones before it hold.
fn check_all(files: &[PathBuf]) -> Result<(), CliError> {
    let checked: Vec<Result<(), CliError>> = files.iter().map(|file| check(file)).collect();
    checked.into_iter().collect()
}

fn check(file: &Path) -> Result<(), CliError> {
    let report = verify(file).map_err(|error| unreadable(file, error))?;
    let names: Vec<String> = report.files.iter().map(|file: &PathBuf| file.display().to_string()).collect();
    print_line(&format!("{}: {} records, {} anchors", names.join(", "), report.records, report.anchors))?;
    for note in &report.notes {
        print_line(&format!("note: {note}"))?;
    }
    for problem in &report.problems {
        let line = if problem.line == 0 { String::new() } else { format!(":{}", problem.line) };
        print_line(&format!("BROKEN {}{line}: {}", problem.file.display(), problem.what))?;
    }
    if report.is_ok() {
        print_line(&format!("the chain is whole up to record {}, head {}", report.last_seq, report.head))?;
        // Whoever cuts the log can delete the note beside it: that must not look like a whole log.
        return if report.open_end { Err(CliError::Exit(WARNED)) } else { Ok(()) };
    }
    Err(CliError::Exit(FAILED))
}

fn print(records: &[Value]) -> io::Result<()> {
    records.iter().try_for_each(|record| print_line(&tail::render(record)))
}

fn unreadable(file: &Path, error: io::Error) -> CliError {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let error = Error::not_found(format!("{} cannot be read: {error}", file.display())).source(error);
    CliError::Failed(if missing { error.hint("it is written with the first call of a tool") } else { error })
}
