use std::{fs, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{file::Rotation, tail::Tail, *};
use crate::config::{AuditFail, Logging};
use comfywarden_policy::settings::{Privacy, Security};

const SMALL: Rotation =
    Rotation { most_bytes: 4_000, most_age: Duration::from_hours(1), anchor_every: 7, least_free: 0 };

fn open(path: &Path) -> AuditLog {
    let logging =
        Logging { audit_file: path.to_owned(), audit_fail: AuditFail::Closed, ..Logging::default() };
    AuditLog::open(&logging, &Security::default()).unwrap()
}

async fn fill(log: &AuditLog, count: usize) {
    for n in 0..count {
        log.append(Record::new("comfyui_test", "called").field("n", n)).await.unwrap();
    }
}

#[tokio::test]
async fn every_record_is_one_chained_line_that_the_verifier_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = open(&path);
    fill(&log, 3).await;
    let text = fs::read_to_string(&path).unwrap();
    let actions: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["action"].clone()).collect();
    assert_eq!(actions, ["started", "called", "called", "called"]);
    let report = verify(&path).unwrap();
    assert!(report.is_ok() && report.notes.is_empty(), "{report:?}");
    assert_eq!((report.records, report.last_seq), (4, 4));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_private_even_when_it_was_not() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fill(&open(&path), 1).await;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    wait_unlocked(&path);
    fill(&open(&path), 1).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Waits until the writer thread has released the file, a moment after the last handle is dropped.
fn wait_unlocked(path: &Path) {
    let file = fs::File::open(path).unwrap();
    file.lock().unwrap();
    file.unlock().unwrap();
}

#[tokio::test]
async fn a_restart_goes_on_with_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fill(&open(&path), 2).await;
    wait_unlocked(&path);
    fill(&open(&path), 2).await;
    let report = verify(&path).unwrap();
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.last_seq, 6);
}

#[tokio::test]
async fn a_cut_stays_visible_after_the_log_went_on() {
    for kept in [0, 2] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fill(&open(&path), 5).await;
        wait_unlocked(&path);
        let text = fs::read_to_string(&path).unwrap();
        let rest: String = text.split_inclusive('\n').take(kept).collect();
        fs::write(&path, rest).unwrap();

        fill(&open(&path), 1).await;

        let report = verify(&path).unwrap();
        assert!(!report.is_ok(), "{kept} of 6 records were kept: {report:?}");
        assert!(report.problems[0].what.contains("missing"), "{report:?}");
    }
}

#[tokio::test]
async fn a_file_of_somebody_else_and_one_in_use_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fs::write(&path, "{\"tool\":\"other\"}\n").unwrap();
    let first = open(&path);
    let second = open(&path);
    fill(&first, 1).await;
    fill(&second, 1).await;
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"tool\":\"other\"}\n");
    assert_eq!(first.path().unwrap().file_name().unwrap(), "audit-1.jsonl");
    assert_eq!(second.path().unwrap().file_name().unwrap(), "audit-2.jsonl");
}

#[cfg(unix)]
#[tokio::test]
async fn a_linked_file_is_refused_and_a_linked_folder_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real");
    fs::create_dir(&real).unwrap();
    let linked = folder.path().join("linked");
    std::os::unix::fs::symlink(&real, &linked).unwrap();
    fill(&open(&linked.join("audit.jsonl")), 1).await;
    assert!(real.join("audit.jsonl").exists());

    let target = folder.path().join("target.jsonl");
    std::os::unix::fs::symlink(&target, real.join("link.jsonl")).unwrap();
    let mut logging = Logging { audit_file: real.join("link.jsonl"), ..Logging::default() };
    logging.audit_fail = AuditFail::Closed;
    let error = AuditLog::open(&logging, &Security::default()).unwrap_err();
    assert!(error.message().contains("symbolic link"), "{error}");
    assert!(!target.exists());

    logging.audit_fail = AuditFail::Warn;
    let degraded = AuditLog::open(&logging, &Security::default()).unwrap();
    fill(&degraded, 2).await;
    assert_eq!(degraded.failures(), 2);
}

#[tokio::test]
async fn rotates_by_size_and_the_chain_goes_on_through_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::start(&path, Privacy::Digest, true, SMALL).unwrap();
    fill(&log, 60).await;
    let report = verify(&path).unwrap();
    assert!(report.is_ok(), "{report:?}");
    assert!(report.files.len() > 2 && report.anchors > 8, "{report:?}");
    fs::remove_file(&report.files[0]).unwrap();
    let report = verify(&path).unwrap();
    assert!(report.is_ok() && report.notes.len() == 1, "{report:?}");
    fs::remove_file(&report.files[1]).unwrap();
    assert!(!verify(&path).unwrap().is_ok());
}

#[tokio::test]
async fn an_unfinished_line_is_kept_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    fill(&open(&path), 2).await;
    wait_unlocked(&path);
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"timestamp\":\"20");
    fs::write(&path, &text).unwrap();
    assert!(!verify(&path).unwrap().is_ok());
    fill(&open(&path), 1).await;
    let report = verify(&path).unwrap();
    assert!(report.is_ok(), "{report:?}");
}

#[tokio::test]
async fn finds_a_hundred_of_a_hundred_tamperings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log =
        AuditLog::start(&path, Privacy::Digest, true, Rotation { most_bytes: u64::MAX, ..SMALL }).unwrap();
    fill(&log, 40).await;
    let original = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = original.split_inclusive('\n').collect();
    for n in 0..100_usize {
        let at = (n * 7) % (lines.len() - 1);
        let mut changed: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        match n % 5 {
            0 => {
                let byte = (n * 131) % (changed[at].len() - 1);
                let old = changed[at].as_bytes()[byte];
                let new = if old == b'1' { "2" } else { "1" };
                changed[at].replace_range(byte..=byte, new);
            }
            1 => drop(changed.remove(at)),
            2 => changed.swap(at, at + 1),
            3 => changed.truncate(at),
            _ => changed.insert(at, lines[at].to_owned()),
        }
        fs::write(&path, changed.concat()).unwrap();
        assert!(!verify(&path).unwrap().is_ok(), "tampering {n}");
    }
}

#[tokio::test]
async fn tampering_shows_in_whatever_file_of_a_rotated_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::start(&path, Privacy::Digest, true, SMALL).unwrap();
    fill(&log, 80).await;
    let files = verify(&path).unwrap().files;
    assert!(files.len() > 4);
    // A linear congruential generator: the same hundred tamperings at every run.
    let mut state = 20_261_121_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for n in 0..100 {
        let file = &files[random(files.len())];
        let original = fs::read_to_string(file).unwrap();
        let mut lines: Vec<String> = original.split_inclusive('\n').map(str::to_owned).collect();
        let at = random(lines.len());
        match random(6) {
            0 => {
                let byte = random(lines[at].len() - 1);
                let other = if lines[at].as_bytes()[byte] == b'7' { "8" } else { "7" };
                lines[at].replace_range(byte..=byte, other);
            }
            // The first lines of the oldest file may be gone with the file before it; the last ones never.
            1 => drop(lines.pop()),
            2 if lines.len() > 1 => {
                let at = at.min(lines.len() - 2);
                lines.swap(at, at + 1);
            }
            // A hole in the middle, and an end that is gone.
            3 if lines.len() > 2 => drop(lines.remove(1 + at % (lines.len() - 2))),
            4 if lines.len() > 2 => lines.truncate(1 + at % (lines.len() - 1)),
            _ => lines.insert(at, lines[at].clone()),
        }
        if lines.concat() == original {
            // Cut after its last line: nothing is cut.
            lines.pop();
        }
        fs::write(file, lines.concat()).unwrap();
        assert!(!verify(&path).unwrap().is_ok(), "tampering {n} of {}", file.display());
        fs::write(file, original).unwrap();
    }
    assert!(verify(&path).unwrap().is_ok());
}

#[tokio::test]
async fn a_file_that_is_gone_changed_places_or_comes_twice_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::start(&path, Privacy::Digest, true, SMALL).unwrap();
    fill(&log, 80).await;
    let files = verify(&path).unwrap().files;
    for (first, second) in files.iter().zip(files.iter().skip(1)) {
        let texts = [fs::read_to_string(first).unwrap(), fs::read_to_string(second).unwrap()];
        fs::write(first, &texts[1]).unwrap();
        assert!(!verify(&path).unwrap().is_ok(), "twice the same: {}", second.display());
        fs::write(second, &texts[0]).unwrap();
        assert!(!verify(&path).unwrap().is_ok(), "in each other's place: {}", second.display());
        fs::write(first, &texts[0]).unwrap();
        fs::remove_file(second).unwrap();
        assert!(!verify(&path).is_ok_and(|report| report.is_ok()), "gone: {}", second.display());
        fs::write(second, &texts[1]).unwrap();
    }
    assert!(verify(&path).unwrap().is_ok());
}

#[tokio::test]
async fn rotates_by_age() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let old = Rotation { most_age: Duration::ZERO, most_bytes: u64::MAX, ..SMALL };
    let log = AuditLog::start(&path, Privacy::Digest, true, old).unwrap();
    // More rotations than milliseconds: none may take another's name.
    fill(&log, 40).await;
    let report = verify(&path).unwrap();
    assert!(report.is_ok() && report.files.len() > 40, "{report:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn leaves_room_on_the_disk_for_everybody_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log =
        AuditLog::start(&path, Privacy::Digest, true, Rotation { least_free: u64::MAX, ..SMALL }).unwrap();
    let error = log.append(Record::new("comfyui_test", "called")).await.unwrap_err();
    assert_eq!(error.kind(), comfywarden_error::Kind::Unavailable);
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[tokio::test]
async fn the_logs_of_other_processes_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let logs = [open(&path), open(&path), open(&path)];
    for log in &logs {
        fill(log, 1).await;
    }
    let names: Vec<_> = logs_beside(&path).iter().map(|log| log.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["audit.jsonl", "audit-1.jsonl", "audit-2.jsonl"]);
}

#[tokio::test]
async fn long_records_are_cut_and_say_so() {
    let log = AuditLog::memory();
    let long: Vec<Value> = (0..5_000).map(|n| json!({"k": "word ".repeat(n % 300)})).collect();
    log.append(Record::new("comfyui_test", "called").field("list", long)).await.unwrap();
    let record = log.records().pop().unwrap();
    assert!(record["cut_from_bytes"].as_u64().unwrap() > 64 << 10);
    assert!(record.to_string().len() < 70 << 10);
    assert!(record.pointer("/extra/list").is_some());
}

#[tokio::test]
async fn a_reader_follows_the_log_through_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::start(&path, Privacy::Digest, true, SMALL).unwrap();
    fill(&log, 3).await;
    let (mut tail, last) = Tail::open(&path, 2).unwrap();
    assert_eq!(last.len(), 2);
    let mut seen = 0;
    for _ in 0..30 {
        fill(&log, 1).await;
        seen += tail.poll().unwrap().iter().filter(|record| record["action"] == "called").count();
    }
    assert_eq!(seen, 30);
}

#[test]
fn a_record_reads_as_one_line() {
    let record = json!({"timestamp": "2026-11-21T06:56:03.123Z", "tool": "t\u{1b}", "action": "completed", "caller": "local",
        "duration_ms": 1.2, "status": "ok", "extra": {"a": "b\nc"}});
    assert_eq!(
        tail::render(&record),
        "06:56:03.123 - local t\\x1b completed 1.2 ms ok extra={\"a\":\"b\\nc\"}"
    );
}
