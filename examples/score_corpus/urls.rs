//! URLs: downloads, redirects, webhooks.

use std::net::IpAddr;

use comfywarden_error::{Error, Result};
use comfywarden_policy::{
    download::DownloadRules, settings::Security, strict_url::check_addresses, webhook::WebhookRules,
};
use serde_json::Value;

use crate::case::{Case, Score, text, texts};

/// Checks each URL for its use.
pub(crate) fn score(cases: &[Case]) -> Score {
    let rules = DownloadRules::new(&Security::default());
    let mut score = Score::new(&["wrong_accept", "wrong_reject"]);
    for (line, case) in cases {
        let accept = line.contains("\"expect\": \"accept\"");
        let Some(case) = case else {
            if accept {
                score.miss("wrong_reject", line);
            }
            continue;
        };
        let result = if text(case, "use") == "webhook" { webhook(case) } else { download(&rules, case) };
        if accept != result.is_ok() {
            let name = if accept { "wrong_reject" } else { "wrong_accept" };
            let why = result.err().map(|error| error.message().to_owned()).unwrap_or_default();
            score.miss(
                name,
                format_args!("{} ({}) {why}", Value::from(text(case, "input")), text(case, "why")),
            );
        }
    }
    score
}

fn download(rules: &DownloadRules, case: &Value) -> Result<()> {
    let name = case.get("filename").and_then(Value::as_str);
    let download = rules.check(text(case, "input"), name)?;
    let warns = text(case, "expect_warn") == "pickle_format";
    if warns != download.pickle {
        return Err(Error::internal("the pickle warning differs"));
    }
    let mut so_far = vec![download.url];
    for location in texts(case, "chain") {
        let next = rules.check_hop(&so_far, location)?;
        so_far.push(next);
    }
    resolved(case)
}

fn webhook(case: &Value) -> Result<()> {
    let rules = match text(case, "policy") {
        "allowlist" => {
            WebhookRules::Allowlist(vec!["hooks.example.com".into(), "*.callbacks.example.net".into()])
        }
        _ => WebhookRules::Public {
            own_hosts: texts(case, "self_hosts").into_iter().map(str::to_owned).collect(),
        },
    };
    rules.check(text(case, "input"))?;
    if case.get("chain").is_some() {
        // Webhooks follow no redirect: whoever answers with one gets nothing.
        return Err(Error::denied("a redirect"));
    }
    resolved(case)
}

fn resolved(case: &Value) -> Result<()> {
    if case.get("resolves_to").is_none() {
        return Ok(());
    }
    let addresses: Vec<IpAddr> =
        texts(case, "resolves_to").iter().filter_map(|text| text.parse().ok()).collect();
    check_addresses("the host", &addresses)
}
