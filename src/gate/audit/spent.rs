//! What paid nodes have cost on one day, added up from the records: the log is the ledger.
//!
//! Every process that shares the configuration writes beside the others, so the sum holds over all of them.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::Path,
};

use serde_json::Value;

use super::{location, verify::rotated};

/// The record of money that is about to be spent.
pub(crate) const CHARGED: &str = "charged";
/// The record of money that was not spent after all.
pub(crate) const REFUNDED: &str = "refunded";

/// The credits that the records of `day` (`2026-11-21`) charged, in `base`, beside it, and in what was rotated away.
pub(super) fn in_files(base: &Path, day: &str) -> io::Result<u64> {
    let mut balance = Balance::default();
    for log in location::logs_beside(base) {
        for file in rotated(&log)?.into_iter().chain([log]) {
            if was_written_before(&file, day) {
                continue;
            }
            for line in BufReader::new(File::open(&file)?).split(b'\n') {
                let line = line?;
                // Most lines are of other actions; reading them as JSON would cost more than all the rest.
                if holds(&line, CHARGED) || holds(&line, REFUNDED) {
                    balance.add(serde_json::from_slice(&line).ok().as_ref(), day);
                }
            }
        }
    }
    Ok(balance.spent())
}

/// The same over records in memory.
pub(super) fn in_records<'a>(records: impl Iterator<Item = &'a str>, day: &str) -> u64 {
    let mut balance = Balance::default();
    for line in records {
        balance.add(serde_json::from_str(line).ok().as_ref(), day);
    }
    balance.spent()
}

#[derive(Default)]
struct Balance {
    charged: u64,
    refunded: u64,
}

impl Balance {
    fn add(&mut self, record: Option<&Value>, day: &str) {
        let text = |key: &str| record.and_then(|record| record.get(key)?.as_str()).unwrap_or_default();
        if !text("timestamp").starts_with(day) {
            return;
        }
        let credits = record.and_then(|record| record.pointer("/extra/credits")?.as_u64()).unwrap_or(0);
        match text("action") {
            CHARGED => self.charged = self.charged.saturating_add(credits),
            REFUNDED => self.refunded = self.refunded.saturating_add(credits),
            _ => {}
        }
    }

    fn spent(&self) -> u64 {
        self.charged.saturating_sub(self.refunded)
    }
}

fn holds(line: &[u8], action: &str) -> bool {
    let wanted = format!("\"action\":\"{action}\"");
    line.windows(wanted.len()).take(1_024).any(|part| part == wanted.as_bytes())
}

/// A file whose last record is of an earlier day has nothing to say about this one.
fn was_written_before(file: &Path, day: &str) -> bool {
    let changed = fs::metadata(file).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| {
        chrono::DateTime::<chrono::Utc>::from(at).format("%Y-%m-%d").to_string().as_str() < day
    })
}
