//! The routes of ComfyUI that this program uses. There is no way to name another one.

use super::{
    Error, FileType, JobQuery, PromptId, Result, SortBy, SortOrder, comfyui_words, manager::ManagerRoute,
};
use comfywarden_policy::path::{ModelFolder, ModelName, OutputName, PathSegment, Subfolder};

/// One allowed request. Values become percent-encoded segments or query values here and nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Endpoint<'a> {
    Submit,
    QueueLength,
    Queue,
    ChangeQueue,
    Interrupt,
    History(&'a PromptId),
    HistoryList { max_items: u32, offset: Option<u32> },
    Job(&'a PromptId),
    Jobs(&'a JobQuery),
    CancelJob(&'a PromptId),
    CancelJobs,
    ObjectInfo,
    ObjectInfoClass(&'a str),
    ModelFolders,
    Models(&'a ModelFolder),
    ModelMetadata { folder: &'a ModelFolder, name: &'a ModelName },
    Embeddings,
    ModelFiles(&'a ModelFolder),
    ModelPreview { folder: &'a ModelFolder, path_index: u32, name: &'a ModelName },
    Extensions,
    WorkflowTemplates,
    Subgraphs,
    Subgraph(&'a PathSegment),
    Settings,
    ChangeSettings,
    Features,
    SystemStats,
    UploadImage,
    UploadMask,
    View { filename: &'a OutputName, subfolder: &'a Subfolder, kind: FileType, preview: Option<&'a str> },
    NodeReplacements,
    Manager { route: ManagerRoute<'a>, v2: bool },
    ModelManagerFolders,
    ModelManagerCreate,
    ModelManagerTasks,
    ModelManagerDelete(&'a str),
    Socket { client_id: &'a str },
}

/// Path and query of one request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Segments below the base URL, encoded, each with its slash.
    pub(crate) path: String,
    /// The query without its question mark, encoded.
    pub(crate) query: String,
}

impl Endpoint<'_> {
    /// Names the request in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Submit => "POST /prompt",
            Self::QueueLength => "GET /prompt",
            Self::Queue => "GET /queue",
            Self::ChangeQueue => "POST /queue",
            Self::Interrupt => "POST /interrupt",
            Self::History(_) => "GET /history/{id}",
            Self::HistoryList { .. } => "GET /history",
            Self::Job(_) => "GET /api/jobs/{id}",
            Self::Jobs(_) => "GET /api/jobs",
            Self::CancelJob(_) => "POST /api/jobs/{id}/cancel",
            Self::CancelJobs => "POST /api/jobs/cancel",
            Self::ObjectInfo => "GET /object_info",
            Self::ObjectInfoClass(_) => "GET /object_info/{class}",
            Self::ModelFolders => "GET /models",
            Self::Models(_) => "GET /models/{folder}",
            Self::ModelMetadata { .. } => "GET /view_metadata/{folder}",
            Self::Embeddings => "GET /embeddings",
            Self::ModelFiles(_) => "GET /experiment/models/{folder}",
            Self::ModelPreview { .. } => "GET /experiment/models/preview",
            Self::Extensions => "GET /extensions",
            Self::WorkflowTemplates => "GET /workflow_templates",
            Self::Subgraphs => "GET /global_subgraphs",
            Self::Subgraph(_) => "GET /global_subgraphs/{id}",
            Self::Settings => "GET /settings",
            Self::ChangeSettings => "POST /settings",
            Self::Features => "GET /features",
            Self::SystemStats => "GET /system_stats",
            Self::UploadImage => "POST /upload/image",
            Self::UploadMask => "POST /upload/mask",
            Self::View { .. } => "GET /view",
            Self::NodeReplacements => "GET /node_replacements",
            Self::Manager { route, .. } => route.name(),
            Self::ModelManagerFolders => "GET /model-manager/models",
            Self::ModelManagerCreate => "POST /model-manager/model",
            Self::ModelManagerTasks => "GET /model-manager/download/task",
            Self::ModelManagerDelete(_) => "DELETE /model-manager/download/{id}",
            Self::Socket { .. } => "GET /ws",
        }
    }

    /// Limits the bytes of its answer.
    pub(crate) fn answer_limit(&self) -> usize {
        const MIB: usize = 1 << 20;
        match self {
            Self::Queue
            | Self::History(_)
            | Self::HistoryList { .. }
            | Self::Job(_)
            | Self::Jobs(_)
            | Self::ObjectInfo => 64 * MIB,
            Self::Submit => 16 * MIB,
            Self::Models(_)
            | Self::ModelFiles(_)
            | Self::Subgraphs
            | Self::Subgraph(_)
            | Self::ObjectInfoClass(_)
            | Self::ModelMetadata { .. }
            | Self::NodeReplacements => 8 * MIB,
            Self::Manager { route, .. } => route.answer_limit(),
            Self::ModelManagerTasks => 8 * MIB,
            _ => MIB,
        }
    }

    /// Builds the path and query below the base URL.
    pub(crate) fn target(&self) -> Result<Target> {
        let path = match self {
            Self::Submit | Self::QueueLength => segments(&["prompt"]),
            Self::Queue | Self::ChangeQueue => segments(&["queue"]),
            Self::Interrupt => segments(&["interrupt"]),
            Self::History(id) => segments(&["history", id.as_str()]),
            Self::HistoryList { .. } => segments(&["history"]),
            Self::Job(id) => segments(&["api", "jobs", id.as_str()]),
            Self::Jobs(_) => segments(&["api", "jobs"]),
            Self::CancelJob(id) => segments(&["api", "jobs", id.as_str(), "cancel"]),
            Self::CancelJobs => segments(&["api", "jobs", "cancel"]),
            Self::ObjectInfo => segments(&["object_info"]),
            Self::ObjectInfoClass(class) => segments(&["object_info", class]),
            Self::ModelFolders => segments(&["models"]),
            Self::Models(folder) => segments(&["models", folder.as_str()]),
            Self::ModelMetadata { folder, .. } => segments(&["view_metadata", folder.as_str()]),
            Self::Embeddings => segments(&["embeddings"]),
            Self::ModelFiles(folder) => segments(&["experiment", "models", folder.as_str()]),
            Self::ModelPreview { folder, path_index, name } => {
                let index = path_index.to_string();
                let mut parts = vec!["experiment", "models", "preview", folder.as_str(), &index];
                parts.extend(name.as_str().split('/'));
                segments(&parts)
            }
            Self::Extensions => segments(&["extensions"]),
            Self::WorkflowTemplates => segments(&["workflow_templates"]),
            Self::Subgraphs => segments(&["global_subgraphs"]),
            Self::Subgraph(id) => segments(&["global_subgraphs", id.as_str()]),
            Self::Settings | Self::ChangeSettings => segments(&["settings"]),
            Self::Features => segments(&["features"]),
            Self::SystemStats => segments(&["system_stats"]),
            Self::UploadImage => segments(&["upload", "image"]),
            Self::UploadMask => segments(&["upload", "mask"]),
            Self::View { .. } => segments(&["view"]),
            Self::NodeReplacements => segments(&["node_replacements"]),
            Self::Manager { route, v2 } => {
                let below: &[&str] = if *v2 { &["v2"] } else { &[] };
                segments(&[below, route.parts()].concat())
            }
            Self::ModelManagerFolders => segments(&["model-manager", "models"]),
            Self::ModelManagerCreate => segments(&["model-manager", "model"]),
            Self::ModelManagerTasks => segments(&["model-manager", "download", "task"]),
            Self::ModelManagerDelete(id) => segments(&["model-manager", "download", id]),
            Self::Socket { .. } => segments(&["ws"]),
        }?;
        Ok(Target { path, query: self.query() })
    }

    fn query(&self) -> String {
        match self {
            Self::HistoryList { max_items, offset } => {
                let (max_items, offset) = (max_items.to_string(), offset.map(|offset| offset.to_string()));
                let mut pairs = vec![("max_items", max_items.as_str())];
                pairs.extend(offset.as_deref().map(|offset| ("offset", offset)));
                query(&pairs)
            }
            Self::Jobs(jobs) => jobs_query(jobs),
            Self::ModelMetadata { name, .. } => query(&[("filename", name.as_str())]),
            Self::View { filename, subfolder, kind, preview } => {
                let mut pairs = vec![
                    ("filename", filename.as_str()),
                    ("subfolder", subfolder.as_str()),
                    ("type", kind.as_str()),
                ];
                pairs.extend(preview.map(|preview| ("preview", preview)));
                query(&pairs)
            }
            Self::Socket { client_id } => query(&[("clientId", client_id)]),
            Self::Manager { route, .. } => query(&route.pairs()),
            _ => String::new(),
        }
    }
}

fn jobs_query(jobs: &JobQuery) -> String {
    let status: Vec<&str> = jobs.status.iter().map(|state| comfyui_words::word(Some(*state))).collect();
    let (status, limit, offset) =
        (status.join(","), jobs.limit.map(|n| n.to_string()), jobs.offset.to_string());
    let mut pairs = Vec::new();
    if !status.is_empty() {
        pairs.push(("status", status.as_str()));
    }
    pairs.extend(jobs.workflow_id.as_deref().map(|id| ("workflow_id", id)));
    pairs.extend(jobs.sort_by.map(|by| match by {
        SortBy::CreatedAt => ("sort_by", "created_at"),
        SortBy::ExecutionDuration => ("sort_by", "execution_duration"),
    }));
    pairs.extend(jobs.sort_order.map(|order| match order {
        SortOrder::Asc => ("sort_order", "asc"),
        SortOrder::Desc => ("sort_order", "desc"),
    }));
    pairs.extend(limit.as_deref().map(|limit| ("limit", limit)));
    if jobs.offset > 0 {
        pairs.push(("offset", offset.as_str()));
    }
    query(&pairs)
}

fn segments(parts: &[&str]) -> Result<String> {
    let mut path = String::new();
    for part in parts {
        // URL parsers read a segment of one or two dots as a step in the tree, also in its encoded form.
        if part.is_empty() || *part == "." || *part == ".." {
            return Err(Error::InvalidInput(format!("`{part}` cannot be part of a ComfyUI address")));
        }
        path.push('/');
        encode(part, &mut path);
    }
    Ok(path)
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn encode(text: &str, into: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_every_segment_and_value() {
        let id = PromptId::parse("a/b?c#d%2e ü").unwrap();
        let target = Endpoint::History(&id).target().unwrap();
        assert_eq!(target.path, "/history/a%2Fb%3Fc%23d%252e%20%C3%BC");
        let target = Endpoint::ObjectInfoClass("Load Text|(x).y+z").target().unwrap();
        assert_eq!(target.path, "/object_info/Load%20Text%7C%28x%29.y%2Bz");
    }

    #[test]
    fn a_preview_keeps_its_folders_and_hides_no_step() {
        let (folder, name) =
            (ModelFolder::parse("loras").unwrap(), ModelName::parse("my sub/x#1 50%.safetensors").unwrap());
        let target = Endpoint::ModelPreview { folder: &folder, path_index: 2, name: &name }.target().unwrap();
        assert_eq!(target.path, "/experiment/models/preview/loras/2/my%20sub/x%231%2050%25.safetensors");
        assert!(ModelName::parse("%2e%2e/secret.png").is_err());
    }

    #[test]
    fn refuses_segments_that_move_in_the_tree() {
        for class in ["", ".", ".."] {
            assert!(Endpoint::ObjectInfoClass(class).target().is_err());
        }
    }

    #[test]
    fn writes_the_filter_of_jobs() {
        let jobs = JobQuery {
            status: vec![crate::comfy::JobState::Queued, crate::comfy::JobState::Running],
            workflow_id: Some("wf&1".into()),
            sort_by: Some(SortBy::ExecutionDuration),
            sort_order: Some(SortOrder::Asc),
            limit: Some(5),
            offset: 10,
        };
        assert_eq!(
            Endpoint::Jobs(&jobs).target().unwrap().query,
            "status=pending%2Cin_progress&workflow_id=wf%261&sort_by=execution_duration&sort_order=asc&limit=5&offset=10"
        );
        assert_eq!(Endpoint::Jobs(&JobQuery::default()).target().unwrap().query, "");
    }
}
