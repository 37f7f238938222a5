//! Follows classes that the server runs in place of others, so that they are checked too.

use std::collections::HashSet;

use serde_json::Value;

/// The most replacements of replacements that are followed.
const MAX_HOPS: usize = 16;

/// Lists every class that may run instead of `class`; empty when nothing replaces it.
pub(super) fn targets(class: &str, replacements: &Value) -> Vec<String> {
    let mut seen: HashSet<String> = HashSet::from([class.to_owned()]);
    let mut pending = vec![(class.to_owned(), 0)];
    let mut targets = Vec::new();
    while let Some((class, hops)) = pending.pop() {
        let Some(entry) = replacements.get(&class).filter(|_| hops < MAX_HOPS) else { continue };
        let mut names = Vec::new();
        collect(entry, &mut names);
        for name in names {
            if seen.insert(name.to_owned()) {
                targets.push(name.to_owned());
                pending.push((name.to_owned(), hops + 1));
            }
        }
    }
    targets
}

/// True when the server has a replacement for the class. An empty list is none.
pub(super) fn replaces(class: &str, replacements: &Value) -> bool {
    match replacements.get(class) {
        None | Some(Value::Null) => false,
        Some(Value::Array(list)) => !list.is_empty(),
        Some(Value::Object(map)) => !map.is_empty(),
        Some(_) => true,
    }
}

/// Collects every text of an entry, since any may be the new class: the form differs between versions.
fn collect<'a>(entry: &'a Value, names: &mut Vec<&'a str>) {
    match entry {
        Value::String(name) => names.push(name),
        Value::Array(list) => list.iter().for_each(|item| collect(item, names)),
        Value::Object(map) => map
            .iter()
            // Mappings hold names of inputs and outputs, not of classes.
            .filter(|(key, _)| {
                !key.contains("mapping") && !key.contains("widget") && !key.starts_with("old_")
            })
            .for_each(|(_, value)| collect(value, names)),
        _ => {}
    }
}
