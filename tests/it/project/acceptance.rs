//! The acceptance table names tests that exist, and what it calls unused is unused.

use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/mcp-acceptance.md")).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| #"))
        .map(str::to_owned)
        .collect()
}

/// The words in backticks of a row.
fn quoted(row: &str) -> impl Iterator<Item = &str> {
    row.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_has_forty_rows_and_each_has_a_proof() {
    let rows = table();
    let numbers: Vec<usize> =
        rows.iter().map(|row| row.split('|').nth(1).unwrap().trim().parse().unwrap()).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    for row in &rows {
        let proof = row.split('|').nth(4).unwrap();
        assert!(quoted(proof).next().is_some(), "{row}");
    }
}

#[test]
fn every_test_that_the_table_names_exists() {
    let mut named = BTreeSet::new();
    for row in table() {
        named.extend(quoted(&row).filter(|word| word.contains("::")).map(str::to_owned));
    }
    assert!(named.len() > 40, "{}", named.len());
    let missing: Vec<&String> = named
        .iter()
        .filter(|name| {
            let (file, test) = name.rsplit_once("::").unwrap();
            let file = root().join(format!("tests/it/{}.rs", file.replace("::", "/")));
            let source = fs::read_to_string(file).unwrap_or_default();
            let begins = |line: &str| {
                line.starts_with(&format!("fn {test}()")) || line.starts_with(&format!("async fn {test}()"))
            };
            !source.lines().any(begins)
        })
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
    for file in ["tests/conformance.sh", "benches/bench.py", "tests/conformance/needs-fixture-2026-07-28.yml"]
    {
        assert!(root().join(file).exists(), "{file}");
    }
}

#[test]
fn nothing_depends_on_what_is_deprecated() {
    let mut places = vec![root().join("src"), root().join("crates")];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                places.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap_or_default();
            for word in ["create_message", "list_roots", "notify_logging_message", "enable_logging"] {
                assert!(!source.contains(word), "{}: {word}", path.display());
            }
        }
    }
}
