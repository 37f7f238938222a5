//! The daily budget for nodes that cost money: charged before the work is submitted, added up from the audit log.

use super::{
    audit::{AuditLog, CHARGED, REFUNDED},
    permit::Trail,
    price::Estimate,
};
use comfywarden_error::{Error, JsonObject, Kind, Result};

/// The budget.
#[derive(Debug)]
pub struct Budget {
    log: AuditLog,
    credits_per_day: u64,
    /// The day and what this process has charged on it. Held while a charge is made, so that two calls cannot both
    /// spend the rest of a budget.
    own: tokio::sync::Mutex<(String, u64)>,
}

/// Money that is about to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The estimate for this work.
    pub credits: u64,
    /// What the day has cost, this work included.
    pub spent: u64,
    /// What it may cost.
    pub budget: u64,
}

impl std::fmt::Display for Charge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { credits, spent, budget } = self;
        write!(
            f,
            "Paid nodes: about {credits} credits; {spent} of {budget} credits of today are spent with it"
        )
    }
}

impl Budget {
    /// A ledger that writes to `log`.
    pub fn new(log: AuditLog, credits_per_day: u64) -> Self {
        Self { log, credits_per_day, own: tokio::sync::Mutex::default() }
    }

    /// What the day would have cost with this work; an error where the budget does not reach.
    pub async fn look(&self, estimate: &Estimate) -> Result<Charge> {
        let own = self.own.lock().await;
        self.fits(estimate, &own)
    }

    /// Charges the work. Nothing may be spent that is not written down, whatever else the log may miss.
    pub async fn charge(&self, trail: &Trail, estimate: &Estimate) -> Result<Charge> {
        let mut own = self.own.lock().await;
        let charge = self.fits(estimate, &own)?;
        let failures = self.log.failures();
        trail.event(CHARGED, fields(&charge, estimate)).await?;
        if self.log.failures() > failures {
            return Err(Error::new(
                Kind::Unavailable,
                "the audit log cannot be written, so nothing may be spent",
            )
            .hint("free disk space or mend `logging.audit_file`; it holds what paid nodes have cost"));
        }
        let day = today();
        let before = if own.0 == day { own.1 } else { 0 };
        *own = (day, before.saturating_add(charge.credits));
        Ok(charge)
    }

    /// Takes a charge back: ComfyUI refused the work.
    pub async fn refund(&self, trail: &Trail, charge: &Charge) {
        let mut own = self.own.lock().await;
        own.1 = own.1.saturating_sub(charge.credits);
        let mut fields = JsonObject::new();
        fields.insert("credits".into(), charge.credits.into());
        // A refund that is not written leaves the day dearer than it was; that is the safe side.
        trail.event(REFUNDED, fields).await.ok();
    }

    fn fits(&self, estimate: &Estimate, own: &(String, u64)) -> Result<Charge> {
        let day = today();
        let written = self.log.spent_on(&day).map_err(|error| {
            Error::new(Kind::Unavailable, "what paid nodes have cost today cannot be read from the audit log")
                .hint("mend `logging.audit_file`, or set `security.api_nodes.budget` to 0")
                .source(error)
        })?;
        let mine = if own.0 == day { own.1 } else { 0 };
        let before = written.max(mine);
        let charge = Charge {
            credits: estimate.credits,
            spent: before.saturating_add(estimate.credits),
            budget: self.credits_per_day,
        };
        if charge.spent <= charge.budget {
            return Ok(charge);
        }
        let message = format!(
            "the paid nodes of this workflow would cost about {} credits, and {before} of the {} credits of today are \
             spent",
            charge.credits, charge.budget
        );
        Err(Error::denied(message)
            .hint("wait for tomorrow (UTC), or the operator raises `security.api_nodes.budget`")
            .detail("estimated_credits", charge.credits)
            .detail("spent_today", before)
            .detail("budget", charge.budget))
    }
}

fn fields(charge: &Charge, estimate: &Estimate) -> JsonObject {
    let classes: Vec<String> =
        estimate.nodes.iter().map(|(class, credits)| format!("{class}: {credits}")).collect();
    let mut fields = JsonObject::new();
    fields.insert("credits".into(), charge.credits.into());
    fields.insert("spent_today".into(), charge.spent.into());
    fields.insert("budget".into(), charge.budget.into());
    fields.insert("nodes".into(), classes.into());
    fields
}

/// The day in UTC, as records write it.
fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{AuditFail, Logging},
        gate::{CallId, Caller, Class},
    };
    use comfywarden_policy::settings::Security;

    fn trail(log: &AuditLog) -> Trail {
        Trail::new(
            log,
            &Caller::local(),
            CallId::new(),
            "comfyui_run_workflow".into(),
            Some(Class::Generation),
        )
    }

    fn estimate(credits: u64) -> Estimate {
        Estimate { credits, nodes: vec![("PaidNode".into(), credits)] }
    }

    #[tokio::test]
    async fn a_budget_is_spent_once_and_a_refund_gives_it_back() {
        let log = AuditLog::memory();
        let budget = Budget::new(log.clone(), 100);
        let charge = budget.charge(&trail(&log), &estimate(60)).await.unwrap();
        assert_eq!(charge, Charge { credits: 60, spent: 60, budget: 100 });
        let error = budget.charge(&trail(&log), &estimate(60)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied);
        assert_eq!((&error.details()["spent_today"], &error.details()["budget"]), (&60.into(), &100.into()));
        budget.refund(&trail(&log), &charge).await;
        assert_eq!(budget.charge(&trail(&log), &estimate(100)).await.unwrap().spent, 100);
        let actions: Vec<_> = log.records().iter().map(|record| record["action"].clone()).collect();
        assert_eq!(actions, [CHARGED, REFUNDED, CHARGED]);
    }

    #[tokio::test]
    async fn the_running_total_survives_a_restart_and_spans_processes() {
        let folder = tempfile::tempdir().unwrap();
        let logging = Logging {
            audit_file: folder.path().join("audit.jsonl"),
            audit_fail: AuditFail::Closed,
            ..Logging::default()
        };
        // The second one finds the file in use and writes beside it, as a second process does.
        let logs = [0, 1].map(|_| AuditLog::open(&logging, &Security::default()).unwrap());
        for log in &logs {
            Budget::new(log.clone(), 100).charge(&trail(log), &estimate(30)).await.unwrap();
        }
        drop(logs);
        let log = AuditLog::open(&logging, &Security::default()).unwrap();
        let budget = Budget::new(log.clone(), 100);
        assert_eq!(budget.look(&estimate(40)).await.unwrap().spent, 100);
        assert_eq!(budget.charge(&trail(&log), &estimate(41)).await.unwrap_err().kind(), Kind::Denied);
    }

    #[tokio::test]
    async fn nothing_is_spent_that_cannot_be_written_down() {
        let log = AuditLog::memory();
        log.fail_writes(true);
        let budget = Budget::new(log.clone(), 100);
        assert_eq!(budget.charge(&trail(&log), &estimate(1)).await.unwrap_err().kind(), Kind::Unavailable);
    }
}
