//! Handle that the gate and the tools write through.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use super::{
    chain::Chain,
    file::Rotation,
    record::Record,
    spent::{self, Spending},
    writer::{WriteRequest, Writer},
};
use crate::config::{self, AuditFail};
use comfywarden_error::{Error, Kind, Result};

/// The audit log. Cheap to clone; all clones write to one chain.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    destination: Destination,
    closed_on_failure: bool,
    failures: AtomicU64,
    privacy: comfywarden_policy::settings::Privacy,
}

#[derive(Debug)]
enum Destination {
    Memory(Memory),
    File {
        queue: mpsc::Sender<WriteRequest>,
        base: PathBuf,
        path: Option<PathBuf>,
        spending: Arc<Mutex<Spending>>,
    },
}

#[derive(Debug, Default)]
struct Memory {
    state: Mutex<(Chain, Vec<String>)>,
    written: Notify,
    failing: AtomicBool,
}

impl AuditLog {
    /// Opens the log file of the configuration and starts its writer.
    ///
    /// A file that is not ours, or in use by another process, is left alone; a new one is started beside it. With
    /// `audit_fail: warn` a log that cannot be opened is a warning, and opening is tried again with each record.
    pub fn open(
        logging: &config::Logging,
        security: &comfywarden_policy::settings::Security,
    ) -> Result<Self> {
        let closed = logging.audit_fail == AuditFail::Closed;
        Self::start(&logging.audit_file, security.privacy, closed, Rotation::of(logging))
    }

    pub(super) fn start(
        path: &Path,
        privacy: comfywarden_policy::settings::Privacy,
        closed: bool,
        rotation: Rotation,
    ) -> Result<Self> {
        let (writer, opened) = Writer::open(path, rotation);
        let shown = path.display();
        if let Err(error) = &opened {
            if closed {
                return Err(Error::new(
                    Kind::Unavailable,
                    format!("the audit log `{shown}` cannot be opened: {error}"),
                )
                .hint("name another file under `logging.audit_file`, or set `logging.audit_fail: warn`"));
            }
            tracing::warn!(%error, "The audit log cannot be opened; calls go on without it.");
        }
        let (queue, requests) = mpsc::channel();
        std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || writer.run(&requests))
            .map_err(|error| Error::internal("the audit writer cannot be started").source(error))?;
        let log = Self::with(
            Destination::File { queue, base: path.to_owned(), path: opened.ok(), spending: Arc::default() },
            privacy,
            closed,
        );
        log.send(Record::new("audit", "started").field("version", env!("CARGO_PKG_VERSION")));
        Ok(log)
    }

    /// Creates a log in memory, for tests.
    pub fn memory() -> Self {
        Self::with(
            Destination::Memory(Memory::default()),
            comfywarden_policy::settings::Privacy::Digest,
            true,
        )
    }

    fn with(
        destination: Destination,
        privacy: comfywarden_policy::settings::Privacy,
        closed_on_failure: bool,
    ) -> Self {
        Self(Arc::new(Inner { destination, closed_on_failure, failures: AtomicU64::new(0), privacy }))
    }

    /// Writes a record and waits until it is written.
    ///
    /// A failure is an error only where the configuration says so; else it is counted and logged.
    pub async fn append(&self, record: Record) -> Result<()> {
        let line = record.into_open_line();
        match &self.0.destination {
            Destination::Memory(memory) => self.settle(memory.write(&line)),
            Destination::File { queue, .. } => {
                let (acknowledge, acknowledged) = oneshot::channel();
                let job = WriteRequest { line: Some(line), acknowledge: Some(acknowledge) };
                let sent = queue.send(job).is_ok();
                let written = if sent { acknowledged.await.ok() } else { None };
                self.settle(written.unwrap_or_else(|| Err("the audit writer has stopped".into())))
            }
        }
    }

    /// Writes a record without waiting, where nothing can wait (a call that was dropped).
    pub fn send(&self, record: Record) {
        let line = record.into_open_line();
        let sent = match &self.0.destination {
            Destination::Memory(memory) => memory.write(&line),
            Destination::File { queue, .. } => queue
                .send(WriteRequest { line: Some(line), acknowledge: None })
                .map_err(|_| "the audit writer has stopped".to_owned()),
        };
        drop(self.settle(sent));
    }

    /// Waits until everything sent so far is written. Called before the process ends.
    pub async fn flush(&self) {
        if let Destination::File { queue, .. } = &self.0.destination {
            let (acknowledge, acknowledged) = oneshot::channel();
            if queue.send(WriteRequest { line: None, acknowledge: Some(acknowledge) }).is_ok() {
                drop(acknowledged.await);
            }
        }
    }

    /// Path of the file; `None` in memory, or when it could not be opened at the start.
    pub fn path(&self) -> Option<&Path> {
        match &self.0.destination {
            Destination::File { path, .. } => path.as_deref(),
            Destination::Memory(_) => None,
        }
    }

    /// Adds up the credits that the records of `day` charged, over every process that shares this log's configuration.
    /// Reads files on a thread where that may take its time.
    pub(crate) async fn spent_on(&self, day: &str) -> std::io::Result<u64> {
        match &self.0.destination {
            Destination::File { base, spending, .. } => {
                let (base, spending, day) = (base.clone(), Arc::clone(spending), day.to_owned());
                let reading = tokio::task::spawn_blocking(move || {
                    spending.lock().unwrap_or_else(PoisonError::into_inner).in_files(&base, &day)
                });
                reading.await.map_err(std::io::Error::other)?
            }
            Destination::Memory(memory) => {
                let state = memory.state.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(spent::in_records(state.1.iter().map(String::as_str), day))
            }
        }
    }

    /// Counts the records that could not be written since the start.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Setting for prompts and uploads in the log.
    pub fn privacy(&self) -> comfywarden_policy::settings::Privacy {
        self.0.privacy
    }

    /// Returns the records of a log in memory.
    pub fn records(&self) -> Vec<Value> {
        let Destination::Memory(memory) = &self.0.destination else { return Vec::new() };
        let state = memory.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.1.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Returns once the records of a log in memory match; waits for the next record in between.
    pub async fn wait_until(&self, matches: impl Fn(&[Value]) -> bool) {
        let Destination::Memory(memory) = &self.0.destination else { return };
        loop {
            let written = memory.written.notified();
            tokio::pin!(written);
            // Registered before the look, so that no record in between is missed.
            written.as_mut().enable();
            if matches(&self.records()) {
                return;
            }
            written.await;
        }
    }

    /// State of the sum over the files.
    #[cfg(test)]
    pub(in crate::gate) fn spending(&self) -> Option<Arc<Mutex<Spending>>> {
        match &self.0.destination {
            Destination::File { spending, .. } => Some(Arc::clone(spending)),
            Destination::Memory(_) => None,
        }
    }

    /// Makes a log in memory refuse to write, for tests of what happens then.
    pub fn fail_writes(&self, failing: bool) {
        if let Destination::Memory(memory) = &self.0.destination {
            memory.failing.store(failing, Ordering::Relaxed);
        }
    }

    fn settle(&self, written: std::result::Result<(), String>) -> Result<()> {
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
    fn write(&self, open_line: &str) -> std::result::Result<(), String> {
        if self.failing.load(Ordering::Relaxed) {
            return Err("told to fail".into());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = state.0.close(open_line);
        state.1.push(line);
        drop(state);
        self.written.notify_waiters();
        Ok(())
    }
}
