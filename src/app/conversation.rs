//! One call and the questions about it: asked, answered, resumed. Every front end drives its calls with this.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{App, CallContext};
use crate::{
    gate::{Caller, Class},
    tools::{Block, Reply, ToolFilter, compact, progress::Sink},
};
use comfywarden_error::{JsonObject, Result};

/// A call under the name of the tool that it runs: in the compact profile, the tool behind `comfyui_run_tool`.
#[derive(Debug, Clone)]
pub struct ResolvedCall {
    pub(super) view: ToolFilter,
    pub(super) name: String,
    pub(super) args: JsonObject,
    /// True when the tool was named in the arguments of another one.
    pub(super) indirect: bool,
}

impl ResolvedCall {
    /// Resolves a call in a view of the catalogue. The tool need not exist.
    pub fn new(view: ToolFilter, name: &str, args: JsonObject) -> Self {
        let unwrapped = if view.is_compact() { compact::unwrap(name, args) } else { Err(args) };
        match unwrapped {
            Ok((name, args)) => Self { view: view.direct(), name, args, indirect: true },
            Err(args) => Self { view, name: name.to_owned(), args, indirect: false },
        }
    }

    /// Name of the tool.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Arguments of the tool.
    pub fn args(&self) -> &JsonObject {
        &self.args
    }
}

/// Outcome of one turn of a conversation.
#[derive(Debug)]
pub enum Turn {
    /// The call is over.
    Done {
        /// The result; conforms to the tool's output schema.
        structured: Value,
        /// Pictures and links that travel beside it.
        blocks: Vec<Block>,
    },
    /// The call waits for a yes or a no of the user.
    Asked {
        /// Text of the question.
        question: String,
    },
}

/// Drives one call through its questions: [`Self::advance`] until it is done, [`Self::await_answer`] in between.
#[derive(Debug)]
pub struct Conversation {
    app: Arc<App>,
    caller: Caller,
    call: ResolvedCall,
    can_ask: bool,
    /// True when the arguments are needed again after a question.
    resumes_here: bool,
    answer: Option<bool>,
    signed_state: Option<String>,
}

impl Conversation {
    /// Prepares a call of this caller. Nothing runs yet.
    pub fn new(app: Arc<App>, caller: Caller, view: ToolFilter, tool: &str, args: JsonObject) -> Self {
        let call = ResolvedCall::new(view, tool, args);
        Self { app, caller, call, can_ask: false, resumes_here: false, answer: None, signed_state: None }
    }

    /// Allows questions to the user. Their answers come through [`Self::await_answer`].
    #[must_use]
    pub fn asking(self) -> Self {
        Self { can_ask: true, resumes_here: true, ..self }
    }

    /// Allows questions to the user. The client makes the whole call again with the answer and the signed state of the question.
    #[must_use]
    pub fn asking_elsewhere(self) -> Self {
        Self { can_ask: true, resumes_here: false, ..self }
    }

    /// Resumes a call that asked before, with the state that it handed out and the answer.
    #[must_use]
    pub fn resuming(self, signed_state: Option<String>, answer: Option<bool>) -> Self {
        Self { answer, signed_state, ..self }
    }

    /// Application that runs the call.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Caller who makes the call.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Name of the tool that runs.
    pub fn tool(&self) -> &str {
        &self.call.name
    }

    /// True when the call answers a question of an earlier one.
    pub fn is_resumed(&self) -> bool {
        self.signed_state.is_some()
    }

    /// True when the call is one of a tool of this class that exists, with arguments that it takes, for which `wanted`
    /// holds as well.
    pub fn is_valid_call(&mut self, class: Class, wanted: impl FnOnce(&ResolvedCall) -> bool) -> bool {
        wanted(&self.call)
            && self.app.tools_in(self.call.view).is_ok_and(|tools| {
                tools.get(&self.call.name).is_some_and(|tool| {
                    tool.class() == class && tool.contract().check(&mut self.call.args).is_ok()
                })
            })
    }

    /// Sets an argument unless the caller did.
    pub fn set_default(&mut self, argument: &str, value: impl Into<Value>) {
        self.call.args.entry(argument).or_insert_with(|| value.into());
    }

    /// Runs the call until it ends or asks.
    pub async fn advance(&mut self, progress: Sink, cancel: CancellationToken) -> Result<Turn> {
        let context = CallContext {
            can_ask: self.can_ask,
            answer: self.answer.take(),
            signed_state: self.signed_state.take(),
            progress,
            cancel,
            ..CallContext::plain(self.caller.clone())
        };
        let ResolvedCall { view, name, args, indirect } = &mut self.call;
        let args = if self.resumes_here { args.clone() } else { std::mem::take(args) };
        let call = ResolvedCall { view: *view, name: name.clone(), args, indirect: *indirect };
        match self.app.call_resolved(context, call).await? {
            Reply::Done { structured, blocks } => Ok(Turn::Done { structured, blocks }),
            Reply::Ask { question, signed_state } => {
                self.signed_state = Some(signed_state);
                Ok(Turn::Asked { question })
            }
        }
    }

    /// Waits for the answer to the open question. False when there will be none, since the caller leaves, the
    /// application stops or `answer` gives none: then the call is over, and its log says so.
    pub async fn await_answer(
        &mut self,
        caller_leaves: impl Future<Output = ()>,
        answer: impl Future<Output = Option<bool>>,
    ) -> bool {
        let Some(signed_state) = &self.signed_state else { return false };
        self.answer = self.app.await_answer(signed_state, caller_leaves, answer).await;
        self.answer.is_some()
    }

    /// Hands over the state of the open question, for a client that makes the call again.
    pub fn into_signed_state(self) -> Option<String> {
        self.signed_state
    }
}
