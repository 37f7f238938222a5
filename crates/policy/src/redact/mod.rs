//! Takes secrets out of records and messages: the key stays, the value goes.
//!
//! Found by the name of a key (whole words, so `max_tokens` stays), by the shape of a value, and inside URLs,
//! headers, command lines, and JSON or form text in strings.

mod clues;
mod disguise;
mod keys;
mod secret_patterns;
#[cfg(test)]
mod tests;
mod text;
mod urls;
mod value;

pub use keys::{is_secret_key, is_vendor, words};
pub(crate) use secret_patterns::has_credential;
pub(crate) use text::named_values;
pub use text::redact_text;
pub(crate) use urls::percent_decoded;
pub use value::redact;

/// The text in a secret's place.
pub const REDACTED: &str = "[redacted]";
/// The most levels of text inside text (JSON in a string, a URL in a URL) that are opened.
const MAX_NESTING: usize = 3;
