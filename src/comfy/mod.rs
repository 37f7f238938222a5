//! The ComfyUI client: knows addresses, shapes and patience; knows nothing of tools, MCP or callers.
//!
//! | module | owns |
//! |---|---|
//! | `client` | [`Client`], [`ClientConfig`] |
//! | `endpoint`, `http`, `tls`, `auth`, `backoff`, `tolerant` | which requests there are, sending them, reading answers |
//! | `prompt`, `cancel`, `queue`, `history`, `produced`, `outputs` | submit, stop, list, results |
//! | `feed`, `socket`, `frames`, `prompt_tracker`, `progress`, `subscription` | the WebSocket, and what it tells about each prompt |
//! | `job_state`, `lookup`, `watch`, `event` | the states of a job, and following a prompt to its one ending |
//! | `images`, `parts`, `models`, `nodes`, `library`, `settings`, `system` | everything else the server is asked |
//! | `manager`, `model_manager`, `downloads` | node packs, model downloads, restarts: what the two extensions offer |
//! | `error`, `rejection`, `trim` | what the caller hears when it goes wrong, without paths |
//!
//! Two rules hold throughout. Events of the socket are hints; only ComfyUI's answers about history and jobs
//! decide how a prompt ended. And a submit is never repeated before ComfyUI was asked for its id.

mod auth;
mod backoff;
mod cancel;
mod client;
mod downloads;
mod endpoint;
mod error;
mod event;
mod feed;
mod frames;
mod history;
mod http;
mod ids;
mod images;
mod job_state;
mod library;
mod listing;
mod lookup;
mod manager;
mod model_manager;
mod models;
mod nodes;
mod outputs;
mod parts;
mod produced;
mod progress;
mod prompt;
mod prompt_tracker;
mod queue;
mod rejection;
mod settings;
mod socket;
mod subscription;
mod system;
mod tls;
mod tolerant;
mod trim;
mod types;
mod watch;

pub use auth::Auth;
pub use cancel::{CancelOutcome, CancelState};
pub use client::{Client, ClientConfig, Limits, Timing};
pub use downloads::{Downloader, Hash, NotedDownload};
pub use error::{Error, Result};
pub use event::{Blocked, Ending, Event, EventKind, NodeFailure, Preview, Progress, Source};
pub use feed::FeedStats;
pub use frames::read_frame;
pub use ids::{ClientId, PromptId};
pub use images::{PreviewFormat, UploadRequest, Uploaded, ViewOptions, Viewed};
pub(crate) use images::{missing as missing_file, missing_name};
pub use job_state::{JobState, comfyui_words};
pub use library::{Subgraph, SubgraphInfo};
pub use manager::{
    Dialect, InstalledPack, Manager, ManagerTask, Pack, PackIndex, QueueCounts, QueuedTask, Restarted,
    TaskEnd,
};
pub use model_manager::{DownloadTask, NewDownload};
pub use models::ModelFile;
pub use outputs::{media_kind, media_type};
pub use parts::FilePart;
pub use produced::{Newest, Produced, Record};
pub use rejection::{Problem, Rejection};
pub use system::{Device, SystemStats};
pub use types::{
    FileType, HistoryEntry, Job, JobPage, JobQuery, OutputFile, OutputKind, OutputRef, QueueItem,
    QueueSnapshot, SortBy, SortOrder, SubmitOptions, Submitted,
};
pub use watch::WatchOptions;
