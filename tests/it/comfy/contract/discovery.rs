//! Lists of the server beside nodes and models, and its settings.

use comfywarden::comfy::{Client, Error};
use comfywarden_policy::path::{ModelFolder, ModelName, PathSegment};
use serde_json::{Value, json};

use super::check;
use crate::support::comfy::{TestResult, nonce};

pub(super) async fn previews_subgraphs_and_scripts_can_be_read(client: &Client) -> TestResult {
    let folder = ModelFolder::parse("checkpoints")?;
    let (names, files) = (client.models(&folder).await?, client.model_files(&folder).await?);
    let mut listed: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    listed.sort();
    let mut names = names;
    names.sort();
    check(listed == names && files.iter().all(|file| file.size > 0), "other files than names")?;
    let unknown = client.model_files(&ModelFolder::parse("nosuch")?).await;
    check(
        matches!(unknown, Err(Error::NotFound { message: text, .. }) if text.contains("checkpoints")),
        "an unknown folder",
    )?;
    for name in &names {
        let name = ModelName::parse(name)?;
        check(client.model_preview(&folder, 0, &name).await?.is_none(), "a preview of nothing")?;
    }
    let name = ModelName::parse("no such.safetensors")?;
    check(client.model_preview(&ModelFolder::parse("nosuch")?, 0, &name).await?.is_none(), "no folder")?;
    let beyond = client.model_preview(&folder, 99, &name).await;
    check(matches!(beyond, Err(Error::Status { status: 500, .. })), "a place that is not there")?;
    client.workflow_templates().await?;
    let extensions = client.extensions().await?;
    check(extensions.iter().all(|path| path.starts_with("/extensions/")), "odd extensions")?;
    let subgraphs = client.subgraphs().await?;
    for id in subgraphs.keys() {
        let found = client.subgraph(&PathSegment::parse(id)?).await?.ok_or("a listed subgraph is gone")?;
        check(found.data.is_some(), "a subgraph without its graph")?;
    }
    check(client.subgraph(&PathSegment::parse("no such")?).await?.is_none(), "an unknown subgraph")
}

/// Leaves one setting of its own behind, set to null.
pub(super) async fn settings_are_read_and_written_back(client: &Client) -> TestResult {
    let id = "Comfywarden.ContractTest";
    let wanted = json!(nonce());
    let change = |value: Value| serde_json::Map::from_iter([(id.to_owned(), value)]);
    let before = client.settings().await?;
    client.change_settings(&change(wanted.clone())).await?;
    let mut after = client.settings().await?;
    check(after.shift_remove(id) == Some(wanted), "the setting was not kept")?;
    client.change_settings(&change(Value::Null)).await?;
    check(
        before.iter().all(|(key, value)| key == id || after.get(key) == Some(value)),
        "another setting changed",
    )
}
