//! Thread that owns the log file. Writes everything that waits in one batch, then acknowledges it.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    file::{LogFile, Rotation},
    location,
};

/// Limit for records in one batch.
const MAX_IN_BATCH: usize = 512;
/// Pause after a file could not be opened.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Channel for the result of a write.
pub(super) type Acknowledge = oneshot::Sender<Result<(), String>>;

/// A line to write; without an acknowledgement when nobody can wait.
#[derive(Debug)]
pub(super) struct WriteRequest {
    pub(super) line: Option<Arc<str>>,
    pub(super) acknowledge: Option<Acknowledge>,
}

/// Owns the file and writes the records.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    rotation: Rotation,
    file: Option<LogFile>,
    failed_at: Option<Instant>,
}

impl Writer {
    /// Creates a writer for `path`. The file is opened now, so that a mistake shows at the start.
    pub(super) fn open(path: &Path, rotation: Rotation) -> (Self, io::Result<PathBuf>) {
        let opened = location::open(path);
        let (file, result) = match opened {
            Ok(file) => {
                let path = file.path().to_owned();
                (Some(file), Ok(path))
            }
            Err(error) => (None, Err(error)),
        };
        (Self { path: path.to_owned(), rotation, file, failed_at: None }, result)
    }

    /// Writes until every handle is gone.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<WriteRequest>) {
        while let Ok(first) = queue.recv() {
            let mut batch = vec![first];
            while batch.len() < MAX_IN_BATCH
                && let Ok(next) = queue.try_recv()
            {
                batch.push(next);
            }
            let lines: Vec<Arc<str>> = batch.iter().filter_map(|job| job.line.clone()).collect();
            let written = self.write(&lines).map_err(|error| error.to_string());
            for job in batch {
                match (job.acknowledge, &written) {
                    // The caller may have stopped waiting; that is its right.
                    (Some(acknowledge), _) => drop(acknowledge.send(written.clone())),
                    (None, Err(error)) => tracing::warn!(%error, "An audit record could not be written."),
                    (None, Ok(())) => {}
                }
            }
        }
    }

    fn write(&mut self, lines: &[Arc<str>]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = &mut self.file else { return Err(io::Error::other("the audit log is not open")) };
        file.check_room(self.rotation.least_free)?;
        file.write(lines)?;
        if let Err(error) = file.keep_up(self.rotation, lines.len() as u64) {
            // The records are safe; a file that cannot rotate is opened anew, wherever it is now.
            tracing::warn!(%error, "The audit log could not be rotated.");
            self.file = None;
        }
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<()> {
        if self.failed_at.is_some_and(|at| at.elapsed() < RETRY_AFTER) {
            return Err(io::Error::other("the audit log could not be opened"));
        }
        match location::open(&self.path) {
            Ok(file) => {
                self.file = Some(file);
                self.failed_at = None;
                Ok(())
            }
            Err(error) => {
                self.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }
}
