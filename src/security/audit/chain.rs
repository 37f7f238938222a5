//! The hash chain: each line carries its number, the hash of the line before it, and its own.

use sha2::{Digest as _, Sha256};

/// What a chain starts from.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of a chain: how many records there are and the hash of the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) count: u64,
    pub(super) head: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self { count: 0, head: GENESIS.to_owned() }
    }
}

impl Chain {
    /// Closes an open line and moves the chain on by one.
    pub(super) fn close(&mut self, open_line: &str) -> String {
        let seq = self.count + 1;
        let mut line = format!("{open_line},\"seq\":{seq},\"prev\":\"{}\"", self.head);
        let hash = hex(&Sha256::digest(line.as_bytes()));
        line.push_str(",\"hash\":\"");
        line.push_str(&hash);
        line.push_str("\"}\n");
        self.count = seq;
        self.head = hash;
        line
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
