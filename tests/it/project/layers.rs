//! The layers: who uses whom in `src/`, compared with the table of `docs/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Open to every module.
const OPEN: [&str; 1] = ["telemetry"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn architecture(heading: &str) -> String {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap_or_default();
    text.split("\n## ").find(|section| section.starts_with(heading)).unwrap_or_default().to_owned()
}

fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Reads the table under "Who may use whom": module and what it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let mut rows = BTreeMap::new();
    for line in architecture("Who may use whom").lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.split('|').skip(1);
        let (Some(modules), Some(may_use)) = (cells.next(), cells.next()) else { continue };
        for module in names(modules) {
            rows.insert(module, names(may_use));
        }
    }
    rows
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for path in entries.map(|entry| entry.path()) {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source text names after `crate::`, its tests and comments left out.
fn used(text: &str) -> BTreeSet<String> {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: String =
        product.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        match path.strip_prefix('{') {
            Some(list) => found.extend(flatten(list).split(',').filter_map(first_name)),
            None => found.extend(first_name(path)),
        }
    }
    found
}

fn first_name(path: &str) -> Option<String> {
    let name: String = path
        .trim_start()
        .chars()
        .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// The text up to the brace that closes a list of imports, without what stands in inner braces.
fn flatten(list: &str) -> String {
    let mut depth = 1_u32;
    let mut flat = String::new();
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 1 => flat.push(character),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    flat
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let table = table();
    assert!(table.len() >= 8, "the table in docs/architecture.md was not found: {table:?}");
    let source = root().join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);

    let mut forbidden = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&source).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs");
        if ["lib", "main"].contains(&module) || inside.ends_with("tests.rs") {
            continue;
        }
        let allowed = table.get(module).unwrap_or_else(|| panic!("`{module}` is not in the table"));
        for other in used(&std::fs::read_to_string(&file).unwrap()) {
            let known = table.contains_key(&other);
            if known && other != module && !OPEN.contains(&other.as_str()) && !allowed.contains(&other) {
                forbidden.push(format!("{} uses `{other}`", inside.display()));
            }
        }
    }

    assert_eq!(forbidden, Vec::<String>::new());
}

#[test]
fn crates_depend_only_on_what_the_table_allows() {
    let allowed: BTreeMap<String, BTreeSet<String>> = architecture("The picture")
        .lines()
        .filter(|line| line.starts_with("| `crates/"))
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            let name = names(cells.get(1)?).pop_first()?;
            Some((name.trim_start_matches("crates/").to_owned(), names(cells.get(3)?)))
        })
        .collect();
    let folders = std::fs::read_dir(root().join("crates")).unwrap();
    let found: BTreeMap<String, BTreeSet<String>> = folders
        .map(|entry| {
            let manifest =
                std::fs::read_to_string(entry.as_ref().unwrap().path().join("Cargo.toml")).unwrap();
            let product = manifest.split("[dev-dependencies]").next().unwrap_or_default();
            let ours = product
                .lines()
                .filter_map(|line| line.strip_prefix("comfywarden-")?.split(['.', ' ']).next());
            (entry.unwrap().file_name().into_string().unwrap(), ours.map(str::to_owned).collect())
        })
        .collect();
    assert_eq!(found, allowed);
}

#[test]
fn the_rules_know_no_runtime_and_no_server() {
    for name in ["error", "workflow", "policy"] {
        let manifest = std::fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        for banned in ["tokio", "axum", "hyper", "reqwest", "rmcp", "rustls", "governor"] {
            assert!(!manifest.lines().any(|line| line.starts_with(banned)), "{name} uses {banned}");
        }
    }
}

#[test]
fn reader_of_the_sources_sees_every_way_to_name_a_module() {
    let text = "use crate::comfy::Client;\nuse crate::{app::App, config, tools::{a, b}};\nfn f() { crate::sim::g() }\n\
                // crate::server::x\n#[cfg(test)]\nmod tests { use crate::cli; }";
    let expected = ["app", "comfy", "config", "sim", "tools"].map(str::to_owned);
    assert_eq!(used(text), BTreeSet::from(expected));
}

#[test]
fn lock_file_holds_one_tls_stack_and_one_copy_of_what_must_be_one() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let count = |name: &str| lock.matches(&format!("\nname = \"{name}\"\n")).count();
    for banned in ["openssl-sys", "native-tls", "serde_yaml", "serde_yml", "serde_yaml_ng"] {
        assert_eq!(count(banned), 0, "{banned}");
    }
    for single in
        ["axum", "http", "hyper", "reqwest", "rmcp", "rustls", "schemars", "tokio", "tower", "tower-http"]
    {
        assert_eq!(count(single), 1, "{single}");
    }
}
