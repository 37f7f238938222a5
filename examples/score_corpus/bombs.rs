//! Hostile files: each gets the verdict of its manifest, within the manifest's limits, in a process of its own, so
//! that a panic, an abort or an overflowing stack is seen and counted.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
    time::Instant,
};

use comfywarden::{
    config::Security,
    security::{Inspector, Knowledge, Severity, path::UploadName, upload},
    workflow::{Workflow, json, read::read},
};
use serde::{Deserialize, Serialize};

/// The most that an upload may have.
const MOST_BYTES: usize = 50 << 20;

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

/// Scores every file of the manifest in `directory`.
pub(crate) fn score(directory: &str, misses: bool) -> Done {
    let directory = Path::new(directory);
    let manifest = fs::read_to_string(directory.join("manifest.jsonl"))?;
    let mut counts: BTreeMap<&str, u32> =
        ["cases", "died", "slow", "large", "wrong_accept", "wrong_reject"].map(|name| (name, 0)).into();
    let mut out = io::stdout().lock();
    for line in manifest.lines() {
        let case: Case = serde_json::from_str(line)?;
        let mut count = |name, why: &str| -> io::Result<()> {
            *counts.entry(name).or_default() += 1;
            if misses && name != "cases" { writeln!(out, "{name}: {} {why}", case.file) } else { Ok(()) }
        };
        count("cases", "")?;
        let child = Command::new(std::env::current_exe()?)
            .arg("bomb")
            .arg(directory.join(&case.file))
            .arg(&case.kind)
            .output()?;
        let Some(told) =
            serde_json::from_slice::<Told>(&child.stdout).ok().filter(|_| child.status.success())
        else {
            count("died", &child.status.to_string())?;
            continue;
        };
        if told.milliseconds > case.limit_ms {
            count("slow", &format!("{} ms", told.milliseconds))?;
        }
        if told.mebibytes > case.limit_mib {
            count("large", &format!("{} MiB", told.mebibytes))?;
        }
        match (case.expect.as_str(), told.refused) {
            ("reject", None) => count("wrong_accept", "")?,
            ("accept", Some(why)) => count("wrong_reject", &why)?,
            _ => {}
        }
    }
    writeln!(out, "{}", serde_json::json!({"corpus": "bombs", "counts": counts}))?;
    Ok(())
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
            let workflow = Workflow::from_value(&value).map_err(|error| text(&error))?;
            let findings = inspector.inspect(&workflow, &Knowledge::default());
            match findings.into_iter().find(|finding| finding.severity == Severity::Refused) {
                Some(finding) => Err(finding.message),
                None => Ok(()),
            }
        }
        "base64" => {
            let sent = std::str::from_utf8(bytes).map_err(|error| text(&error))?;
            upload::decode("data", sent, MOST_BYTES).map(drop).map_err(|error| text(&error))
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
