//! Editor scripts, workflow templates and subgraphs of the server.

use indexmap::IndexMap;
use serde::Deserialize;

use super::{Client, Result, endpoint::Endpoint};
use comfywarden_policy::path::PathSegment;

/// A reusable subgraph.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Subgraph {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Kind of source: `custom_node` or `templates`.
    #[serde(default)]
    pub source: String,
    /// The pack it belongs to.
    #[serde(default)]
    pub info: SubgraphInfo,
    /// Its graph as JSON text, where it was asked for.
    #[serde(default)]
    pub data: Option<String>,
}

/// Origin of a subgraph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SubgraphInfo {
    /// The node pack.
    pub node_pack: String,
}

impl Client {
    /// The paths of the editor's scripts, those of node packs included.
    pub async fn extensions(&self) -> Result<Vec<String>> {
        self.inner.transport.get_json(&Endpoint::Extensions).await
    }

    /// The workflow templates that node packs bring, by pack.
    pub async fn workflow_templates(&self) -> Result<IndexMap<String, Vec<String>>> {
        self.inner.transport.get_json(&Endpoint::WorkflowTemplates).await
    }

    /// The reusable subgraphs by id, without their graphs.
    pub async fn subgraphs(&self) -> Result<IndexMap<String, Subgraph>> {
        self.inner.transport.get_json(&Endpoint::Subgraphs).await
    }

    /// One subgraph with its graph. `None` when there is none of this id: 0.12.2 answers `null` then, others 404.
    pub async fn subgraph(&self, id: &PathSegment) -> Result<Option<Subgraph>> {
        let endpoint = Endpoint::Subgraph(id);
        let answer = self.inner.transport.get(&endpoint).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer.ok(&endpoint)?.json(&endpoint)
    }
}
