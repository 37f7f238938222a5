//! Verifies that the log is intact: finds edits, cuts, reorders, insertions.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::Value;

use super::{
    chain::{self, Chain, GENESIS},
    file::head_path,
};

/// Result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files that were read, oldest first.
    pub files: Vec<PathBuf>,
    /// Number of records in them.
    pub records: u64,
    /// Number of anchors among the records.
    pub anchors: u64,
    /// Sequence number of the last record.
    pub last_seq: u64,
    /// Hash of the last record.
    pub head: String,
    /// Faults; empty when the log is intact.
    pub problems: Vec<Problem>,
    /// Limits of this result, such as older files that are missing.
    pub notes: Vec<String>,
    /// True when nothing tells where the log ended: more may have followed.
    pub open_end: bool,
}

impl Report {
    /// True when there are no faults.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }
}

/// A fault in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// File with the fault.
    pub file: PathBuf,
    /// Line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// Description of the fault.
    pub what: String,
}

/// Reads the log at `path` and the files that were rotated away from it, and checks every link of the chain.
pub fn verify(path: &Path) -> io::Result<Report> {
    let mut report = Report { head: GENESIS.to_owned(), ..Report::default() };
    report.files = rotated(path)?;
    report.files.push(path.to_owned());
    let mut walk = Walk { chain: None, report };
    for file in walk.report.files.clone() {
        walk.file(&file)?;
    }
    let Walk { chain, mut report } = walk;
    let chain = chain.unwrap_or_default();
    check_head(path, &chain, &mut report);
    report.last_seq = chain.count;
    report.head = chain.head;
    Ok(report)
}

/// Lists rotated files (`audit.20261121T065600123Z.jsonl`) beside `audit.jsonl`, oldest first.
pub(super) fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let extension = path.extension().and_then(OsStr::to_str);
    let is_rotated = |name: &str| {
        let Some(rest) = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.')) else {
            return false;
        };
        let time = match extension {
            Some(extension) => rest.strip_suffix(extension).and_then(|rest| rest.strip_suffix('.')),
            None => Some(rest),
        };
        time.is_some_and(|time| {
            time.len() == 19
                && time.ends_with('Z')
                && time.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'T' | b'Z'))
        })
    };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.file_name().and_then(OsStr::to_str).is_some_and(is_rotated))
        .collect();
    files.sort();
    Ok(files)
}

struct Walk {
    /// End of the chain so far; `None` before the first record.
    chain: Option<Chain>,
    report: Report,
}

impl Walk {
    fn file(&mut self, file: &Path) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(file)?);
        let mut line = Vec::new();
        let mut number = 0;
        let mut torn: Option<(u64, usize)> = None;
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            let complete = line.last() == Some(&b'\n');
            let text = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(&line)).ok();
            if let Some((at, _)) =
                torn.take_if(|(_, length)| !text.is_some_and(|text| explains(text, *length)))
            {
                self.problem(file, at, "it is not a record");
            }
            match text.and_then(chain::read) {
                Some((closed, value)) => {
                    torn = None;
                    self.record(file, number, &closed, &value);
                    if !complete {
                        self.problem(file, number, "the line end is missing: something was cut off");
                    }
                }
                None => torn = Some((number, text.map_or(line.len(), str::len))),
            }
        }
        if let Some((at, _)) = torn {
            self.problem(file, at, "it is not a record, or not a whole one");
        }
        Ok(())
    }

    fn record(&mut self, file: &Path, number: u64, closed: &chain::ChainedLine, value: &Value) {
        self.report.records += 1;
        self.report.anchors += u64::from(value.get("action").and_then(Value::as_str) == Some("anchor"));
        if !closed.intact {
            self.problem(file, number, "its text was changed: the hash does not match");
        }
        match self.chain.clone() {
            None => self.first(file, number, closed, value),
            Some(chain) if chain.head == closed.prev && chain.count + 1 == closed.seq => {}
            Some(chain) => {
                let what = match closed.seq.cmp(&(chain.count + 1)) {
                    std::cmp::Ordering::Greater => {
                        format!("records {} to {} are missing before it", chain.count + 1, closed.seq - 1)
                    }
                    std::cmp::Ordering::Less => {
                        format!("record {} is here a second time or out of order", closed.seq)
                    }
                    std::cmp::Ordering::Equal => "it does not follow the record before it".to_owned(),
                };
                self.problem(file, number, &what);
            }
        }
        self.chain = Some(Chain { count: closed.seq, head: closed.hash.clone() });
    }

    /// Checks the first record: number 1, or the anchor that a rotation wrote.
    fn first(&mut self, file: &Path, number: u64, closed: &chain::ChainedLine, value: &Value) {
        if closed.seq == 1 && closed.prev == GENESIS {
            return;
        }
        match value.pointer("/extra/continues").and_then(Value::as_str) {
            Some(older) if number == 1 => {
                self.report
                    .notes
                    .push(format!("records before {} are in `{older}`, which is not here", closed.seq));
            }
            _ => self.problem(file, number, &format!("the records before {} are missing", closed.seq)),
        }
    }

    fn problem(&mut self, file: &Path, line: u64, what: &str) {
        self.report.problems.push(Problem { file: file.to_owned(), line, what: what.to_owned() });
    }
}

/// True for the record that a writer leaves after it found an unfinished line of this length.
fn explains(line: &str, length: usize) -> bool {
    chain::read(line).is_some_and(|(_, value)| {
        value.get("action").and_then(Value::as_str) == Some("recovered")
            && value.pointer("/extra/torn_bytes").and_then(Value::as_u64) == Some(length as u64)
    })
}

/// Compares the end with the note beside the log: a log that ends earlier was cut.
fn check_head(path: &Path, chain: &Chain, report: &mut Report) {
    let noted = fs::read_to_string(head_path(path)).ok();
    let noted = noted.as_deref().and_then(|note| {
        let (count, hash) = note.trim_end().split_once(' ')?;
        Some((count.parse::<u64>().ok()?, hash.to_owned()))
    });
    let problem = match noted {
        None => {
            report.open_end = true;
            let what = "there is no note of the log's end beside it: a cut at the end cannot be seen";
            report.notes.push(what.into());
            return;
        }
        Some((count, _)) if count > chain.count => {
            format!("records {} to {count} are missing at the end", chain.count + 1)
        }
        Some((count, hash)) if count == chain.count && hash != chain.head => {
            "the last record is not the one that was written last".into()
        }
        Some(_) => return,
    };
    report.problems.push(Problem { file: path.to_owned(), line: 0, what: problem });
}
