//! Sums up the effective settings in one line: nobody should have to add them up from file, variables and defaults.

use super::report::{Check, Severity};
use crate::config::{AuditFail, Config, Profile, Remote};
use comfywarden_policy::settings::Mode;

/// Describes a configuration that offers this number of tools.
pub(super) fn check(config: &Config, tools: usize) -> Check {
    let mode = match config.security.mode {
        Mode::Audit => "audit",
        Mode::Enforce => "enforce",
    };
    let profile = match config.tools.profile {
        Profile::Full => "full",
        Profile::Core => "core",
        Profile::Readonly => "readonly",
        Profile::Compact => "compact",
    };
    let read_only = if config.tools.read_only { ", read-only" } else { "" };
    let audit = match config.logging.audit_fail {
        AuditFail::Closed => "audit log on, fail-closed: a call that cannot be recorded is refused",
        AuditFail::Warn => {
            "audit log on, not fail-closed: a call that cannot be recorded runs with a warning"
        }
    };
    let transport = transport(&config.transport.remote);
    let message =
        format!("security mode {mode}; profile {profile}{read_only}, {tools} tools; {audit}; {transport}");
    Check::new(Severity::Ok, "in force", message)
}

fn transport(remote: &Remote) -> String {
    if !remote.enabled {
        return "standard input and output".to_owned();
    }
    let host = if remote.host.contains(':') { format!("[{}]", remote.host) } else { remote.host.clone() };
    let who = match (remote.tokens.len(), remote.oauth.is_some()) {
        (0, false) => "without a token".to_owned(),
        (0, true) => "OAuth".to_owned(),
        (1, oauth) => format!("1 token{}", if oauth { " and OAuth" } else { "" }),
        (many, oauth) => format!("{many} tokens{}", if oauth { " and OAuth" } else { "" }),
    };
    format!("HTTP at {host}:{}, {who}", remote.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_holds_over_stdio_and_over_http() {
        let mut config = Config::default();
        assert_eq!(
            check(&config, 62).message,
            "security mode audit; profile full, 62 tools; audit log on, not fail-closed: a call that cannot be recorded \
             runs with a warning; standard input and output"
        );
        config.security.mode = Mode::Enforce;
        config.logging.audit_fail = AuditFail::Closed;
        config.tools.profile = Profile::Core;
        config.tools.read_only = true;
        config.transport.remote = Remote {
            enabled: true,
            host: "::1".into(),
            tokens: vec!["a".repeat(20).into()],
            ..Remote::default()
        };
        assert_eq!(
            check(&config, 9).message,
            "security mode enforce; profile core, read-only, 9 tools; audit log on, fail-closed: a call that cannot be \
             recorded is refused; HTTP at [::1]:8080, 1 token"
        );
    }
}
