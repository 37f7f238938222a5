//! The handle that the gate and the tools write through.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use serde_json::Value;

use super::{chain::Chain, record::Record};
use crate::{
    config,
    error::{Error, Kind, Result},
};

/// The audit log. Cheap to clone; all clones write to one chain.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    sink: Sink,
    closed_on_failure: bool,
    failures: AtomicU64,
    privacy: config::Privacy,
}

#[derive(Debug)]
enum Sink {
    Memory(Memory),
}

#[derive(Debug, Default)]
struct Memory {
    state: Mutex<(Chain, Vec<String>)>,
    failing: AtomicBool,
}

impl AuditLog {
    /// Opens the log file of the configuration.
    pub fn open(_logging: &config::Logging, security: &config::Security) -> Result<Self> {
        Ok(Self::with(Sink::Memory(Memory::default()), security.privacy, false))
    }

    /// A log in memory, for tests.
    pub fn memory() -> Self {
        Self::with(Sink::Memory(Memory::default()), config::Privacy::Digest, true)
    }

    fn with(sink: Sink, privacy: config::Privacy, closed_on_failure: bool) -> Self {
        Self(Arc::new(Inner { sink, closed_on_failure, failures: AtomicU64::new(0), privacy }))
    }

    /// Writes a record and waits until it is written.
    ///
    /// A failure is an error only where the configuration says so; else it is counted and logged.
    pub async fn append(&self, record: Record) -> Result<()> {
        let line = record.into_open_line();
        match &self.0.sink {
            Sink::Memory(memory) => self.settle(memory.write(&line)),
        }
    }

    /// Writes a record without waiting, where nothing can wait (a call that was dropped).
    pub fn send(&self, record: Record) {
        let line = record.into_open_line();
        match &self.0.sink {
            Sink::Memory(memory) => drop(self.settle(memory.write(&line))),
        }
    }

    /// How many records could not be written since the start.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// What the log keeps of prompts and uploads.
    pub fn privacy(&self) -> config::Privacy {
        self.0.privacy
    }

    /// The records of a log in memory.
    pub fn records(&self) -> Vec<Value> {
        let Sink::Memory(memory) = &self.0.sink;
        let state = memory.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Makes a log in memory refuse to write, for tests of what happens then.
    pub fn fail_writes(&self, failing: bool) {
        let Sink::Memory(memory) = &self.0.sink;
        memory.failing.store(failing, Ordering::Relaxed);
    }

    fn settle(&self, written: std::io::Result<()>) -> Result<()> {
        let Err(error) = written else { return Ok(()) };
        let failures = self.0.failures.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(audit.failures = failures, %error, "An audit record could not be written.");
        if !self.0.closed_on_failure {
            return Ok(());
        }
        Err(Error::new(Kind::Unavailable, "the audit log cannot be written, so no call is accepted")
            .hint(
                "free disk space or mend `logging.audit_file`; `logging.audit_fail: warn` lets calls through",
            )
            .source(error))
    }
}

impl Memory {
    fn write(&self, open_line: &str) -> std::io::Result<()> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("told to fail"));
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = state.0.close(open_line);
        state.1.push(line);
        Ok(())
    }
}
