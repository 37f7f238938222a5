//! Runs long calls as tasks, for clients that support tasks; all others get a job id to ask about.
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
    model::{CallToolResponse, CallToolResult, CreateTaskResult, DetailedTask},
    service::RequestContext,
    task_manager::{TaskContext, TaskExit, TaskFuture, TaskManager, TaskOptions},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Mcp, calling, clients, elicitation, protocol_error};
use crate::{
    app::{Conversation, ResolvedCall, Turn},
    front::encode::{self, ResultLimits},
    gate::Class,
    tools::progress::{Sink, Update},
};

/// Limit for tasks that are kept.
const MAX_TASKS: usize = 256;
/// Time limit of a task, the same as of a wait.
const MAX_TASK_SECONDS: u64 = 3_600;
/// Interval at which a client should ask.
const POLL_MS: u64 = 2_000;

/// Tasks of this server, with their owners.
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

    /// Starts a task that belongs to this caller.
    fn start(&self, owner: String, work: impl FnOnce(TaskContext) -> TaskFuture) -> CallToolResponse {
        let options = TaskOptions::new().with_ttl_ms(MAX_TASK_SECONDS * 1_000).with_poll_interval_ms(POLL_MS);
        let task = self.manager.spawn(options, work);
        self.with(|owners| owners.insert(task.task_id.clone(), owner));
        CreateTaskResult::new(task).into()
    }
}

impl Mcp {
    /// True when this call is a long one, the client knows tasks, and there is room for another.
    pub(super) fn becomes_task(
        &self,
        conversation: &mut Conversation,
        context: &RequestContext<RoleServer>,
    ) -> bool {
        let knows_tasks =
            self.has_tasks() && context.client_capabilities().is_some_and(|client| client.supports_tasks());
        knows_tasks
            && !conversation.is_resumed()
            && conversation.is_valid_call(Class::Generation, waits)
            && self.tasks.make_room()
    }

    /// Starts a task that belongs to this caller; `None` when there is no room for another.
    pub fn start_task(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl FnOnce(TaskContext) -> TaskFuture,
    ) -> Result<Option<CallToolResponse>, ErrorData> {
        let owner = self.caller(context)?.name().to_owned();
        Ok(self.tasks.make_room().then(|| self.tasks.start(owner, work)))
    }

    /// Runs a call as a task, from now on.
    pub(super) fn begin_task(
        &self,
        mut conversation: Conversation,
        context: &RequestContext<RoleServer>,
    ) -> CallToolResponse {
        // Nobody waits on the line, so the wait is the task's life unless the caller said otherwise.
        conversation.set_default("wait_seconds", MAX_TASK_SECONDS);
        if elicitation::can_ask(context) {
            conversation = conversation.asking();
        }
        let (owner, limits) = (conversation.caller().name().to_owned(), clients::limits_of(context));
        self.tasks.start(owner, move |task| Box::pin(work(task, conversation, limits)))
    }

    /// Returns the state of a task.
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

    /// Fails for a task of another caller, in the words for one that does not exist.
    async fn own(
        &self,
        id: &str,
        method: &'static str,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let caller = self.caller(context)?;
        self.app.touch_task(&caller, method, id).await.map_err(|error| protocol_error(&error))?;
        let theirs = self.tasks.with(|owners| owners.get(id).is_some_and(|owner| owner == caller.name()));
        if theirs { Ok(()) } else { Err(ErrorData::invalid_params("there is no task of that id", None)) }
    }
}

/// True for a call that waits for pictures, which takes minutes; everything else is answered at once.
fn waits(call: &ResolvedCall) -> bool {
    call.args().get("wait") == Some(&Value::Bool(true)) || call.name() == "comfyui_run_workflow_stream"
}

/// Runs a call to its end. Progress and questions go through the task.
async fn work(
    task: TaskContext,
    mut conversation: Conversation,
    limits: ResultLimits,
) -> Result<CallToolResult, TaskExit> {
    for round in 0.. {
        let (out, reports) = mpsc::channel(16);
        let told = tokio::spawn(tell(reports, task.clone()));
        let cancel = CancellationToken::new();
        let turn = {
            let advancing = conversation.advance(Sink::to(out), cancel.clone());
            tokio::pin!(advancing);
            tokio::select! {
                turn = &mut advancing => turn,
                () = task.cancelled() => {
                    cancel.cancel();
                    advancing.await.ok();
                    return Err(TaskExit::Cancelled);
                }
            }
        };
        told.await.ok();
        match turn {
            Ok(Turn::Done { structured, blocks }) => {
                return Ok(encode::done(&conversation, limits, structured, blocks));
            }
            Ok(Turn::Asked { question }) => {
                // A key may be used once in the life of a task.
                let (key, request) = elicitation::request(&question)?;
                let answer = async {
                    let response = task.request_input(format!("{key}_{round}"), request).await.ok()?;
                    Some(elicitation::is_yes(&response))
                };
                if !conversation.await_answer(task.cancelled(), answer).await {
                    return Err(TaskExit::Cancelled);
                }
            }
            Err(error) => return Ok(calling::failed(&error)?),
        }
    }
    Err(TaskExit::Cancelled)
}

async fn tell(mut reports: mpsc::Receiver<Update>, task: TaskContext) {
    while let Some(update) = reports.recv().await {
        task.set_status_message(format!("{:.0} %: {}", update.percent, update.message));
    }
}
