//! How much of an answer the client of a call can take.

use super::clamp::HARD_LIMIT;

/// How much of an answer the client of a call can take. What is more goes behind a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// The most bytes of a result's JSON.
    pub text: usize,
    /// The most bytes of the whole answer: the JSON, its text twin, and pictures in base64.
    pub whole: usize,
    /// Pictures in an answer reach the model.
    pub pictures: bool,
}

impl Default for Fit {
    fn default() -> Self {
        Self { text: HARD_LIMIT, whole: 1 << 20, pictures: true }
    }
}
