//! One version everywhere: `Cargo.toml` has it, everything else repeats it.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::texts::{json, read};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Every text under the key `version`, at any depth.
fn versions(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                match inner.as_str() {
                    Some(text) if key == "version" => found.push((format!("{path}/{key}"), text.to_owned())),
                    _ => versions(inner, &format!("{path}/{key}"), found),
                }
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                versions(inner, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn manifests_repeat_the_version_of_the_package() {
    for file in [
        ".claude-plugin/plugin.json",
        ".claude-plugin/marketplace.json",
        "packaging/manifest.json",
        "packaging/server.json",
    ] {
        let mut found = Vec::new();
        versions(&json(file), "", &mut found);
        assert!(!found.is_empty(), "{file} names no version");
        for (place, version) in found {
            assert_eq!(version, VERSION, "{file}{place}");
        }
    }
}

#[test]
fn image_tags_repeat_the_version_of_the_package() {
    let image = regex::Regex::new(r#"ghcr\.io/comfywarden/comfywarden:([0-9][^\s"]*)"#).unwrap();
    let mut seen = 0;
    for file in ["packaging/compose.yaml", "packaging/server.json", "docs/clients.md", "README.md"] {
        for found in image.captures_iter(&read(file)) {
            assert_eq!(&found[1], VERSION, "{file}");
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

#[test]
fn licences_are_word_for_word() {
    let sum = |text: &str| {
        Sha256::digest(text).iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        sum(&read("LICENSE-APACHE")),
        "a60eea817514531668d7e00765731449fe14d059d3249e0bc93b36de45f759f2",
        "the file that most crates carry"
    );
    for file in ["LICENSE-MIT", "tests/schema/LICENSE"] {
        let text = read(file);
        let (_, granted) = text.split_once("\n\nPermission is").unwrap();
        assert_eq!(
            sum(&words(granted)),
            "dba44e197f577920cf3cf9444ca022f2fbcb0917943a16bebe1b9eb7cbe8f127",
            "{file}"
        );
    }
}

#[test]
fn registry_entry_fits_the_schema_of_the_registry() {
    let schema = json("tests/schema/mcp-registry-server.schema.2025-12-11.json");
    let entry = json("packaging/server.json");
    let errors =
        comfywarden::gate::contract::schema::compile(schema.as_object().unwrap()).unwrap().faults(&entry);
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn toolchain_is_the_same_everywhere() {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    assert!(read("packaging/Dockerfile").contains(&format!("FROM rust:{wanted}-alpine")));
    for file in [".github/workflows/ci.yml", ".github/workflows/release.yml"] {
        let text = read(file);
        let named = text.matches("rustup toolchain install").count();
        assert!(
            named > 0 && named == text.matches(&format!("toolchain install {wanted} ")).count(),
            "{file}"
        );
    }
}

#[test]
fn lock_file_and_changelog_know_the_version() {
    let entry = format!("name = \"comfywarden\"\nversion = \"{VERSION}\"\n");
    assert!(read("Cargo.lock").contains(&entry), "run cargo check to renew Cargo.lock");
    let changelog = read("CHANGELOG.md");
    let headings: Vec<&str> = changelog.lines().filter_map(|line| line.strip_prefix("## [")).collect();
    let newest = headings.first().unwrap_or(&"");
    assert!(newest.starts_with("Unreleased]") || newest.starts_with(&format!("{VERSION}]")), "{newest}");
}

#[test]
fn build_context_of_the_image_holds_what_the_sources_include() {
    let included = regex::Regex::new(r#"CARGO_MANIFEST_DIR"\), "/(?:\.\./\.\./)?([a-z_/]+)/"#).unwrap();
    let container = read("packaging/Dockerfile");
    let tests = |file: &&std::path::PathBuf| {
        let of_tests = file.parent().zip(file.file_stem()).is_some_and(|(folder, stem)| {
            let declared = format!("#[cfg(any(test, feature = \"recorded\"))]\npub mod {};", stem.display());
            std::fs::read_to_string(folder.join("lib.rs")).is_ok_and(|module| module.contains(&declared))
        });
        of_tests || file.iter().any(|part| part == "tests" || part == "tests.rs")
    };
    let sources = [super::texts::below("src", "rs"), super::texts::below("crates", "rs")].concat();
    for file in sources.iter().filter(|file| !tests(file)) {
        for found in included.captures_iter(&read(file)) {
            assert!(
                container.contains(&format!("COPY {0} {0}\n", &found[1])),
                "{}: {}",
                file.display(),
                &found[1]
            );
        }
    }
}
