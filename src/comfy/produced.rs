//! Outputs of finished prompts without their graphs: histories are large, their outputs are not.

use serde::Deserialize;

use super::{
    Client, Error, HistoryEntry, OutputFile, PromptId, Result,
    endpoint::Endpoint,
    history::RawStatus,
    outputs,
    queue::RawItem,
    tolerant::{Object, or_default},
};
use comfywarden_error::JsonObject;

/// The outputs of one finished prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Produced {
    /// The prompt, as ComfyUI wrote it.
    pub prompt_id: String,
    /// Time of its end, else of its submit; milliseconds since 1970.
    pub time: Option<u64>,
    /// Files and texts of the run.
    pub outputs: Vec<OutputFile>,
    /// The mark of its submitter.
    pub mark: Option<String>,
}

/// The prompts that ended last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Newest {
    /// Newest first.
    pub jobs: Vec<Produced>,
    /// True when there may be older ones.
    pub is_cut: bool,
}

/// A finished prompt with its graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// State and outputs.
    pub entry: HistoryEntry,
    /// Graph as it was queued.
    pub graph: Option<serde_json::Value>,
}

impl Client {
    /// The outputs of at most `newest` finished prompts, newest first.
    ///
    /// A history with huge graphs may be more than is read at once; then fewer prompts are looked at.
    pub async fn produced(&self, newest: u32) -> Result<Newest> {
        let mut wanted = newest.max(1);
        loop {
            let endpoint = Endpoint::HistoryList { max_items: wanted, offset: None };
            let read = self
                .inner
                .transport
                .get_json::<indexmap::IndexMap<String, Object<RawProduced>>>(&endpoint)
                .await;
            match read {
                Ok(all) => {
                    let is_cut = all.len() >= wanted as usize;
                    let jobs = all
                        .into_iter()
                        .rev()
                        .map(|(id, raw)| raw.0.unwrap_or_default().produced(id))
                        .collect();
                    return Ok(Newest { jobs, is_cut });
                }
                Err(Error::TooLarge { .. }) if wanted > 1 => wanted /= 2,
                Err(error) => return Err(error),
            }
        }
    }

    /// One finished prompt with its graph. `None` when history does not hold it (any more).
    pub async fn record(&self, id: &PromptId) -> Result<Option<Record>> {
        let Some(raw) = self.raw_history(id).await? else { return Ok(None) };
        let graph = raw.graph().cloned();
        Ok(Some(Record { entry: raw.entry(id.as_str()), graph }))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawProduced {
    prompt: Option<RawItem>,
    #[serde(deserialize_with = "or_default")]
    outputs: JsonObject,
    #[serde(deserialize_with = "or_default")]
    status: Option<RawStatus>,
}

impl RawProduced {
    fn produced(self, prompt_id: String) -> Produced {
        let ended = self.status.as_ref().and_then(RawStatus::end_time);
        let extra = self.prompt.map(|item| item.extra).unwrap_or_default();
        let mark = extra.comfywarden_mark.as_str().map(str::to_owned);
        let time = ended.or_else(|| extra.create_time.as_u64());
        Produced { prompt_id, time, outputs: outputs::read(&self.outputs), mark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_without_its_graph() {
        let text = r#"{"prompt": [3, "x", {"1": {"class_type": "A", "inputs": {}}}, {"create_time": 5}, ["1"]],
            "outputs": {"1": {"images": [{"filename": "a.png", "subfolder": "s", "type": "temp"}]}},
            "status": {"status_str": "success", "completed": true,
                "messages": [["execution_success", {"timestamp": 9}]]}}"#;
        let produced = serde_json::from_str::<RawProduced>(text).unwrap().produced("x".into());
        assert_eq!((produced.time, produced.outputs.len()), (Some(9), 1));
        let bare = serde_json::from_str::<RawProduced>("{}").unwrap().produced("y".into());
        assert_eq!((bare.time, bare.outputs.len()), (None, 0));
    }
}
