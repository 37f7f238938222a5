//! ComfyUI's own settings. Which of them may be seen or changed is decided by whoever asks.

use super::{Client, Error, Result, endpoint::Endpoint};
use comfywarden_error::JsonObject;

impl Client {
    /// All settings by id.
    pub async fn settings(&self) -> Result<JsonObject> {
        let endpoint = Endpoint::Settings;
        let settings: JsonObject = self.inner.transport.get_json(&endpoint).await?;
        // An id is `Group.Name`; an object without any is another program's answer.
        if !settings.is_empty() && !settings.keys().any(|id| id.contains('.')) {
            let reason = "it holds no id of a setting".to_owned();
            return Err(Error::Malformed { what: endpoint.name(), reason });
        }
        Ok(settings)
    }

    /// Sets these ids and leaves the others alone.
    pub async fn change_settings(&self, changes: &JsonObject) -> Result<()> {
        let endpoint = Endpoint::ChangeSettings;
        let body = serde_json::to_vec(changes).map_err(|error| {
            Error::InvalidInput(format!("the settings cannot be written as JSON: {error}"))
        })?;
        self.inner.transport.post(&endpoint, body.into()).await?.ok(&endpoint).map(drop)
    }
}
