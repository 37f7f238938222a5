//! Values that flow between nodes.

use std::sync::Arc;

use image::{GrayImage, RgbImage};
use indexmap::IndexMap;
use serde_json::Value;

use super::trace::Trace;
use crate::{queue::Item, server::Server};

/// A value on a link.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// A batch of pictures.
    Images(Arc<Vec<RgbImage>>),
    /// A batch of masks; 255 is “masked”.
    Masks(Arc<Vec<GrayImage>>),
    /// A text, a number, a truth value.
    Literal(Value),
    /// Anything that would come out of a model: what is known of how it came about.
    Trace(Arc<Trace>),
    /// A block: no node may run with it; the message is still to be reported.
    Blocked(Option<String>),
}

impl Default for Data {
    fn default() -> Self {
        Self::Literal(Value::Null)
    }
}

impl Data {
    /// Writes the value as ComfyUI shows it in an error.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Images(images) => {
                let size = images.first().map(RgbImage::dimensions).unwrap_or_default();
                format!("tensor([[[[0., 0., 0.], ...]]]) ({} of {}x{})", images.len(), size.0, size.1)
            }
            Self::Masks(masks) => format!("tensor([[[0., ...]]]) ({})", masks.len()),
            Self::Literal(value) => crate::python::str(value),
            Self::Trace(_) => "<simulated object at 0x7f0000000000>".to_owned(),
            Self::Blocked(_) => "<ExecutionBlocker>".to_owned(),
        }
    }
}

/// A value of an input.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// A value from the prompt.
    Literal(Value),
    /// A value from another node.
    Linked(Data),
}

/// The inputs of one node, in the order of the prompt.
pub(crate) type Inputs = IndexMap<String, Input>;

/// One node that is about to run.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(super) server: Arc<Server>,
    pub(super) item: Arc<Item>,
    pub(super) class: String,
    pub(super) inputs: Inputs,
}

impl Call {
    pub(crate) fn new(server: Arc<Server>, item: Arc<Item>, class: &str, inputs: Inputs) -> Self {
        Self { server, item, class: class.to_owned(), inputs }
    }
}

/// The results of a node.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// One value per output.
    pub(crate) data: Vec<Data>,
    /// Outputs that the editor shows and the history keeps.
    pub(crate) ui: Option<Value>,
    /// A line for event 3.
    pub(crate) progress_text: Option<String>,
    /// Pictures that go straight to the socket.
    pub(crate) websocket_pictures: Vec<Vec<u8>>,
    /// The node ended the worker.
    pub(crate) exits: bool,
}

impl Work {
    /// Results that are values only.
    pub(super) fn of(data: impl IntoIterator<Item = Data>) -> Self {
        Self { data: data.into_iter().collect(), ..Self::default() }
    }

    /// One batch of pictures.
    pub(super) fn images(images: Vec<RgbImage>) -> Self {
        Self::of([Data::Images(Arc::new(images))])
    }

    /// One batch of masks.
    pub(super) fn masks(masks: Vec<GrayImage>) -> Self {
        Self::of([Data::Masks(Arc::new(masks))])
    }

    /// Adds what the editor shows.
    pub(super) fn shows(mut self, ui: Value) -> Self {
        self.ui = Some(ui);
        self
    }
}

/// An exception of a node.
#[derive(Debug, Clone)]
pub(crate) struct Raised {
    pub(crate) exception_type: String,
    pub(crate) message: String,
    /// File, line and function of the innermost frames.
    pub(crate) frames: Vec<(&'static str, u32, &'static str)>,
}

impl Raised {
    /// An exception out of the node itself.
    pub(super) fn new(exception_type: &str, message: impl Into<String>) -> Self {
        Self {
            exception_type: exception_type.to_owned(),
            message: message.into(),
            frames: vec![("nodes.py", 1, "run")],
        }
    }

    pub(super) fn with_frames(mut self, frames: &[(&'static str, u32, &'static str)]) -> Self {
        self.frames = frames.to_vec();
        self
    }
}
