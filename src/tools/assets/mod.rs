//! Assets: the files that jobs left behind, named by ids that need no database.

mod id;

pub use id::AssetId;
