//! Follows the log while it is written, for people.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use serde_json::Value;

use comfywarden_policy::display;

/// Bytes that are read at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// Reads a log and remembers its position.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
}

impl Tail {
    /// Opens the log and returns its last `count` records.
    pub fn open(path: &Path, count: usize) -> io::Result<(Self, Vec<Value>)> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        // A record is at most 64 KiB and a few hundred bytes; most are far shorter.
        let back = (count as u64).saturating_mul(70 << 10).min(64 << 20).min(length);
        file.seek(SeekFrom::Start(length - back))?;
        let mut tail = Self { path: path.to_owned(), file, pending: Vec::new() };
        let mut records = tail.read()?;
        records.drain(..records.len().saturating_sub(count));
        Ok((tail, records))
    }

    /// Returns the records written since the last call. Follows a rotation to the new file.
    pub fn poll(&mut self) -> io::Result<Vec<Value>> {
        let mut records = self.read()?;
        if was_replaced(&self.path, &self.file) {
            // What was written between the look and the rotation is still in the old file.
            records.extend(self.read()?);
            self.file = File::open(&self.path)?;
            self.pending.clear();
            records.extend(self.read()?);
        }
        Ok(records)
    }

    fn read(&mut self) -> io::Result<Vec<Value>> {
        let mut records = Vec::new();
        loop {
            let got = (&self.file).take(CHUNK_BYTES).read_to_end(&mut self.pending)?;
            while let Some(end) = self.pending.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                records.extend(serde_json::from_slice::<Value>(&line).ok());
            }
            if got == 0 {
                return Ok(records);
            }
        }
    }
}

#[cfg(unix)]
fn was_replaced(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(opened)) => named.ino() != opened.ino() || named.dev() != opened.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn was_replaced(path: &Path, file: &File) -> bool {
    match (std::fs::metadata(path), file.metadata()) {
        (Ok(named), Ok(opened)) => named.len() < opened.len(),
        _ => false,
    }
}

/// Formats a record as one line for people.
///
/// `06:56:03.123 9f86d081884c7d65 local comfyui_get_queue completed 1.2 ms ok`
pub fn render(record: &Value) -> String {
    let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
    let time = text("timestamp").split('T').nth(1).unwrap_or_default().trim_end_matches('Z');
    let mut line = format!(
        "{time} {} {} {} {}",
        or_dash(text("call_id")),
        or_dash(text("caller")),
        text("tool"),
        text("action")
    );
    if let Some(duration) = record.get("duration_ms").and_then(Value::as_f64) {
        line = format!("{line} {duration} ms");
    }
    for key in ["status", "prompt_id"] {
        if !text(key).is_empty() {
            line = format!("{line} {}", text(key));
        }
    }
    for key in ["warnings", "nodes_used", "extra"] {
        match record.get(key) {
            Some(value) if !value.is_null() => line = format!("{line} {key}={}", shorten(&value.to_string())),
            _ => {}
        }
    }
    display::sanitize(&line.replace('\n', " ")).into_owned()
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 300;
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_CHARS).chain(std::iter::once('…')).collect()
}
