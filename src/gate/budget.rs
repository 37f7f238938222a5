//! Daily budget for nodes that cost money: charged before the work is submitted, added up from the audit log.

use super::{
    audit::{AuditLog, CHARGED, REFUNDED},
    permit::Trail,
    price::Estimate,
};
use comfywarden_error::{Error, JsonObject, Kind, Result};

/// Charges paid work against the credits of a day.
#[derive(Debug)]
pub struct Budget {
    log: AuditLog,
    credits_per_day: u64,
    /// Day, and the credits that this process has charged on it. Held while a charge is made, so that two calls cannot both
    /// spend the rest of a budget.
    own: tokio::sync::Mutex<(String, u64)>,
}

/// A charge for work that is about to be submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Estimated credits of this work.
    pub credits: u64,
    /// Credits of the day, this work included.
    pub spent: u64,
    /// Credits that the day may cost.
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
    /// Creates a budget whose charges are written to `log`.
    pub fn new(log: AuditLog, credits_per_day: u64) -> Self {
        Self { log, credits_per_day, own: tokio::sync::Mutex::default() }
    }

    /// Computes the charge for this work without making it; fails where the budget does not reach.
    pub async fn look(&self, estimate: &Estimate) -> Result<Charge> {
        let day = today();
        let written = self.written(&day).await?;
        let own = self.own.lock().await;
        self.fits(estimate, written.max(charged_on(&day, &own)))
    }

    /// Charges the work. Nothing may be spent that is not written down, whatever else the log may miss.
    pub async fn charge(&self, trail: &Trail, estimate: &Estimate) -> Result<Charge> {
        let day = today();
        // Reads what there is before the lock is taken, so that within it only the last few records are left to read.
        self.written(&day).await?;
        let mut own = self.own.lock().await;
        let before = charged_on(&day, &own);
        let charge = self.fits(estimate, self.written(&day).await?.max(before))?;
        let failures = self.log.failures();
        trail.event(CHARGED, fields(&charge, estimate)).await?;
        if self.log.failures() > failures {
            return Err(Error::new(
                Kind::Unavailable,
                "the audit log cannot be written, so nothing may be spent",
            )
            .hint("free disk space or mend `logging.audit_file`; it holds what paid nodes have cost"));
        }
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

    /// Credits of the day over every process that writes to this log.
    async fn written(&self, day: &str) -> Result<u64> {
        self.log.spent_on(day).await.map_err(|error| {
            Error::new(Kind::Unavailable, "what paid nodes have cost today cannot be read from the audit log")
                .hint("mend `logging.audit_file`, or set `security.api_nodes.budget` to 0")
                .source(error)
        })
    }

    fn fits(&self, estimate: &Estimate, before: u64) -> Result<Charge> {
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

/// Credits that this process has charged on `day`.
fn charged_on(day: &str, own: &(String, u64)) -> u64 {
    if own.0 == day { own.1 } else { 0 }
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

/// Current day in UTC, as records write it.
fn today() -> String {
    chrono::Utc::now().format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

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
        assert_eq!(budget.look(&estimate(30)).await.unwrap().spent, 90);
        assert_eq!(budget.look(&estimate(40)).await.unwrap().spent, 100);
        assert_eq!(budget.charge(&trail(&log), &estimate(41)).await.unwrap_err().kind(), Kind::Denied);
    }

    #[tokio::test]
    async fn charges_are_counted_once_whatever_is_rotated_in_between() {
        let folder = tempfile::tempdir().unwrap();
        // Every record fills a file.
        let logging = Logging {
            audit_file: folder.path().join("audit.jsonl"),
            audit_rotate_mb: 0,
            ..Logging::default()
        };
        let logs = [0, 1].map(|_| AuditLog::open(&logging, &Security::default()).unwrap());
        let budgets = [0, 1].map(|n: usize| Budget::new(logs[n].clone(), 100));
        for round in 1..=5 {
            for (n, budget) in budgets.iter().enumerate() {
                let charge = budget.charge(&trail(&logs[n]), &estimate(7)).await.unwrap();
                assert_eq!(charge.spent, 7 * (2 * (round - 1) + n as u64 + 1));
            }
        }
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert!(files > 10, "{files} files: nothing was rotated");
    }

    #[tokio::test]
    async fn a_log_that_is_read_slowly_holds_up_neither_the_runtime_nor_the_budget() {
        let folder = tempfile::tempdir().unwrap();
        let logging = Logging { audit_file: folder.path().join("audit.jsonl"), ..Logging::default() };
        let log = AuditLog::open(&logging, &Security::default()).unwrap();
        let budget = Budget::new(log.clone(), 100);
        let (trail, estimate) = (trail(&log), estimate(1));
        let spending = log.spending().unwrap();
        let reading = spending.lock().unwrap();
        let mut charging = Box::pin(budget.charge(&trail, &estimate));
        let mut context = Context::from_waker(Waker::noop());
        assert!(charging.as_mut().poll(&mut context).is_pending(), "this thread is free");
        assert!(budget.own.try_lock().is_ok(), "and so is the lock");
        drop(reading);
        assert_eq!(charging.await.unwrap().spent, 1);
    }

    #[tokio::test]
    async fn nothing_is_spent_that_cannot_be_written_down() {
        let log = AuditLog::memory();
        log.fail_writes(true);
        let budget = Budget::new(log.clone(), 100);
        assert_eq!(budget.charge(&trail(&log), &estimate(1)).await.unwrap_err().kind(), Kind::Unavailable);
    }
}
