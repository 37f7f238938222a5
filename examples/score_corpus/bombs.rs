//! Hostile files: each gets the verdict of its manifest, within the manifest's limits, in a process of its own, so
//! that a panic, an abort or an overflowing stack is seen and counted.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use comfywarden_policy::{Inspector, Knowledge, Severity, path::UploadName, settings::Security, upload};
use comfywarden_workflow::{Workflow, json, read::read};
use serde::{Deserialize, Serialize};

/// The most that an upload may have.
const MAX_BYTES: usize = 50 << 20;
/// What takes longer has been ended, and counts as dead.
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Case {
    file: String,
    kind: String,
    expect: String,
    limit_mib: u64,
    limit_ms: u128,
}

/// What one file did to the process that read it.
#[derive(Serialize, Deserialize)]
struct Told {
    refused: Option<String>,
    milliseconds: u128,
    mebibytes: u64,
}

type Done = Result<(), Box<dyn std::error::Error>>;

/// Scores every file of the manifest in `directory`: a line each, or with `misses` only the wrong ones.
pub(crate) fn score(directory: &str, misses: bool) -> Done {
    let directory = Path::new(directory);
    let manifest = fs::read_to_string(directory.join("manifest.jsonl"))?;
    let names = ["died", "slow", "large", "wrong_accept", "wrong_reject"];
    let mut counts: BTreeMap<&str, u32> = names.map(|name| (name, 0)).into();
    let mut cases = 0;
    for line in manifest.lines() {
        let case: Case = serde_json::from_str(line)?;
        cases += 1;
        let told = told(&directory.join(&case.file), &case.kind)?;
        let wrong = wrong(&case, told.as_ref());
        for name in &wrong {
            *counts.entry(name).or_default() += 1;
        }
        if !misses || !wrong.is_empty() {
            show(&case, told.as_ref(), &wrong)?;
        }
    }
    let mut line = serde_json::Map::new();
    line.insert("corpus".into(), "bombs".into());
    line.insert("tier".into(), "all".into());
    line.insert("cases".into(), cases.into());
    line.extend(names.map(|name| (name.to_owned(), counts.get(name).copied().unwrap_or_default().into())));
    writeln!(io::stdout(), "{}", serde_json::Value::Object(line))?;
    Ok(())
}

/// What a file did, in a process of its own. `None` when that process died or had to be ended.
fn told(file: &Path, kind: &str) -> Result<Option<Told>, Box<dyn std::error::Error>> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("bomb")
        .args([file.as_os_str(), kind.as_ref()])
        .stdout(Stdio::piped())
        .spawn()?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > LONGEST {
            child.kill()?;
        }
        // The answer is one short line, so the pipe does not fill up meanwhile.
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output()?;
    Ok(serde_json::from_slice(&output.stdout).ok().filter(|_| output.status.success()))
}

/// Everything in which a file did not get what its line of the manifest says.
fn wrong(case: &Case, told: Option<&Told>) -> Vec<&'static str> {
    let Some(told) = told else { return vec!["died"] };
    let verdict = match (case.expect.as_str(), &told.refused) {
        ("reject", None) => Some("wrong_accept"),
        ("accept", Some(_)) => Some("wrong_reject"),
        _ => None,
    };
    let slow = (told.milliseconds > case.limit_ms).then_some("slow");
    let large = (told.mebibytes > case.limit_mib).then_some("large");
    [verdict, slow, large].into_iter().flatten().collect()
}

fn show(case: &Case, told: Option<&Told>, wrong: &[&str]) -> io::Result<()> {
    let (verdict, milliseconds, mebibytes) = match told {
        None => ("died", 0, 0),
        Some(told) => {
            let verdict = if told.refused.is_some() { "refused" } else { "accepted" };
            (verdict, told.milliseconds, told.mebibytes)
        }
    };
    let why: String =
        told.and_then(|told| told.refused.as_deref()).unwrap_or_default().chars().take(80).collect();
    writeln!(
        io::stdout(),
        "{:<28} expects {:<7} {verdict:<8} {milliseconds:>5} of {} ms, {mebibytes:>4} of {} MiB {} {why}",
        case.file,
        case.expect,
        case.limit_ms,
        case.limit_mib,
        if wrong.is_empty() { "ok".to_owned() } else { format!("WRONG: {}", wrong.join(", ")) },
    )
}

/// Reads one file as what it claims to be, and tells what that cost.
pub(crate) fn one(file: &str, kind: &str) -> Done {
    let bytes = fs::read(file)?;
    // What is made once per process is no cost of this file.
    let inspector = Inspector::new(&Security::default());
    let warm = serde_json::json!({"1": {"class_type": "X", "inputs": {"code": "import os", "text": "warm"}}});
    inspector.inspect_value(&warm, &Knowledge::default());
    let before = peak_mebibytes();
    let start = Instant::now();
    let refused = judge(&inspector, file, kind, &bytes).err();
    let told = Told {
        refused,
        milliseconds: start.elapsed().as_millis(),
        mebibytes: peak_mebibytes().saturating_sub(before),
    };
    writeln!(io::stdout(), "{}", serde_json::to_string(&told)?)?;
    Ok(())
}

fn judge(inspector: &Inspector, file: &str, kind: &str, bytes: &[u8]) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    match kind {
        "workflow_json" => {
            let value = json::parse(bytes).map_err(|error| text(&error))?;
            let workflow = Workflow::from_owned(value).map_err(|error| text(&error))?;
            let findings = inspector.inspect(&workflow, &Knowledge::default());
            match findings.into_iter().find(|finding| finding.severity == Severity::Refused) {
                Some(finding) => Err(finding.message),
                None => Ok(()),
            }
        }
        "base64" => {
            let sent = std::str::from_utf8(bytes).map_err(|error| text(&error))?;
            upload::decode("data", sent, MAX_BYTES).map(drop).map_err(|error| text(&error))
        }
        "mcp_message" => serde_json::from_slice::<rmcp::model::ClientJsonRpcMessage>(bytes)
            .map(drop)
            .map_err(|error| text(&error)),
        // Compressed bodies are not unpacked: they are read as they are.
        "http_body_gzip" | "http_body_gzip2" => json::parse(bytes).map(drop).map_err(|error| text(&error)),
        _ => {
            let name = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name = UploadName::parse(name).map_err(|error| text(&error))?;
            upload::check(&name, bytes).map_err(|error| text(&error))?;
            if kind == "png" {
                read_metadata(bytes)?;
            }
            Ok(())
        }
    }
}

/// A picture without a workflow is a picture.
fn read_metadata(bytes: &[u8]) -> Result<(), String> {
    match read(bytes) {
        Ok(_) => Ok(()),
        Err(error) if error.to_string().contains("no workflow") => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The most memory this process has used, where the system tells.
fn peak_mebibytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kibibytes| kibibytes / 1024)
}
