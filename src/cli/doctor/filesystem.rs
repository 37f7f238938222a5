//! Checks files and folders: can the audit log be written, can others read the secrets?

use std::fs;
use std::path::Path;

use super::report::{Check, Severity};
use crate::config::{AuditFail, Loaded, Logging};

/// Checks every file and folder that the configuration names.
pub(super) fn check(loaded: &Loaded) -> Vec<Check> {
    let logging = &loaded.config.logging;
    let mut checks = vec![audit_log(&logging.audit_file)];
    checks.extend(free_space(logging, free_bytes(&logging.audit_file)));
    if let Some(file) = &loaded.file {
        checks.extend(readable_secrets(file));
    }
    let roots = loaded.config.files.allowed_roots.iter().chain(&loaded.config.files.publish_roots);
    for root in roots.filter(|root| !root.is_dir()) {
        checks.push(
            Check::new(Severity::Warning, "files", format!("{} is no folder", root.display()))
                .fix("create it, or take it out of `files`"),
        );
    }
    checks
}

fn audit_log(file: &Path) -> Check {
    match writable(file) {
        Ok(()) => Check::new(Severity::Ok, "audit log", format!("{} can be written", file.display())),
        Err(reason) => Check::new(
            Severity::Error,
            "audit log",
            format!("{} cannot be written: {reason}", file.display()),
        )
        .fix("give `logging.audit_file` a place that this user may write"),
    }
}

/// Warns where so little is free that no audit record is written.
fn free_space(logging: &Logging, free: Option<u64>) -> Option<Check> {
    let (free, least) = (free? >> 20, logging.audit_free_mb);
    let (severity, effect) = match logging.audit_fail {
        AuditFail::Closed => (Severity::Error, "every call is refused"),
        AuditFail::Warn => (Severity::Warning, "calls run without a record"),
    };
    let message = format!(
        "{free} MB are free on the disk of {} and `logging.audit_free_mb` keeps {least} free: {effect}",
        logging.audit_file.display()
    );
    let fix = "free some space, or lower `logging.audit_free_mb`";
    (free < least).then(|| Check::new(severity, "audit log", message).fix(fix))
}

/// Returns the free bytes of the disk that a file lies on, or will lie on.
#[cfg(unix)]
fn free_bytes(file: &Path) -> Option<u64> {
    let folder = file.ancestors().skip(1).find(|folder| folder.exists())?;
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

/// Tries to write without leaving anything behind.
fn writable(file: &Path) -> Result<(), String> {
    if file.is_dir() {
        return Err("it is a folder".to_owned());
    }
    if file.exists() {
        return fs::OpenOptions::new().append(true).open(file).map(|_| ()).map_err(|error| error.to_string());
    }
    let existing = file.ancestors().skip(1).find(|folder| folder.exists());
    let Some(folder) = existing else { return Err("no part of its path exists".to_owned()) };
    let trial = folder.join(format!(".comfywarden-doctor-{}", std::process::id()));
    let made = fs::OpenOptions::new().write(true).create_new(true).open(&trial);
    made.map_err(|error| format!("{}: {error}", folder.display()))?;
    fs::remove_file(&trial).map_err(|error| error.to_string())
}

#[cfg(unix)]
fn readable_secrets(file: &Path) -> Option<Check> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(file).ok()?.permissions().mode();
    let text = fs::read_to_string(file).ok()?;
    let secret = |line: &str| {
        let line = line.trim();
        let keys = ["bearer:", "password:", "value:", "huggingface_token:", "civitai_api_key:", "tokens:"];
        let has_value = |key: &&str| {
            line.split_once(*key).is_some_and(|(_, rest)| {
                let rest = rest.trim().trim_matches(['"', '\'', '[', ']', '}', ' ']);
                !rest.is_empty() && !rest.starts_with("${") && !rest.contains("sha256:")
            })
        };
        !line.starts_with('#') && keys.iter().any(has_value)
    };
    let exposed = mode & 0o077 != 0 && text.lines().any(secret);
    exposed.then(|| {
        Check::new(
            Severity::Warning,
            "configuration",
            format!("{} holds secrets and other users can read it", file.display()),
        )
        .fix(format!("chmod 600 {}, or write the secrets as ${{VAR}}", file.display()))
    })
}

#[cfg(not(unix))]
fn readable_secrets(_file: &Path) -> Option<Check> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_that_does_not_exist_yet_is_tried_and_left_clean() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/audit.jsonl");
        assert_eq!(audit_log(&file).severity, Severity::Ok);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(audit_log(folder.path()).severity, Severity::Error);
    }

    #[test]
    fn full_disk_is_worse_where_calls_are_refused_for_it() {
        let mut logging = Logging { audit_free_mb: 64, audit_fail: AuditFail::Warn, ..Logging::default() };
        let severity = |logging: &Logging, free| free_space(logging, free).map(|check| check.severity);
        assert_eq!(severity(&logging, Some(64 << 20)), None);
        assert_eq!(severity(&logging, None), None);
        assert_eq!(severity(&logging, Some(63 << 20)), Some(Severity::Warning));
        logging.audit_fail = AuditFail::Closed;
        assert_eq!(severity(&logging, Some(0)), Some(Severity::Error));
    }

    #[cfg(unix)]
    #[test]
    fn secrets_in_a_file_for_all_are_a_warning() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, "comfyui:\n  auth: {bearer: abc}\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(readable_secrets(&file).is_some());

        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(readable_secrets(&file).is_none());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, "comfyui:\n  auth: {bearer: \"${TOKEN}\"}\n").unwrap();
        assert!(readable_secrets(&file).is_none());
    }
}
