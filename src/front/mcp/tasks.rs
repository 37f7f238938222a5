//! Long calls as tasks, for clients that say they know tasks; all others get a job id to ask about.
//!
//! A task is a call like any other: it passed the gate when it began, and its result is the tool's. Asking about it is
//! gated too, and a task belongs to the caller who began it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CreateTaskResult, DetailedTask, JsonObject,
    },
    service::RequestContext,
    task_manager::{TaskContext, TaskExit, TaskFuture, TaskManager, TaskOptions},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Mcp, clients, elicitation, protocol_error};
use crate::{
    app::CallContext,
    front::encode,
    gate::Class,
    tools::{
        Reply,
        progress::{Sink, Update},
    },
};
use comfywarden_error::Kind;

/// How many tasks are kept.
const MAX_TASKS: usize = 256;
/// How long a task may take: as long as a wait may be.
const MAX_TASK_SECONDS: u64 = 3_600;
/// How often a client should ask.
const POLL_MS: u64 = 2_000;

/// The tasks of this server, and whose they are.
#[derive(Clone, Default)]
pub(super) struct Tasks {
    manager: TaskManager,
    owners: Arc<Mutex<HashMap<String, String>>>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl Tasks {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, String>) -> T) -> T {
        act(&mut self.owners.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets tasks that are gone. False when there is no room for another.
    fn make_room(&self) -> bool {
        self.with(|owners| {
            owners.retain(|id, _| self.manager.get_task(id).is_ok());
            owners.len() < MAX_TASKS
        })
    }
}

impl Mcp {
    /// Begins a task for this call, if it is a long one and the client knows tasks.
    pub(super) fn begin_task(
        &self,
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<Option<CallToolResponse>, ErrorData> {
        let knows_tasks =
            self.has_tasks() && context.client_capabilities().is_some_and(|client| client.supports_tasks());
        let mut args = request.arguments.clone().unwrap_or_default();
        if !knows_tasks || request.request_state.is_some() || !self.is_long(request, &args, context) {
            return Ok(None);
        }
        let caller = self.caller(context)?;
        // Nobody waits on the line, so the wait is the task's life unless the caller said otherwise.
        args.entry("wait_seconds").or_insert(MAX_TASK_SECONDS.into());
        let (this, name) = (self.clone(), request.name.to_string());
        let can_ask = elicitation::can_ask(context);
        let (view, fit) = (self.view(context), clients::fit_of(context));
        self.start_task(context, move |task| {
            Box::pin(async move {
                let base = CallContext { view, can_ask, fit, ..CallContext::plain(caller) };
                this.work(task, base, &name, args).await
            })
        })
    }

    /// Starts a task that belongs to this caller; `None` when there is no room for another.
    pub fn start_task(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl FnOnce(TaskContext) -> TaskFuture,
    ) -> Result<Option<CallToolResponse>, ErrorData> {
        let owner = self.caller(context)?.id().to_owned();
        if !self.tasks.make_room() {
            return Ok(None);
        }
        let options = TaskOptions::new().with_ttl_ms(MAX_TASK_SECONDS * 1_000).with_poll_interval_ms(POLL_MS);
        let task = self.tasks.manager.spawn(options, work);
        self.tasks.with(|owners| owners.insert(task.task_id.clone(), owner));
        Ok(Some(CreateTaskResult::new(task).into()))
    }

    /// Waiting for pictures takes minutes; everything else is answered at once.
    fn is_long(
        &self,
        request: &CallToolRequestParams,
        args: &JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> bool {
        let waits =
            args.get("wait") == Some(&Value::Bool(true)) || request.name == "comfyui_run_workflow_stream";
        let catalogue = self.app.tools_in(self.view(context));
        let known = catalogue.is_ok_and(|tools| {
            tools
                .get(&request.name)
                .is_some_and(|tool| tool.class() == Class::Generation && tool.contract().check(args).is_ok())
        });
        waits && known
    }

    async fn work(
        &self,
        task: TaskContext,
        base: CallContext,
        name: &str,
        args: JsonObject,
    ) -> Result<CallToolResult, TaskExit> {
        let CallContext { caller, view, can_ask, fit, .. } = base;
        let (mut answer, mut signed_state) = (None, None);
        for round in 0.. {
            let (out, reports) = mpsc::channel(16);
            let told = tokio::spawn(tell(reports, task.clone()));
            let cancel = CancellationToken::new();
            let call = CallContext {
                view,
                can_ask,
                fit,
                answer,
                signed_state: signed_state.take(),
                progress: Sink::to(out),
                cancel: cancel.clone(),
                ..CallContext::plain(caller.clone())
            };
            let calling = self.app.call(call, name, args.clone());
            tokio::pin!(calling);
            let reply = tokio::select! {
                reply = &mut calling => reply,
                () = task.cancelled() => {
                    cancel.cancel();
                    calling.await.ok();
                    return Err(TaskExit::Cancelled);
                }
            };
            told.await.ok();
            match reply {
                Ok(Reply::Done { structured, blocks }) => return Ok(encode::done(structured, blocks)),
                Ok(Reply::Ask { question, signed_state: state }) => {
                    // A key may be used once in the life of a task.
                    let (key, request) = elicitation::request(&question)?;
                    let asking = async { task.request_input(format!("{key}_{round}"), request).await.ok() };
                    let said = self.app.await_answer(&state, task.cancelled(), asking).await;
                    let Some(response) = said else { return Err(TaskExit::Cancelled) };
                    answer = Some(elicitation::is_yes(&response));
                    signed_state = Some(state);
                }
                Err(error) if error.kind() == Kind::Internal => return Err(protocol_error(&error).into()),
                Err(error) => return Ok(encode::failed(&error)),
            }
        }
        Err(TaskExit::Cancelled)
    }

    /// What is known of a task.
    pub(super) async fn task(
        &self,
        id: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<DetailedTask, ErrorData> {
        self.own(id, "tasks/get", context).await?;
        self.tasks.manager.get_task(id)
    }

    /// Hands the user's answers to a task.
    pub(super) async fn answer_task(
        &self,
        id: &str,
        answers: impl IntoIterator<Item = (String, Value)>,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.own(id, "tasks/update", context).await?;
        self.tasks.manager.update_task(id, answers)
    }

    /// Asks a task to stop; its job is taken off ComfyUI.
    pub(super) async fn stop_task(
        &self,
        id: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.own(id, "tasks/cancel", context).await?;
        self.tasks.manager.cancel_task(id)
    }

    /// Fails for a task that this caller did not begin, in the words for one that does not exist.
    async fn own(
        &self,
        id: &str,
        method: &'static str,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = self.caller(context)?;
        self.app.touch_task(&caller, method, id).await.map_err(|error| protocol_error(&error))?;
        let theirs = self.tasks.with(|owners| owners.get(id).is_some_and(|owner| owner == caller.id()));
        if theirs { Ok(()) } else { Err(ErrorData::invalid_params("there is no task of that id", None)) }
    }
}

async fn tell(mut reports: mpsc::Receiver<Update>, task: TaskContext) {
    while let Some(update) = reports.recv().await {
        task.set_status_message(format!("{:.0} %: {}", update.percent, update.message));
    }
}
