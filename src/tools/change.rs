//! News for clients: a list or a resource is not what it was.

use tokio::sync::broadcast;

/// Number of changes that a slow listener may be behind. One that misses more reads everything anew.
const BACKLOG: usize = 64;

/// Change that clients are told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// One resource, by its URI.
    Resource(String),
}

/// Channel on which changes are announced and heard. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Changes(broadcast::Sender<Change>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Changes {
    /// Tells everyone who listens; nobody has to.
    pub fn announce(&self, change: Change) {
        self.0.send(change).ok();
    }

    /// Hears what is announced from now on.
    pub fn listen(&self) -> broadcast::Receiver<Change> {
        self.0.subscribe()
    }
}
