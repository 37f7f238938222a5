//! Links: every file and heading that a document points to exists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::texts::{documents, read, root};

/// The anchor that hosting sites make of a heading.
fn anchor(heading: &str) -> String {
    let letters = heading.trim().to_lowercase();
    letters
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// The anchors of a document; headings inside of code blocks are none.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut inside_code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside_code = !inside_code;
        } else if let Some(heading) = line.strip_prefix('#').filter(|_| !inside_code) {
            found.insert(anchor(heading.trim_start_matches('#')));
        }
    }
    found
}

fn without_code(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// Describes the fault of one link of `document`.
fn fault(document: &Path, target: &str) -> Option<String> {
    if target.starts_with("https://") {
        return url::Url::parse(target).err().map(|error| error.to_string());
    }
    if target.contains("://") || target.starts_with("mailto:") {
        return Some("is neither a file nor an https address".to_owned());
    }
    let (file, heading) =
        target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path: PathBuf =
        if file.is_empty() { document.to_owned() } else { document.parent().unwrap_or(document).join(file) };
    if !root().join(&path).exists() {
        return Some("does not exist".to_owned());
    }
    let heading = heading.filter(|heading| !anchors(&read(&path)).contains(*heading));
    heading.map(|heading| format!("has no heading `{heading}`"))
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut dead = Vec::new();
    let mut seen = 0;
    for document in documents() {
        for found in link.captures_iter(&without_code(&read(&document))) {
            seen += 1;
            if let Some(why) = fault(&document, &found[1]) {
                dead.push(format!("{}: {} {why}", document.display(), &found[1]));
            }
        }
    }
    assert!(seen > 5, "only {seen} links were found");
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn every_document_that_a_text_names_exists() {
    let named =
        Regex::new(r"\b(?:docs|tests|evals|src|hooks|skills)/[A-Za-z0-9_./-]*\.(?:md|rs|py|sh|json)\b")
            .unwrap();
    let mut missing = Vec::new();
    for document in documents() {
        for found in named.find_iter(&read(&document)) {
            if !found.as_str().contains("..") && !root().join(found.as_str()).exists() {
                missing.push(format!("{}: {}", document.display(), found.as_str()));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_dead_link_is_noticed() {
    let readme = Path::new("README.md");
    assert_eq!(fault(readme, "docs/architecture.md"), None);
    assert!(fault(readme, "docs/nowhere.md").is_some());
    assert!(fault(readme, "docs/architecture.md#no-such-heading").is_some());
    assert!(fault(readme, "http://example.org").is_some());
}
