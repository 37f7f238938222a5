//! Finds the line of a key in the text of the file: the YAML reader keeps no positions.

/// Returns the line, from 1, of a key such as `a.b` or `a.b[2]`. `None` where it is not certain, as in braces that go
/// over several lines.
pub(super) fn line_of(text: &str, key: &str) -> Option<usize> {
    let (wanted, item) = match key.split_once('[') {
        Some((wanted, rest)) => (wanted, rest.split(']').next()?.parse::<usize>().ok()),
        None => (key, None),
    };
    let lines: Vec<&str> = text.lines().collect();
    // The keys that the current line lies in, with their indents.
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut block_text: Option<usize> = None;
    for (at, line) in lines.iter().enumerate() {
        let Some((indent, body)) = content(line) else { continue };
        if block_text.is_some_and(|outer| indent > outer) {
            continue;
        }
        block_text = None;
        let Some((name, value)) = entry(body) else { continue };
        open.retain(|(outer, _)| *outer < indent);
        let path = open.last().map_or_else(|| name.to_owned(), |(_, outer)| format!("{outer}.{name}"));
        if value.starts_with(['|', '>']) {
            block_text = Some(indent);
        }
        if path == wanted {
            let rest = lines.get(at + 1..).unwrap_or_default();
            let below = item.filter(|_| value.is_empty()).and_then(|item| item_below(rest, item));
            return Some(at + 1 + below.unwrap_or_default());
        }
        let inside = wanted.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.'));
        if inside && value.starts_with('{') {
            return value.ends_with('}').then_some(at + 1);
        }
        open.push((indent, path));
    }
    None
}

/// Counts the lines up to the item of this number.
fn item_below(lines: &[&str], number: usize) -> Option<usize> {
    let mut dashes = None;
    let mut items = 0;
    for (at, line) in lines.iter().enumerate() {
        let Some((indent, body)) = content(line) else { continue };
        let is_item = body == "-" || body.starts_with("- ");
        let first = *dashes.get_or_insert(indent);
        if indent < first || (indent == first && !is_item) {
            return None;
        }
        if indent == first {
            if items == number {
                return Some(at + 1);
            }
            items += 1;
        }
    }
    None
}

/// Splits a line into indent and content, unless it is empty or a comment.
fn content(line: &str) -> Option<(usize, &str)> {
    let body = line.trim_start_matches(' ');
    let indent = line.len() - body.len();
    let body = body.split_once(" #").map_or(body, |(before, _)| before).trim_end();
    (!body.is_empty() && !body.starts_with('#')).then_some((indent, body))
}

/// Splits a line such as `key: value` into key and value.
fn entry(body: &str) -> Option<(&str, &str)> {
    let (name, value) = match body.split_once(": ") {
        Some((name, value)) => (name, value.trim()),
        None => (body.strip_suffix(':')?, ""),
    };
    let quoted = |mark: char| name.strip_prefix(mark)?.strip_suffix(mark);
    let name = quoted('"').or_else(|| quoted('\'')).unwrap_or(name);
    (!name.starts_with(['-', '{', '[', '"', '\'', '?'])).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# security: {mode: x}
comfyui:
  url: http://x   # mode: y
  note: |
    mode: off
    security:
'security':
  \"mode\": off

  allowed_nodes:
  # the first
  - One
  -
    Two
transport: {remote: {port: 1}}
tools: {include: [a],
  exclude: [b]}
limits:
    queue_depth: 3
";

    #[test]
    fn nested_keys_items_and_braces_are_found() {
        for (key, line) in [
            ("comfyui", Some(2)),
            ("comfyui.url", Some(3)),
            ("security.mode", Some(8)),
            ("security.allowed_nodes", Some(10)),
            ("security.allowed_nodes[0]", Some(12)),
            ("security.allowed_nodes[1]", Some(13)),
            ("security.allowed_nodes[7]", Some(10)),
            ("transport.remote.port", Some(15)),
            ("tools", Some(16)),
            ("limits.queue_depth", Some(19)),
            ("tools.exclude", None),
            ("comfyui.mode", None),
            ("mode", None),
            ("security.budget", None),
        ] {
            assert_eq!(line_of(TEXT, key), line, "{key}");
        }
    }
}
