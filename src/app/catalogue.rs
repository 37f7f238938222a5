//! The tools of one moment. A change makes a new catalogue; calls in flight keep the one they started with.

use std::{collections::HashMap, sync::Arc};

use crate::{
    error::{Error, Result},
    tools::Tool,
};

/// The tools by name, in a fixed order.
#[derive(Debug, Default)]
pub struct Catalogue {
    order: Vec<Arc<Tool>>,
    by_name: HashMap<String, Arc<Tool>>,
}

impl Catalogue {
    /// A catalogue of these tools. A name that comes twice is a fault of ours.
    pub fn new(tools: Vec<Tool>) -> Result<Self> {
        let mut catalogue = Self::default();
        for tool in tools {
            let tool = Arc::new(tool);
            if catalogue.by_name.insert(tool.name().to_owned(), Arc::clone(&tool)).is_some() {
                return Err(Error::internal(format!("two tools are called `{}`", tool.name())));
            }
            catalogue.order.push(tool);
        }
        catalogue.order.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(catalogue)
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
