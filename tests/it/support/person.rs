//! An MCP client with a person behind it: counts progress, and answers questions the way it is told to.

use std::sync::{Arc, Mutex};

use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationCapability, FormElicitationCapability, Implementation, ProgressNotificationParam,
        ResourceUpdatedNotificationParam, UrlElicitationCapability,
    },
    service::{NotificationContext, RequestContext},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Answers of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Accepts with true.
    Yes,
    /// Accepts with false.
    No,
    /// Declines.
    Decline,
    /// Closes the dialog.
    Cancel,
    /// Went away and left the dialog open.
    Never,
    /// Cannot be reached: the client answers with an error.
    Fails,
}

/// The client; clones share what they saw.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    answer: Option<Answer>,
    tasks: bool,
    name: &'static str,
    forms: bool,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    questions: Mutex<Vec<String>>,
    forms: Mutex<Vec<Value>>,
    progress: Mutex<Vec<(f64, String)>>,
    changes: Mutex<Vec<String>>,
    news: Notify,
}

impl Person {
    /// A client that can be asked.
    pub(crate) fn who(answer: Answer) -> Self {
        Self { answer: Some(answer), tasks: false, forms: true, name: "a person", seen: Arc::default() }
    }

    /// A client that cannot be asked.
    pub(crate) fn silent() -> Self {
        Self { answer: None, tasks: false, forms: true, name: "a person", seen: Arc::default() }
    }

    /// Makes the client one that knows tasks.
    pub(crate) fn with_tasks(self) -> Self {
        Self { tasks: true, ..self }
    }

    /// Gives the client this name.
    pub(crate) fn with(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// A client that opens addresses for its user and shows no forms.
    pub(crate) fn without_forms(self) -> Self {
        Self { forms: false, ..self }
    }

    /// The questions so far.
    pub(crate) fn questions(&self) -> Vec<String> {
        self.seen.questions.lock().map(|seen| seen.clone()).unwrap_or_default()
    }

    /// The schemas of the forms so far.
    pub(crate) fn forms(&self) -> Vec<Value> {
        self.seen.forms.lock().map(|seen| seen.clone()).unwrap_or_default()
    }

    /// The progress so far: percent and message.
    pub(crate) fn progress(&self) -> Vec<(f64, String)> {
        self.seen.progress.lock().map(|seen| seen.clone()).unwrap_or_default()
    }

    /// Waits until the client was told of `change`: a URI, or `tools`, `prompts`, `resources`.
    pub(crate) async fn hears(&self, change: &str) {
        loop {
            let news = self.seen.news.notified();
            if self.seen.changes.lock().is_ok_and(|seen| seen.iter().any(|known| known == change)) {
                return;
            }
            news.await;
        }
    }

    /// Waits until the client was asked something.
    pub(crate) async fn asked(&self) {
        loop {
            let news = self.seen.news.notified();
            tokio::pin!(news);
            // Registered before the look, so that no question in between is missed.
            news.as_mut().enable();
            if !self.questions().is_empty() {
                return;
            }
            news.await;
        }
    }

    fn heard(&self, change: &str) {
        if let Ok(mut seen) = self.seen.changes.lock() {
            seen.push(change.to_owned());
        }
        self.seen.news.notify_waiters();
    }

    /// Waits until the first progress report is there.
    pub(crate) async fn first_progress(&self) {
        loop {
            let news = self.seen.news.notified();
            if !self.progress().is_empty() {
                return;
            }
            news.await;
        }
    }
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        if self.tasks {
            capabilities = ClientCapabilities::builder().enable_tasks().build();
        }
        let elicitation = ElicitationCapability::new();
        let elicitation = if self.forms {
            elicitation.with_form(FormElicitationCapability::default())
        } else {
            elicitation.with_url(UrlElicitationCapability::default())
        };
        capabilities.elicitation = self.answer.map(|_| elicitation);
        ClientConfig::new(capabilities, Implementation::new(self.name, "1"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        if let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = request
            && let (Ok(mut questions), Ok(mut forms)) = (self.seen.questions.lock(), self.seen.forms.lock())
        {
            forms.push(serde_json::to_value(requested_schema).unwrap_or_default());
            questions.push(message);
        }
        self.seen.news.notify_waiters();
        let accept = ElicitResult::new(ElicitationAction::Accept);
        Ok(match self.answer {
            Some(Answer::Yes) => accept.with_content(json!({ "value": true })),
            Some(Answer::No) => accept.with_content(json!({ "value": false })),
            Some(Answer::Decline) => ElicitResult::new(ElicitationAction::Decline),
            Some(Answer::Never) => std::future::pending().await,
            Some(Answer::Fails) => return Err(ErrorData::internal_error("no screen", None)),
            Some(Answer::Cancel) | None => ElicitResult::new(ElicitationAction::Cancel),
        })
    }

    async fn on_resource_updated(
        &self,
        note: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.heard(&note.uri);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.heard("tools");
    }

    async fn on_prompt_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.heard("prompts");
    }

    async fn on_resource_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.heard("resources");
    }

    async fn on_progress(&self, note: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        if let Ok(mut seen) = self.seen.progress.lock() {
            seen.push((note.progress, note.message.unwrap_or_default()));
        }
        self.seen.news.notify_waiters();
    }
}
