//! ComfyUI's own settings. Which of them may be seen or changed is decided by whoever asks.

use super::{Client, Error, Result, endpoint::Endpoint};
use crate::error::JsonObject;

impl Client {
    /// All settings by id.
    pub async fn settings(&self) -> Result<JsonObject> {
        self.inner.transport.get_json(&Endpoint::Settings).await
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
