//! Hash chain: each line carries its number, the hash of the line before it, and its own.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Hash that a chain starts from.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Text between a line and its own hash.
const HASH_KEY: &str = ",\"hash\":\"";

/// End of a chain: the number of records and the hash of the last one.
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
        let hash = hex::encode(Sha256::digest(line.as_bytes()));
        line.push_str(HASH_KEY);
        line.push_str(&hash);
        line.push_str("\"}\n");
        self.count = seq;
        self.head = hash;
        line
    }
}

/// Chain fields of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChainedLine {
    pub(super) seq: u64,
    pub(super) prev: String,
    pub(super) hash: String,
    /// True when the stated hash is the hash of the text.
    pub(super) intact: bool,
}

/// Parses a line; `None` when it is not a record of this log.
pub(super) fn read(line: &str) -> Option<(ChainedLine, Value)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let (seq, prev, hash) = (value.get("seq")?.as_u64()?, text("prev")?, text("hash")?);
    let (body, end) = line.rsplit_once(HASH_KEY)?;
    let intact = end == format!("{hash}\"}}") && hex::encode(Sha256::digest(body.as_bytes())) == hash;
    Some((ChainedLine { seq, prev, hash, intact }, value))
}
