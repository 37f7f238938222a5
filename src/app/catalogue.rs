//! The tools of one moment. A change makes a new catalogue; calls in flight keep the one they started with.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use crate::tools::{Tool, ToolFilter, compact};
use comfywarden_error::{Error, Result};

/// The tools by name, in a fixed order.
#[derive(Debug, Default)]
pub struct Catalogue {
    order: Vec<Arc<Tool>>,
    by_name: HashMap<String, Arc<Tool>>,
    views: [OnceLock<Arc<Catalogue>>; ToolFilter::COUNT],
}

impl Catalogue {
    /// A catalogue of these tools. A name that comes twice is a fault of ours.
    pub fn new(tools: Vec<Tool>) -> Result<Self> {
        Self::of(tools.into_iter().map(Arc::new))
    }

    fn of(tools: impl Iterator<Item = Arc<Tool>>) -> Result<Self> {
        let mut catalogue = Self::default();
        for tool in tools {
            if catalogue.by_name.insert(tool.name().to_owned(), Arc::clone(&tool)).is_some() {
                return Err(Error::internal(format!("two tools are called `{}`", tool.name())));
            }
            catalogue.order.push(tool);
        }
        catalogue.order.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(catalogue)
    }

    /// Gives the part of the catalogue that `view` leaves. Each view is made once.
    pub fn view(self: &Arc<Self>, view: ToolFilter) -> Result<Arc<Self>> {
        if view == ToolFilter::default() {
            return Ok(Arc::clone(self));
        }
        let Some(place) = self.views.get(view.index()) else {
            return Err(Error::internal("there is no place for this view"));
        };
        if let Some(made) = place.get() {
            return Ok(Arc::clone(made));
        }
        let shown = self.order.iter().filter(|tool| view.shows(tool)).cloned();
        let made = if view.is_compact() {
            Self::new(compact::tools(&shown.collect::<Vec<_>>()))?
        } else {
            Self::of(shown)?
        };
        Ok(Arc::clone(place.get_or_init(|| Arc::new(made))))
    }

    /// The tool with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Tool>> {
        self.by_name.get(name)
    }

    /// All tools, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Tool>> {
        self.order.iter()
    }

    /// True when a client could not tell the two apart by their lists.
    pub fn looks_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&Arc<Tool>, &Arc<Tool>)| Arc::ptr_eq(a, b) || a.has_face_of(b);
        self.order.len() == other.order.len() && self.order.iter().zip(&other.order).all(same)
    }
}
