//! The tool catalogue: one file per domain, one flat list.

mod allowance;
pub mod assets;
mod authoring;
pub mod call;
pub mod change;
mod clear_queue;
pub(crate) mod compact;
pub mod completion;
mod consent;
mod defaults;
pub mod params;
pub mod progress;
pub mod prompts;
mod reading;
pub mod reply;
mod schema;
pub mod tool;

mod cancel;
mod diagnose;
mod download;
mod download_notes;
mod downloads;
mod drawing;
mod envelope;
mod examine;
mod findings;
mod fitting;
mod follow;
mod generate;
mod guides;
mod history;
mod hubs;
mod images;
mod img2img;
mod input_picture;
mod job_owners;
mod job_progress;
mod job_words;
mod jobs;
mod library;
mod media;
mod models;
mod named_files;
mod node_entry;
mod nodes;
mod ownership;
mod pack_changes;
mod packs;
mod picture_models;
mod preview;
mod queue;
pub mod resources;
mod restart;
mod selection;
mod settings;
mod shown;
mod submit;
mod system;
mod tool_settings;
pub mod workflow_files;
mod workflows;

pub use call::Call;
pub use change::{Change, Changes};
pub(crate) use consent::Consent;
pub(crate) use defaults::{Defaults, attribute_default};
pub(crate) use fitting::MAX_RESULT_BYTES;
pub(crate) use job_owners::JobOwners;
pub(crate) use ownership::{must_read, seen_by};
pub use reply::{Answer, Block, Handled, Reply, Stop};
pub use selection::{ToolFilter, select};
pub use tool::{Hints, Tool};
pub use tool_settings::ToolSettings;

#[cfg(test)]
mod tests;

/// Every built-in tool.
pub fn all() -> Vec<Tool> {
    [
        defaults::tools(),
        generate::tools(),
        img2img::tools(),
        workflows::tools(),
        authoring::tools(),
        examine::tools(),
        images::tools(),
        assets::tools(),
        library::tools(),
        models::tools(),
        hubs::tools(),
        nodes::tools(),
        guides::tools(),
        settings::tools(),
        downloads::tools(),
        packs::tools(),
        pack_changes::tools(),
        queue::tools(),
        jobs::tools(),
        job_progress::tools(),
        history::tools(),
        cancel::tools(),
        clear_queue::tools(),
        diagnose::tools(),
        system::tools(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
