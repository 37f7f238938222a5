//! The rules against cases that were written by the specification before anybody looked at the rules. What these
//! found is mended; new rules and old ones have to keep it so.

use std::{fs::File, io::Read as _};

use comfywarden_workflow::ObjectInfo;
use flate2::read::GzDecoder;

use super::{case, case::Tier, paths, redaction, urls, workflows};

fn unpacked(file: &str) -> String {
    let file = format!("{}/tests/fixtures/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    GzDecoder::new(File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn scored(corpus: &str, least: usize, score: impl FnOnce(&[case::Case]) -> case::Score) {
    let cases = case::parse(&unpacked(&format!("corpora/{corpus}.jsonl.gz")), Tier::Must);
    assert!(cases.len() >= least, "{} cases", cases.len());
    let score = score(&cases);
    let wrong: Vec<_> =
        score.counts.iter().filter(|(name, count)| *name != "code_cases" && *count > 0).collect();
    assert!(wrong.is_empty(), "{wrong:?}\n{}", score.misses.join("\n"));
}

#[test]
fn names_of_files_are_told_apart() {
    scored("paths", 400, paths::score);
}

#[test]
fn addresses_are_told_apart() {
    scored("urls", 400, urls::score);
}

#[test]
fn secrets_are_told_from_words() {
    scored("redaction", 700, redaction::score);
}

#[test]
fn hostile_workflows_are_told_from_useful_ones() {
    let catalogue = ObjectInfo::parse(unpacked("object_info.json.gz").as_bytes()).unwrap();
    scored("workflows", 1_300, |cases| workflows::score(cases, Some(&catalogue)));
}
