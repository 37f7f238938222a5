//! Workflows as a compact script that looks like Python. Nothing is executed.
//!
//! ```text
//! model, clip, vae = CheckpointLoaderSimple(ckpt_name="sd_xl_base_1.0.safetensors")
//! positive = CLIPTextEncode(text="a fox", clip=clip)
//! negative = CLIPTextEncode(text="blurry", clip=clip, _title="What to avoid")
//! latent_image = EmptyLatentImage(width=1024, height=1024, batch_size=1)
//! samples = KSampler(model=model, positive=positive, negative=negative, latent_image=latent_image, …)
//! images = VAEDecode(samples=samples, vae=vae)
//! SaveImage(images=images, filename_prefix="fox", _id="save")
//! ```
//!
//! - One call per node; its outputs are unpacked by place, `_` leaves one out. After `x = Node(…)`, `x` is
//!   output 0, `x[2]` another one, and `x.VAE` too when the node catalogue is at hand. A call may stand in
//!   place of a value.
//! - Values are Python literals: strings in all four quotings, numbers, `True`, `False`, `None`, lists, dicts.
//!   `# …` is a comment; lines may break inside brackets.
//! - The n-th node has the id `n`, unless `_id="…"` gives another. `_title="…"` is its title; `_meta={…}` is
//!   the whole of `_meta`, where that holds more than a title.
//! - A class whose name is no identifier is written `node("Class Name", …)`; inputs whose name is none, or
//!   begins like the reserved ones, stand in `**{"images.image0": image}`.
//! - A link that no name can carry (to a missing node, in a circle) is written as it is: `["57:12", 0]`.
//!
//! Printing and reading lose nothing: reading what was printed gives the same workflow, and printing that
//! again gives the same text.

mod lexer;
mod parse;
mod print;
mod resolve;
mod words;

pub use parse::parse;
pub use print::print;
pub use resolve::{Parsed, parse_checked};

/// The longest message: a quoted token may be as long as the script.
const MAX_MESSAGE: usize = 240;
/// The hint for a text that is no script.
const ACCEPTED: &str = "a workflow is JSON (API or editor's format), a script of lines `name = ClassName(input=value)`, \
                        or the comfyui:// address of a file";

/// An error in a script, with its position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The description of the error, with the nearest name where there is one.
    pub message: String,
    /// The accepted input.
    pub hint: Option<String>,
}

impl ScriptError {
    fn new(at: lexer::Position, message: impl Into<String>) -> Self {
        Self { line: at.line, column: at.column, message: shortened(message.into()), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(shortened(hint.into()));
        self
    }
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_MESSAGE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<ScriptError> for super::Error {
    fn from(error: ScriptError) -> Self {
        let outer = Self::new(error.to_string());
        // A hint that had to be cut quotes an absurdly long name: the text was no script.
        let own = error.hint.filter(|hint| !hint.ends_with('…'));
        outer.hint(own.unwrap_or_else(|| ACCEPTED.to_owned()))
    }
}

#[cfg(test)]
mod tests;
