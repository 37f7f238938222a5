//! Reserved words, and the names that can be written without quotes.

/// Python's keywords and the words that have a meaning of their own here.
const RESERVED: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "node",
    "true", "false", "null", "_",
];

/// The keyword arguments that are no inputs.
pub(super) const OWN_ARGUMENTS: &[&str] = &["_id", "_title", "_meta"];

/// True for a name that can be written as it is: as a class, an input or a variable.
pub(super) fn is_plain_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&name)
}

/// True for an input that can be written as a keyword argument.
pub(super) fn is_plain_input(name: &str) -> bool {
    is_plain_name(name) && !OWN_ARGUMENTS.contains(&name)
}

/// Makes a variable name from the name of an input.
pub(super) fn variable_from(input: &str) -> String {
    let last = input.rsplit('.').find(|part| !part.is_empty()).unwrap_or_default();
    let name: String = last
        .chars()
        .take(40)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let name = name.trim_matches('_');
    if is_plain_name(name) { name.to_owned() } else { "value".to_owned() }
}
