//! Configured tokens and their rights. Of the token itself only the SHA-256 is kept.

use sha2::{Digest as _, Sha256};

use crate::{
    gate::{Caller, Class},
    tools::ToolFilter,
};
use comfywarden_error::{Error, Result};

/// Word that holds a caller to mode `enforce`, among classes and after `comfywarden:` in scopes.
pub(super) const ENFORCE: &str = "enforce";
/// Prefix of a profile, among classes and after `comfywarden:` in scopes. Profiles only take tools away.
pub(super) const PROFILE: &str = "profile:";

/// A configured token.
pub(super) struct Token {
    pub(super) digest: [u8; 32],
    pub(super) classes: Vec<Class>,
    pub(super) enforced: bool,
    pub(super) view: ToolFilter,
}

/// Holds the caller to mode `enforce` if `enforced` is set.
pub(super) fn held(caller: Caller, enforced: bool) -> Caller {
    if enforced { caller.enforced() } else { caller }
}

impl Token {
    /// Parses `sha256:` and 64 hexadecimal digits, then an optional blank and classes joined by `+`; or a plain token.
    pub(super) fn read(text: &str) -> Result<Self> {
        let Some(hashed) = text.strip_prefix("sha256:") else {
            if text.len() < 16 {
                return Err(Error::invalid_input(
                    "a token in transport.remote.tokens has fewer than 16 characters",
                )
                .hint("make one with: openssl rand -hex 32"));
            }
            return Ok(Self {
                digest: digest(text),
                classes: Class::ALL.to_vec(),
                enforced: false,
                view: ToolFilter::default(),
            });
        };
        let (hex, rights) = hashed.split_once(' ').unwrap_or((hashed, ""));
        let bytes: Option<Vec<u8>> = (0..hex.len() / 2)
            .map(|i| hex.get(2 * i..2 * i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect();
        let digest =
            bytes.filter(|_| hex.len() == 64).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
                Error::invalid_input(
                    "a token in transport.remote.tokens starts with sha256: but is no SHA-256",
                )
                .hint("make one with: printf %s TOKEN | sha256sum")
            })?;
        let mut token = Self { digest, classes: Vec::new(), enforced: false, view: ToolFilter::default() };
        for word in rights.trim().split('+').filter(|word| !word.is_empty()) {
            if let Some(view) = word.strip_prefix(PROFILE).and_then(ToolFilter::parse) {
                token.view = token.view.and(view);
                continue;
            }
            match Class::ALL.into_iter().find(|class| class.as_str() == word) {
                Some(class) => token.classes.push(class),
                None if word == ENFORCE => token.enforced = true,
                None => {
                    let message = format!("a token in transport.remote.tokens names the class `{word}`");
                    return Err(Error::invalid_input(message).hint(
                        "classes are read, file, workflow, generation, admin; `enforce` holds to that mode, \
                         `profile:core`, `profile:readonly` or `profile:compact` to that profile",
                    ));
                }
            }
        }
        if token.classes.is_empty() {
            token.classes = Class::ALL.to_vec();
        }
        Ok(token)
    }
}

/// Derives a short id from the digest of a token; it reveals nothing of the token.
pub(super) fn key_id_of(digest: &[u8; 32]) -> String {
    let [a, b, c, d, ..] = digest;
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}

/// Hashes a text with SHA-256.
pub(super) fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
