//! Adds up the cost of paid nodes on one day from the records: the log is the only account.
//!
//! Every process that shares the configuration writes beside the others, so the sum holds over all of them.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{location, verify::rotated};

/// Action of a record for money that is about to be spent.
pub(crate) const CHARGED: &str = "charged";
/// Action of a record for money that was not spent after all.
pub(crate) const REFUNDED: &str = "refunded";
/// Bytes at the begin of a file that tell it from another one; a record's time is among them.
const HEAD_BYTES: usize = 512;

/// Credits that the records of one day charged, over every file. Reads only what was appended since the last time.
#[derive(Debug, Default)]
pub(crate) struct Spending {
    day: String,
    files: HashMap<PathBuf, ReadFile>,
}

/// A log file up to the end of its last whole line.
#[derive(Debug, Default)]
struct ReadFile {
    /// Begin of the file: another one means that the file was rotated and the path names a new one.
    head: Vec<u8>,
    position: u64,
    balance: Balance,
}

impl Spending {
    /// Adds up the records of `day` (`2026-11-21`) in `base`, beside it, and in what was rotated away.
    pub(super) fn in_files(&mut self, base: &Path, day: &str) -> io::Result<u64> {
        if self.day != day {
            *self = Self { day: day.to_owned(), files: HashMap::new() };
        }
        let mut known = std::mem::take(&mut self.files);
        let mut total = Balance::default();
        for log in location::logs_beside(base) {
            // The open file first: one that is rotated meanwhile is counted twice this time rather than not at all.
            for file in std::iter::once(log.clone()).chain(rotated(&log)?) {
                if was_written_before(&file, day) {
                    continue;
                }
                let mut read = known.remove(&file).unwrap_or_default();
                read.catch_up(&file, day)?;
                total.charged = total.charged.saturating_add(read.balance.charged);
                total.refunded = total.refunded.saturating_add(read.balance.refunded);
                self.files.insert(file, read);
            }
        }
        Ok(total.spent())
    }
}

impl ReadFile {
    fn catch_up(&mut self, path: &Path, day: &str) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        (&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        if !head.starts_with(&self.head) || file.metadata()?.len() < self.position {
            *self = Self::default();
        }
        self.head = head;
        file.seek(SeekFrom::Start(self.position))?;
        let (mut reader, mut line) = (BufReader::new(file), Vec::new());
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            // Most lines are of other actions; reading them as JSON would cost more than all the rest.
            if holds(&line, CHARGED) || holds(&line, REFUNDED) {
                self.balance.add(serde_json::from_slice(&line).ok().as_ref(), day);
            }
            self.position += line.len() as u64;
            line.clear();
        }
        Ok(())
    }
}

/// Adds up the records of `day` in memory.
pub(super) fn in_records<'a>(records: impl Iterator<Item = &'a str>, day: &str) -> u64 {
    let mut balance = Balance::default();
    for line in records {
        balance.add(serde_json::from_str(line).ok().as_ref(), day);
    }
    balance.spent()
}

#[derive(Debug, Default)]
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

/// True when the last record of a file is of an earlier day, so that it says nothing about this one.
fn was_written_before(file: &Path, day: &str) -> bool {
    let changed = fs::metadata(file).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| {
        chrono::DateTime::<chrono::Utc>::from(at).format("%Y-%m-%d").to_string().as_str() < day
    })
}
