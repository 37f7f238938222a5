//! Finds settings that are allowed and unsafe, alone or together.

use secrecy::ExposeSecret;

use super::report::{Check, Severity};
use crate::config::{AuditFail, Config, Loaded, RateLimits, is_loopback};
use comfywarden_policy::settings::{Consent, Mode, Privacy};

const SUBJECT: &str = "configuration";

/// Lists every risky setting of a configuration that loads.
pub(super) fn check(loaded: &Loaded) -> Vec<Check> {
    let source = loaded
        .file
        .as_ref()
        .map_or_else(|| "no file, defaults".to_owned(), |file| file.display().to_string());
    let mut checks = vec![Check::new(Severity::Ok, SUBJECT, format!("loaded ({source})"))];
    checks.extend(
        loaded.warnings.iter().map(|warning| Check::new(Severity::Warning, SUBJECT, warning.clone())),
    );
    let config = &loaded.config;
    checks.extend(risky_settings(config));
    checks.extend(http_settings(config));
    checks
}

fn risky_settings(config: &Config) -> Vec<Check> {
    let security = &config.security;
    let mut checks = Vec::new();
    let mut add = |severity, message: &str, fix: &str| {
        checks.push(Check::new(severity, SUBJECT, message).fix(fix));
    };
    let remote = config.transport.remote.enabled;
    if security.admin == Consent::Allow {
        let severity = if remote { Severity::Error } else { Severity::Warning };
        add(
            severity,
            "`security.admin: allow` lets every caller install node packs, which are code, without a question",
            "set it to `ask` or `off`",
        );
    }
    if security.dangerous_nodes.replace.is_some() {
        add(
            Severity::Warning,
            "`security.dangerous_nodes.replace` drops the built-in list, with what later versions add to it",
            "give a plain list: it extends the built-in one",
        );
    }
    if security.privacy == Privacy::Full {
        add(
            Severity::Note,
            "`security.privacy: full` writes every prompt into the audit log",
            "set it to `digest` if the log is read by others",
        );
    }
    if security.privacy == Privacy::Off {
        add(
            Severity::Note,
            "`security.privacy: off` leaves nothing in the audit log by which a prompt could be recognised",
            "set it to `digest` for length and SHA-256",
        );
    }
    if security.api_nodes.budget > 0 {
        add(
            Severity::Note,
            &format!("paid API nodes may spend {} credits a day", security.api_nodes.budget),
            "set `security.api_nodes.budget` to 0 if nobody should spend money",
        );
    }
    if let Some(open) = security.allowed_download_domains.iter().find(|domain| !domain.contains('.')) {
        add(
            Severity::Error,
            &format!("`security.allowed_download_domains` names `{open}`, a whole top-level domain"),
            "name the hosts one by one",
        );
    }
    if is_far_above_default(&config.rate_limits) {
        add(
            Severity::Note,
            "rate limits are more than 20 times the defaults: they no longer hold back a runaway client",
            "lower `rate_limits`",
        );
    }
    checks
}

fn is_far_above_default(limits: &RateLimits) -> bool {
    let default = RateLimits::default();
    let pairs = [
        (limits.workflow, default.workflow),
        (limits.generation, default.generation),
        (limits.file_ops, default.file_ops),
        (limits.read_only, default.read_only),
        (limits.admin, default.admin),
    ];
    pairs.iter().any(|(set, usual)| *set > usual.saturating_mul(20))
}

fn http_settings(config: &Config) -> Vec<Check> {
    let remote = &config.transport.remote;
    if !remote.enabled {
        return Vec::new();
    }
    let mut checks = Vec::new();
    let mut add = |message: String, fix: &str| {
        checks.push(Check::new(Severity::Warning, "http", message).fix(fix));
    };
    if config.security.mode == Mode::Audit {
        add("`security.mode: audit` over HTTP reports danger and lets it run".into(), "set it to `enforce`");
    }
    if config.logging.audit_fail == AuditFail::Warn {
        add(
            "`logging.audit_fail: warn` over HTTP lets calls run that nobody records".into(),
            "set it to `closed`",
        );
    }
    for (index, token) in remote.tokens.iter().enumerate() {
        if cannot_see_its_pictures(token.expose_secret()) {
            add(
                format!(
                    "`transport.remote.tokens[{index}]` may make pictures and not see them: it lacks the class `file`"
                ),
                "write `+file` after its classes",
            );
        }
    }
    if !is_loopback(&remote.host) {
        add(
            format!("listens on {} in plain http: tokens and pictures can be read on the way", remote.host),
            "listen on 127.0.0.1 and put a proxy with TLS before it",
        );
        let names = remote.allowed_hosts.iter().filter(|host| !is_loopback(host)).count();
        if names == 0 {
            add(
                "`transport.remote.allowed_hosts` names no public host: requests under another name are refused".into(),
                "add the name that clients use",
            );
        }
    }
    checks
}

/// Returns whether the classes of a token have `generation` and not `file`, which pictures are read with.
fn cannot_see_its_pictures(token: &str) -> bool {
    let rights = token.strip_prefix("sha256:").and_then(|token| token.split_once(' '));
    let has =
        |class: &str| rights.is_some_and(|(_, rights)| rights.trim().split('+').any(|word| word == class));
    has("generation") && !has("file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(change: impl FnOnce(&mut Config)) -> Vec<(Severity, String)> {
        let mut config = Config::default();
        change(&mut config);
        let loaded = Loaded { config, file: None, warnings: Vec::new() };
        check(&loaded).into_iter().skip(1).map(|check| (check.severity, check.message)).collect()
    }

    #[test]
    fn defaults_are_not_risky() {
        assert_eq!(messages(|_| ()), []);
    }

    #[test]
    fn standing_consent_is_worse_over_http() {
        let local = messages(|config| config.security.admin = Consent::Allow);
        assert_eq!(local[0].0, Severity::Warning);
        let remote = messages(|config| {
            config.security.admin = Consent::Allow;
            config.transport.remote.enabled = true;
        });
        assert_eq!(remote[0].0, Severity::Error);
    }

    #[test]
    fn lenient_settings_over_http_are_warned_about() {
        let found = messages(|config| {
            config.transport.remote.enabled = true;
            config.transport.remote.host = "0.0.0.0".into();
        });
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn tokens_that_cannot_see_their_pictures_are_named() {
        let found = |classes: &str| {
            messages(|config| {
                config.transport.remote.enabled = true;
                config.security.mode = Mode::Enforce;
                config.logging.audit_fail = AuditFail::Closed;
                config.transport.remote.tokens = vec![format!("sha256:{}{classes}", "a".repeat(64)).into()];
            })
        };
        assert!(found(" read+generation")[0].1.contains("tokens[0]"));
        for fine in ["", " read", " read+file+generation", " profile:core"] {
            assert_eq!(found(fine), [], "{fine}");
        }
    }

    #[test]
    fn whole_top_level_domain_is_an_error() {
        let found = messages(|config| config.security.allowed_download_domains.push("com".into()));
        assert_eq!(found[0].0, Severity::Error);
    }
}
