//! Takes machine paths out of what ComfyUI says. Its errors quote absolute paths freely.

use std::borrow::Cow;

/// Limit for a message that is passed on.
const MAX_MESSAGE: usize = 2_000;
/// Limit for frames of a traceback: the last ones, nearest to the cause.
const MAX_FRAMES: usize = 5;
/// Folders below which a path says something about ComfyUI and nothing about the machine.
const ROOTS: [&str; 5] = ["/custom_nodes/", "/site-packages/", "/comfy_extras/", "/comfy/", "/app/"];

/// `text` with every absolute path cut to its last component, and not longer than a message should be.
pub(crate) fn message(text: &str) -> String {
    let text = without_paths(text.trim());
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into_owned(),
    }
}

/// The last frames of a Python traceback as `file:line in function`.
pub(crate) fn traceback<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut frames: Vec<String> = lines.flat_map(str::lines).filter_map(frame).collect();
    frames.split_off(frames.len().saturating_sub(MAX_FRAMES))
}

fn frame(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (path, rest) = rest.split_once('"')?;
    let (number, function) = rest.strip_prefix(", line ")?.split_once(", in ").unwrap_or((rest, ""));
    let number: String =
        number.trim_start_matches(", line ").chars().take_while(char::is_ascii_digit).collect();
    let path = path.replace('\\', "/");
    let short = ROOTS
        .iter()
        .find_map(|root| path.rfind(root).and_then(|at| path.get(at + 1..)))
        .or_else(|| path.rsplit('/').next())
        .unwrap_or_default();
    let function = function.trim();
    Some(if function.is_empty() {
        format!("{short}:{number}")
    } else {
        format!("{short}:{number} in {function}")
    })
}

/// `text` with every absolute path cut to its last component.
pub(crate) fn without_paths(text: &str) -> Cow<'_, str> {
    if !text.contains(['/', '\\']) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut before: Option<char> = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if begins_word(before) { path_length(rest, before) } else { 0 };
        let taken = if length == 0 { first.len_utf8() } else { length };
        let (part, tail) = rest.split_at(taken);
        if length == 0 {
            clean.push_str(part);
        } else {
            clean.push('…');
            clean.push('/');
            clean.push_str(part.rsplit(['/', '\\']).find(|piece| !piece.is_empty()).unwrap_or_default());
        }
        before = part.chars().next_back();
        rest = tail;
    }
    Cow::Owned(clean)
}

/// True where a path can begin: not in the middle of a word, a number or a URL.
fn begins_word(before: Option<char>) -> bool {
    before.is_none_or(|c| c.is_whitespace() || "'\"`([{<=,:;|".contains(c))
}

/// Counts the bytes at the start of `text` that are an absolute path of two components or more; 0 for none.
fn path_length(text: &str, before: Option<char>) -> usize {
    let bytes = text.as_bytes();
    let letter = |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || b"_.-~".contains(b));
    let slash = |at: usize| bytes.get(at).is_some_and(|b| *b == b'/' || *b == b'\\');
    let unix = bytes.first() == Some(&b'/') && letter(1);
    let home = text.starts_with("~/") && letter(2);
    let drive = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':') && slash(2);
    let share = text.starts_with("\\\\") && letter(2);
    if !(unix || home || drive || share) {
        return 0;
    }
    let ends = |c: char| match before {
        Some(quote @ ('\'' | '"' | '`')) => c == quote || c == '\n',
        _ => c.is_whitespace() || "'\"`()[]{}<>,;|:".contains(c),
    };
    let skip = if drive { 2 } else { 0 };
    let length = text.get(skip..).and_then(|t| t.find(ends)).map_or(text.len(), |at| at + skip);
    let path = text.get(..length).unwrap_or_default();
    let parts = path.split(['/', '\\']).filter(|part| !part.is_empty()).count();
    if parts < 2 { 0 } else { length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_absolute_paths_and_leaves_other_text() {
        let cases = [
            ("no such file: '/srv/my comfy/input/a b.png'", "no such file: '…/a b.png'"),
            ("[Errno 2] /srv/comfyui/x.py: gone", "[Errno 2] …/x.py: gone"),
            (r"cannot open C:\Users\someone\x.png, sorry", r"cannot open …/x.png, sorry"),
            ("at ~/models/x.safetensors", "at …/x.safetensors"),
            (
                "see https://example.org/a/b and 3/4, and/or a / b",
                "see https://example.org/a/b and 3/4, and/or a / b",
            ),
            ("sub/dir/x.png is relative", "sub/dir/x.png is relative"),
            ("route /history is one word", "route /history is one word"),
            ("path=/a/b/c", "path=…/c"),
            (r"share \\server\folder\x", "share …/x"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_paths(text), expected);
        }
    }

    #[test]
    fn keeps_the_last_frames_of_a_traceback_without_paths_and_source_lines() {
        let lines = [
            "  File \"/srv/comfyui/execution.py\", line 527, in execute\n    output = await get_output_data()\n",
            "  File \"/srv/comfyui/custom_nodes/rig_danger/__init__.py\", line 117, in run\n",
            "  File \"C:\\comfy ui\\nodes.py\", line 9, in save\n",
        ];
        assert_eq!(
            traceback(lines.into_iter()),
            [
                "execution.py:527 in execute",
                "custom_nodes/rig_danger/__init__.py:117 in run",
                "nodes.py:9 in save"
            ]
        );
        let many = "  File \"/a/b.py\", line 1, in f\n".repeat(30);
        assert_eq!(traceback(std::iter::once(many.as_str())).len(), MAX_FRAMES);
    }

    #[test]
    fn cuts_long_messages_between_characters() {
        let text = message(&"ü".repeat(MAX_MESSAGE + 10));
        assert_eq!(text.chars().count(), MAX_MESSAGE + 1);
    }
}
