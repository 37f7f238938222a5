//! Submitting: one submit is one job, also when the answer is lost.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Client, Error, PromptId, Result, SubmitOptions, Submitted,
    backoff::Backoff,
    endpoint::Endpoint,
    http::Answer,
    rejection::{Problem, Rejection, read_problems, trimmed},
    tolerant::or_default,
};
use comfywarden_error::JsonObject;
use comfywarden_policy::VettedWorkflow;

/// Key of the submitter's mark in `extra_data`; ComfyUI gives it back in queue and history.
pub(super) const MARK: &str = "comfywarden_mark";
/// Limit for classes that are asked for their accepted values after a refusal.
const MAX_ASKED: usize = 3;

#[derive(Deserialize)]
struct Accepted {
    prompt_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    number: f64,
    #[serde(default)]
    node_errors: Value,
}

/// Result of one attempt to submit.
enum Attempt {
    Done(Submitted),
    /// No usable answer: ComfyUI may or may not have taken the prompt.
    Unanswered(Error),
}

/// Builds the body around the vetted bytes, which are not read again.
fn body(workflow: &[u8], id: &PromptId, client_id: &str, extra_data: &JsonObject) -> Bytes {
    let rest =
        json!({"prompt_id": id.as_str(), "client_id": client_id, "extra_data": extra_data}).to_string();
    let rest = rest.strip_prefix('{').unwrap_or_default();
    Bytes::from([br#"{"prompt":"#.as_slice(), workflow, b",", rest.as_bytes()].concat())
}

impl Client {
    /// Queues a workflow under the caller's id or a fresh one, with the socket open beforehand.
    ///
    /// The request is sent again only after ComfyUI was asked and knew nothing of the id, and once at most. It takes
    /// nothing that was not inspected:
    ///
    /// ```compile_fail,E0308
    /// async fn smuggle(comfy: &comfywarden::comfy::Client, workflow: comfywarden_workflow::Workflow) {
    ///     comfy.queue_prompt(&workflow, &comfywarden::comfy::SubmitOptions::default()).await.ok();
    /// }
    /// ```
    pub async fn queue_prompt(&self, vetted: &VettedWorkflow, options: &SubmitOptions) -> Result<Submitted> {
        let id = options.prompt_id.clone().unwrap_or_else(PromptId::generate);
        let name = self.inner.feed.ready().await;
        self.inner.tracker.submitted(&id, name.clone(), vetted.workflow());
        let mut extra_data = options.extra_data.clone();
        if let Some(mark) = &options.mark {
            extra_data.insert(MARK.to_owned(), mark.as_str().into());
        }
        let body = body(vetted.bytes(), &id, name.as_str(), &extra_data);
        let outcome = self.submit(&id, &body).await;
        match &outcome {
            Ok(submitted) if submitted.prompt_id != id => {
                self.inner.tracker.forget(&id);
                self.inner.tracker.submitted(&submitted.prompt_id, name, vetted.workflow());
            }
            // A prompt of unknown fate stays on the tracker: it may run.
            Ok(_) | Err(Error::Unconfirmed { .. }) => {}
            Err(_) => self.inner.tracker.forget(&id),
        }
        outcome
    }

    async fn submit(&self, id: &PromptId, body: &Bytes) -> Result<Submitted> {
        let reason = match self.attempt(body).await? {
            Attempt::Done(submitted) => return Ok(submitted),
            Attempt::Unanswered(reason) => reason,
        };
        tracing::warn!(prompt.id = %id, "the submit was not answered ({reason}); looking for the prompt");
        if let Some(found) = self.find_submitted(id, &reason).await? {
            return Ok(found);
        }
        match self.attempt(body).await? {
            Attempt::Done(submitted) => Ok(submitted),
            Attempt::Unanswered(reason) => match self.find_submitted(id, &reason).await? {
                Some(found) => Ok(found),
                None => Err(reason),
            },
        }
    }

    async fn attempt(&self, body: &Bytes) -> Result<Attempt> {
        let endpoint = Endpoint::Submit;
        let answer = match self.inner.transport.post(&endpoint, body.clone()).await {
            Ok(answer) => answer,
            // Without a connection nothing was sent.
            Err(
                error @ (Error::Unreachable { sent: false, .. } | Error::Config(_) | Error::InvalidInput(_)),
            ) => return Err(error),
            Err(error) => return Ok(Attempt::Unanswered(error)),
        };
        match answer.status {
            200..=299 => {}
            400 => return Err(self.rejection(&answer).await),
            // A proxy in between answers so, whatever became of the request behind it.
            502..=504 => return Ok(Attempt::Unanswered(answer.refusal(&endpoint))),
            _ => return Err(answer.refusal(&endpoint)),
        }
        let Ok(accepted) = answer.json::<Accepted>(&endpoint) else {
            let reason = "it is not the JSON of an accepted prompt".to_owned();
            return Ok(Attempt::Unanswered(Error::Malformed { what: endpoint.name(), reason }));
        };
        let Some(prompt_id) = accepted.prompt_id.as_deref().and_then(|id| PromptId::parse(id).ok()) else {
            let reason = "it holds no prompt_id".to_owned();
            return Ok(Attempt::Unanswered(Error::Malformed { what: endpoint.name(), reason }));
        };
        let problems = accepted.node_errors.as_object().map(read_problems).unwrap_or_default();
        let node_errors = trimmed(&problems);
        Ok(Attempt::Done(Submitted { prompt_id, number: accepted.number, node_errors, recovered: false }))
    }

    /// Looks for a prompt of unknown fate. `None` means that ComfyUI has been asked for a while and never had it.
    async fn find_submitted(&self, id: &PromptId, reason: &Error) -> Result<Option<Submitted>> {
        let timing = &self.inner.config.timing;
        let deadline = Instant::now() + timing.find_submit;
        let mut backoff = Backoff::new(timing.first_retry, timing.longest_retry);
        loop {
            let looked = self.find_once(id).await;
            if let Ok(Some(number)) = looked {
                let (prompt_id, node_errors) = (id.clone(), JsonObject::new());
                return Ok(Some(Submitted { prompt_id, number, node_errors, recovered: true }));
            }
            if Instant::now() >= deadline {
                let unknown = |reason: String| Error::Unconfirmed { prompt_id: id.clone(), reason };
                return match looked {
                    Ok(_) => Ok(None),
                    Err(error) => Err(unknown(format!("{reason}; then {error}"))),
                };
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
    }

    async fn find_once(&self, id: &PromptId) -> Result<Option<f64>> {
        let queue = self.queue().await?;
        let found = queue.running.iter().chain(&queue.pending).find(|item| item.prompt_id == id.as_str());
        if let Some(item) = found {
            return Ok(Some(item.number));
        }
        Ok(self.history(id).await?.map(|entry| entry.number.unwrap_or_default()))
    }

    async fn rejection(&self, answer: &Answer) -> Error {
        let Ok(object) = answer.json::<JsonObject>(&Endpoint::Submit) else {
            return answer.refusal(&Endpoint::Submit);
        };
        let mut rejection = Rejection::read(&object);
        self.add_choices(&mut rejection.problems).await;
        Error::Rejected(Box::new(rejection))
    }

    /// ComfyUI leaves long lists of accepted values out; the node's own description has them.
    async fn add_choices(&self, problems: &mut [Problem]) {
        let lacking = problems.iter_mut().filter(|p| p.kind == "value_not_in_list" && p.choices.is_none());
        for problem in lacking.take(MAX_ASKED) {
            let Some(input) = &problem.input else { continue };
            // The refusal is told with or without the list.
            let Ok(Some(class)) = self.object_info_class(&problem.class_type).await else { continue };
            let choices = class.input(input).and_then(|input| input.choices.clone());
            problem.choices = choices.map(|values| {
                values.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect()
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vetted_bytes_stand_in_the_body_as_they_are() {
        let (id, extra) = (PromptId::generate(), JsonObject::from_iter([(MARK.to_owned(), "m".into())]));
        let graph = br#"{"1": {"class_type":"A","inputs":{"x":1e3}}}"#;
        let body = body(graph, &id, "c", &extra);
        assert_eq!(body.get(10..10 + graph.len()), Some(graph.as_slice()));
        let read: Value = serde_json::from_slice(&body).unwrap();
        let expected = json!({
            "prompt": {"1": {"class_type": "A", "inputs": {"x": 1000.0}}},
            "prompt_id": id.as_str(), "client_id": "c", "extra_data": {"comfywarden_mark": "m"},
        });
        assert_eq!(read, expected);
    }
}
