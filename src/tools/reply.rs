//! Replies of a tool: an answer, a question, or a reason why not.

use serde_json::Value;

use comfywarden_error::Error;

/// The end of one call.
#[derive(Debug)]
pub enum Reply {
    /// The call is over.
    Done {
        /// The result; conforms to the tool's output schema.
        structured: Value,
        /// Pictures and links that travel beside it.
        blocks: Vec<Block>,
    },
    /// The call waits for the user: answer it and call again with the same arguments and this state.
    Ask {
        /// Text of the question; its answer is a yes or a no.
        question: String,
        /// Opaque, bound to the caller, the tool and its arguments, and expiring.
        signed_state: String,
    },
}

/// Content that is not JSON.
#[derive(Debug, Clone)]
pub enum Block {
    /// A picture, inline.
    Image {
        /// The encoded file.
        bytes: Vec<u8>,
        /// Its type, from its content.
        mime_type: String,
    },
    /// A link to a resource of this server, or to ComfyUI where the operator allows it.
    Link {
        /// Address of the resource.
        uri: String,
        /// The file name.
        name: String,
        /// Its type.
        mime_type: Option<String>,
        /// Bytes, where known.
        size: Option<u64>,
    },
}

/// A typed answer on its way to becoming [`Reply::Done`].
#[derive(Debug)]
pub struct Answer<O> {
    pub(crate) output: O,
    pub(crate) blocks: Vec<Block>,
    pub(crate) prompt_id: Option<String>,
    pub(crate) exact: Exact,
}

/// Parts of a result that come back to the letter, though their words may look like a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Exact {
    /// No part.
    #[default]
    Nothing,
    /// These fields at the top. Credentials in them were withheld by the tool, which also says so.
    Fields(&'static [&'static str]),
    /// Everything, also characters that are not shown: the caller sent it.
    Everything,
}

impl<O> Answer<O> {
    /// Leaves the result as it is: it holds only what the caller sent, and words that look like a secret in a
    /// workflow must come back as they went in, or another workflow comes back.
    #[must_use]
    pub fn verbatim(mut self) -> Self {
        self.exact = Exact::Everything;
        self
    }

    /// Leaves these fields of the result as they are: they hold a workflow, or pieces of one, and a workflow that is
    /// changed in silence makes another picture. Credentials are to be withheld before, and told.
    #[must_use]
    pub(crate) fn exact(mut self, fields: &'static [&'static str]) -> Self {
        self.exact = Exact::Fields(fields);
        self
    }

    /// Adds a picture or a link.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// Names the prompt the call was about, for the audit record.
    #[must_use]
    pub fn prompt(mut self, prompt_id: impl Into<String>) -> Self {
        self.prompt_id = Some(prompt_id.into());
        self
    }
}

impl<O> From<O> for Answer<O> {
    fn from(output: O) -> Self {
        Self { output, blocks: Vec::new(), prompt_id: None, exact: Exact::Nothing }
    }
}

/// Reasons for a handler to stop before its answer.
#[derive(Debug)]
pub enum Stop {
    /// Failure or refusal.
    Failed(Error),
    /// The user must answer first.
    Ask(Question),
    /// The caller went away.
    Cancelled,
}

/// A yes-or-no question and what the answer will be about.
#[derive(Debug)]
pub struct Question {
    /// The text the user sees.
    pub text: String,
    /// The hash of what a yes is about: a workflow, or the subject of [`super::Call::confirm`].
    pub subject_hash: String,
    /// Hashes of what this call asked about before, and the user agreed to.
    pub approved: Vec<String>,
    /// The seed that was drawn for it.
    pub seed: Option<u64>,
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Result of a handler.
pub type Handled<O> = std::result::Result<Answer<O>, Stop>;
