//! Takes off a text what keeps a pattern from seeing a secret in it: escapes, and characters that are not shown.

use comfywarden_pattern::patterns;
use regex::Captures;

use super::urls;
use crate::display;

patterns! {
    static ESCAPE: Pattern = r#"\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<letter>[nrt"']))|&(?:quot|#34|#x22);"#;
}

/// True when escapes can be undone; nothing of a text is shown otherwise.
pub(super) fn can_undo() -> bool {
    ESCAPE.compiles()
}

/// Lists `text` with its percent escapes, its escapes of strings and elements, or its hidden characters undone, each
/// by itself, as far as that changes it.
pub(super) fn undone(text: &str) -> impl Iterator<Item = String> {
    let percent = text.contains('%').then(|| urls::percent_decoded(text));
    let escaped = (text.contains('\\') || text.contains('&')).then(|| unescaped(text));
    let hidden = (!text.is_ascii() && text.chars().any(display::is_hidden))
        .then(|| text.chars().filter(|character| !display::is_hidden(*character)).collect());
    [percent, escaped, hidden].into_iter().flatten().filter(move |plain: &String| plain != text)
}

fn unescaped(text: &str) -> String {
    let Some(escape) = ESCAPE.get() else { return text.to_owned() };
    let plain = escape.replace_all(text, |found: &Captures<'_>| {
        if let Some(code) = found.name("code") {
            let code = u32::from_str_radix(code.as_str(), 16).ok();
            return code.and_then(char::from_u32).map_or_else(String::new, String::from);
        }
        match found.name("letter").map_or("\"", |letter| letter.as_str()) {
            "n" | "r" => "\n".to_owned(),
            "t" => "\t".to_owned(),
            quote => quote.to_owned(),
        }
    });
    plain.into_owned()
}
