//! Assets: the files that jobs left behind, named by ids that need no database.

mod catalogue;
mod embedded;
mod id;
mod list;
mod metadata;
mod origin;
mod regenerate;

pub(super) use catalogue::tools;
pub use id::AssetId;
