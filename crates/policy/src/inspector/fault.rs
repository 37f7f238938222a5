//! One thing that is wrong with a value, and the use of a value that decides it.

use super::{classes::Origin, code::CodeMatch, finding::Flag, inputs::Purpose};

/// The use that a node makes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Usage {
    pub(super) purpose: Purpose,
    /// Origin of the class that gets it.
    pub(super) origin: Origin,
    /// The node may run it.
    pub(super) may_run: bool,
    /// It becomes nothing but words for a model or a reader.
    pub(super) only_words: bool,
}

/// One thing that is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) flag: Flag,
    /// The reason, as a fragment of a sentence.
    pub(super) why: String,
    /// The part of the text, safe to show; none where that is a secret.
    pub(super) excerpt: Option<String>,
}

impl Fault {
    pub(super) fn new(flag: Flag, why: impl Into<String>, excerpt: Option<String>) -> Self {
        Self { flag, why: why.into(), excerpt }
    }

    pub(super) fn code(code: CodeMatch) -> Self {
        let why = if code.decoded {
            "it reads as code once it is decoded or put together"
        } else {
            "it reads as code"
        };
        Self::new(Flag::CodeInInput, why, Some(code.excerpt))
    }
}

/// The faults of a value.
pub(super) type Found = Vec<Fault>;
