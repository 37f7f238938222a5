//! The application and its seam: [`App::call`] is the only way to a tool, from every front door.

mod catalogue;
mod conversation;
mod questions;
mod queue_poller;
mod reading;
mod results;
mod workflow_files;

use std::{future::pending, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use secrecy::ExposeSecret;
use tokio::sync::broadcast;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    comfy::{self, Client},
    config::Remote,
    config::{self, Config},
    gate::{
        AuditLog, CallId, Caller, Class, Gate, Outcome, SignedState, StateSigner, signed_state::args_digest,
    },
    tools::{
        self, Call, Change, Changes, Defaults, Reply, Tool, ToolFilter, attribute_default, progress::Sink,
        tool::Ended, workflow_files::Library,
    },
    web::Fetcher,
};
pub use catalogue::Catalogue;
use comfywarden_error::{Error, JsonObject, Result};
use comfywarden_policy::{Inspector, untrusted};
use comfywarden_workflow::ObjectInfo;
pub use conversation::{Conversation, ResolvedCall, Turn};
pub use queue_poller::Watch;
pub use reading::{Completion, is_resource};
pub use results::KeptResult;

/// Time limit for calls in flight when the application stops; the whole stop stays below 2 s.
const LAST_MOMENTS: Duration = Duration::from_millis(1200);
/// Time that a quick call still gets after its client has sent everything and hung up.
const A_MOMENT: Duration = Duration::from_millis(500);

/// Facts that a front end knows about one call.
#[derive(Debug)]
pub struct CallContext {
    /// Caller who makes the call.
    pub caller: Caller,
    /// Filter that the front end applies to the catalogue.
    pub view: ToolFilter,
    /// The client can put a yes-or-no question to its user.
    pub can_ask: bool,
    /// The user's answer to the question of an earlier round.
    pub answer: Option<bool>,
    /// The state that came with that question, as it was handed out.
    pub signed_state: Option<String>,
    /// Receiver of progress.
    pub progress: Sink,
    /// Fires when the caller goes away.
    pub cancel: CancellationToken,
}

impl CallContext {
    /// A call without progress, questions or cancellation.
    pub fn plain(caller: Caller) -> Self {
        Self {
            caller,
            view: ToolFilter::default(),
            can_ask: false,
            answer: None,
            signed_state: None,
            progress: Sink::none(),
            cancel: CancellationToken::new(),
        }
    }
}

/// The application: built once from its configuration, shared by every transport.
#[derive(Debug)]
pub struct App {
    config: Arc<Config>,
    settings: Arc<tools::ToolSettings>,
    built_in: Vec<Tool>,
    tools: ArcSwap<Catalogue>,
    changes: Changes,
    library: Arc<Library>,
    settled: workflow_files::Settled,
    defaults: Arc<Defaults>,
    gate: Arc<Gate>,
    inspector: Arc<Inspector>,
    /// Inspector in mode `enforce`, for callers who are held to it.
    strict: Arc<Inspector>,
    signer: StateSigner,
    comfy: Client,
    web: Fetcher,
    job_owners: Arc<tools::JobOwners>,
    contracts: reading::Contracts,
    queue_poller: queue_poller::QueuePoller,
    results: results::Results,
    questions: questions::Questions,
    stopping: CancellationToken,
    calls: TaskTracker,
}

impl App {
    /// Builds the application. Nothing is sent to ComfyUI: that it is down shows when a call needs it.
    pub fn new(config: Config) -> Result<Arc<Self>> {
        let audit = AuditLog::open(&config.logging, &config.security)?;
        Self::with_audit(config, audit)
    }

    /// Builds the application with the given audit log.
    pub fn with_audit(config: Config, audit: AuditLog) -> Result<Arc<Self>> {
        Self::with_tools(config, audit, tools::all())
    }

    /// Builds the application with the given tools.
    pub fn with_tools(config: Config, audit: AuditLog, tools: Vec<Tool>) -> Result<Arc<Self>> {
        Self::with_parts(config, audit, tools, Fetcher::new())
    }

    /// Builds the application with the given way to the Internet.
    pub fn with_parts(config: Config, audit: AuditLog, tools: Vec<Tool>, web: Fetcher) -> Result<Arc<Self>> {
        let comfy = Client::new(client_config(&config))?;
        let defaults = Defaults::new(&config.tools.defaults_file, config.tools.defaults.clone());
        defaults.check_configured(&tools)?;
        let catalogue = Catalogue::new(tools::select(tools.clone(), &config.tools)?)?;
        defaults.learn(catalogue.iter().cloned());
        Ok(Arc::new(Self {
            defaults: Arc::new(defaults),
            gate: Gate::new(&config.security, &config.rate_limits, &config.limits, audit),
            inspector: Arc::new(Inspector::new(&config.security)),
            strict: Arc::new(Inspector::new(&comfywarden_policy::settings::Security {
                mode: comfywarden_policy::settings::Mode::Enforce,
                ..config.security.clone()
            })),
            signer: state_signer(&config.transport.remote),
            job_owners: Arc::default(),
            contracts: reading::Contracts::default(),
            queue_poller: queue_poller::QueuePoller::default(),
            results: results::Results::default(),
            questions: questions::Questions::default(),
            stopping: CancellationToken::new(),
            calls: TaskTracker::new(),
            tools: ArcSwap::from_pointee(catalogue),
            built_in: tools,
            changes: Changes::default(),
            library: Arc::new(Library::new(&config.workflows.dir)),
            settled: workflow_files::Settled::default(),
            comfy,
            web,
            settings: Arc::new(tools::ToolSettings::from(&config)),
            config: Arc::new(config),
        }))
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The tools of this moment.
    pub fn tools(&self) -> Arc<Catalogue> {
        self.tools.load_full()
    }

    /// Combines the filter of a front end with the configured profile.
    pub fn view(&self, door: ToolFilter) -> ToolFilter {
        door.and(self.config.tools.profile.into())
    }

    /// The tools of this moment that a front door with this view shows.
    pub fn tools_in(&self, view: ToolFilter) -> Result<Arc<Catalogue>> {
        self.tools.load_full().view(view)
    }

    /// News of this application from now on: lists and resources that changed.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.listen()
    }

    /// Tells clients that a list or a resource is not what it was.
    pub fn announce(&self, change: Change) {
        self.changes.announce(change);
    }

    /// Offers these tools besides the built-in ones, instead of those that were offered so before. Clients hear of
    /// it if they could see a difference.
    pub fn offer(&self, mut tools: Vec<Tool>) -> Result<()> {
        tools.extend(self.built_in.iter().cloned());
        let catalogue = Catalogue::new(tools::select(tools, &self.config.tools)?)?;
        self.defaults.learn(catalogue.iter().cloned());
        let before = self.tools.swap(Arc::new(catalogue));
        if !before.looks_like(&self.tools.load()) {
            self.changes.announce(Change::Tools);
        }
        Ok(())
    }

    /// ComfyUI's node catalogue, for commands that look at files.
    pub async fn object_info(&self) -> Result<Arc<ObjectInfo>> {
        Ok(self.comfy.object_info().await?)
    }

    /// True when ComfyUI answers now.
    pub async fn comfyui_answers(&self) -> bool {
        self.comfy.system_stats().await.is_ok()
    }

    /// Fires when the application stops.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.child_token()
    }

    /// Lets calls in flight come to their end for a moment, then stops.
    pub async fn finish(&self) {
        // An answer would come too late for what it allows.
        self.questions.close();
        self.calls.close();
        tokio::time::timeout(A_MOMENT, self.calls.wait()).await.ok();
        self.stop().await;
    }

    /// Stops: calls in flight are cancelled on ComfyUI as if their callers had left, and the audit log is written
    /// to its end.
    pub async fn stop(&self) {
        self.questions.close();
        self.stopping.cancel();
        self.calls.close();
        if tokio::time::timeout(LAST_MOMENTS, self.calls.wait()).await.is_err() {
            tracing::warn!(
                calls = self.calls.len(),
                "calls did not end in time; their jobs may still run on ComfyUI"
            );
        }
        tokio::time::timeout(LAST_MOMENTS, self.questions.end()).await.ok();
        self.gate.audit().flush().await;
    }

    /// Class of a tool in this view; `None` for a tool that does not exist.
    pub fn class_of(&self, view: ToolFilter, name: &str) -> Option<Class> {
        self.tools_in(view).ok()?.get(name).map(|tool| tool.class())
    }

    /// Refuses a call of a tool whose class this caller may not use, and never runs it. `None` when the caller may, or the
    /// tool does not exist.
    pub async fn refuse_class(&self, caller: &Caller, mut call: ResolvedCall) -> Option<(Class, Error)> {
        let catalogue = self.tools_in(call.view).ok()?;
        let contract = catalogue.get(&call.name).filter(|tool| !caller.may(tool.class()))?.contract();
        self.defaults.apply(caller, contract, &mut call.args);
        let admitted = self.gate.admit(caller, CallId::new(), false, contract, &mut call.args).await;
        Some((contract.class(), untrusted::defuse_error(admitted.err()?)))
    }

    /// Runs one tool: lookup, gate, tool, audit. `signed_state` and `answer` continue a call that ended in a
    /// question; such a call keeps its id and takes no second token.
    pub async fn call(&self, context: CallContext, name: &str, args: JsonObject) -> Result<Reply> {
        let call = ResolvedCall::new(context.view, name, args);
        self.call_resolved(context, call).await
    }

    async fn call_resolved(&self, context: CallContext, call: ResolvedCall) -> Result<Reply> {
        self.admit_and_run(context, call).await.map_err(untrusted::defuse_error)
    }

    async fn admit_and_run(&self, context: CallContext, call: ResolvedCall) -> Result<Reply> {
        let ResolvedCall { view, name, mut args, indirect } = call;
        let name = name.as_str();
        let catalogue = self.tools_in(view)?;
        let Some(tool) = catalogue.get(name) else {
            let known: Vec<&str> = catalogue.iter().map(|tool| tool.name()).collect();
            let refusal = self.gate.refuse_unknown(&context.caller, CallId::new(), name, &args, &known).await;
            return Err(if indirect { refusal } else { refusal.detail("unknown_tool", true) });
        };
        let about = match self.continued(&context, name, &args) {
            Ok(about) => about,
            Err(refusal) => {
                // A call like any other in the log and for its limits, whatever it claimed to continue.
                let (caller, contract) = (&context.caller, tool.contract());
                let permit = self.gate.admit(caller, CallId::new(), false, contract, &mut args).await?;
                permit.finish(&Outcome::Failed { kind: refusal.kind(), prompt_id: None }).await?;
                return Err(refusal);
            }
        };
        // A question is bound to what was asked for, before defaults. Nobody else needs it, and it costs a pass.
        let asked_digest = context.can_ask.then(|| args_digest(&args));
        // Before the gate, so that it checks and records what really is asked for.
        let filled = self.defaults.apply(&context.caller, tool.contract(), &mut args);
        let call_id = about.as_ref().map_or_else(CallId::new, |about| about.call_id);
        let permit =
            self.gate.admit(&context.caller, call_id, about.is_some(), tool.contract(), &mut args).await?;
        let cancel = self.stopping.child_token();
        let trail = permit.trail();
        let call = Call {
            caller: context.caller.clone(),
            comfy: self.comfy.clone(),
            web: self.web.clone(),
            settings: Arc::clone(&self.settings),
            progress: context.progress,
            cancel: cancel.clone(),
            trail: trail.clone(),
            changes: self.changes.clone(),
            library: Arc::clone(&self.library),
            defaults: Arc::clone(&self.defaults),
            gate: Arc::clone(&self.gate),
            inspector: Arc::clone(if context.caller.is_enforced() { &self.strict } else { &self.inspector }),
            job_owners: Arc::clone(&self.job_owners),
            consent: tools::Consent { can_ask: context.can_ask, answer: context.answer, about },
        };
        let _in_flight = self.calls.token();
        let caller_leaves = async {
            context.cancel.cancelled().await;
            cancel.cancel();
            pending().await
        };
        let ended = tokio::select! {
            ended = tool.run(permit, call, args) => ended.map_err(|error| attribute_default(error, &filled))?,
            ended = caller_leaves => ended,
        };
        match ended {
            Ended::Done { structured, blocks, .. } => Ok(Reply::Done { structured, blocks }),
            Ended::Ask(question) => {
                Ok(self.ask(question, &context.caller, trail, name, asked_digest.unwrap_or_default()))
            }
        }
    }

    /// The question that a call answers. Each is answered once, and only by the call it was put to; one that comes
    /// back without an answer is put anew, and that call is a new one in every respect.
    fn continued(&self, context: &CallContext, name: &str, args: &JsonObject) -> Result<Option<SignedState>> {
        let Some(signed) = &context.signed_state else { return Ok(None) };
        let about = self.signer.verify(signed, &context.caller, name, args)?;
        self.signer.redeem(&about)?;
        self.questions.answered(about.nonce);
        Ok(Some(about).filter(|_| context.answer.is_some()))
    }
}

fn state_signer(remote: &Remote) -> StateSigner {
    if remote.is_replica() {
        StateSigner::shared(remote.replica_key.expose_secret())
    } else {
        StateSigner::new()
    }
}

/// The client's settings, from the operator's.
pub fn client_config(config: &Config) -> comfy::ClientConfig {
    let comfyui = &config.comfyui;
    let auth = match comfyui.auth.clone() {
        config::Auth::None => comfy::Auth::None,
        config::Auth::Bearer(token) => comfy::Auth::Bearer(token),
        config::Auth::Basic { user, password } => comfy::Auth::Basic { user, password },
        config::Auth::Header { name, value } => comfy::Auth::Header { name, value },
        config::Auth::Query { name, value } => comfy::Auth::Query { name, value },
    };
    comfy::ClientConfig {
        external_url: comfyui.external_url.clone(),
        tls_verify: comfyui.tls_verify,
        connect_timeout: comfyui.connect_timeout(),
        read_timeout: comfyui.read_timeout(),
        job_timeout: comfyui.max_job_duration(),
        auth,
        ..comfy::ClientConfig::at(comfyui.url.clone())
    }
}
