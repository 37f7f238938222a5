//! Assets: the files that jobs left behind, named by ids that need no database.

mod catalogue;
mod embedded;
mod id;
mod list;
mod made;
mod manifest;
mod metadata;
mod origin;
mod place;
mod publish;
mod regenerate;
mod render;

pub(super) use catalogue::tools;
pub use id::AssetId;
pub(super) use made::Made;
