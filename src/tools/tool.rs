//! A tool: one self-describing value. It runs only with a permit for its own name.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Call,
    reply::{Answer, Block, Exact, Handled, Question, Stop},
    schema,
};
use crate::gate::{Class, Contract, Outcome, Permit};
use comfywarden_error::{Error, JsonObject, Kind, Result};
use comfywarden_policy::{redact, untrusted};

/// Hints for clients about a tool. Each is sent, true or false, never left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// True when it changes nothing.
    pub read_only: bool,
    /// True when it may take something away.
    pub destructive: bool,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: bool,
    /// True when it talks to something outside this process.
    pub open_world: bool,
}

/// End of a handler, before it is audited.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Result.
    Done { structured: Value, blocks: Vec<Block>, prompt_id: Option<String>, exact: Exact },
    /// Question to the user.
    Ask(Question),
}

type Handler = Arc<dyn Fn(Call, JsonObject) -> BoxFuture<'static, Result<Ended, Stop>> + Send + Sync>;

/// One entry of the catalogue.
#[derive(Clone)]
pub struct Tool {
    contract: Contract,
    title: String,
    description: String,
    hints: Hints,
    output_schema: Arc<JsonObject>,
    always_load: bool,
    everyday: bool,
    handler: Handler,
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tool")
            .field("name", &self.name())
            .field("class", &self.class())
            .finish_non_exhaustive()
    }
}

impl Tool {
    /// A tool. Its class picks the rate bucket and the permission, so there is no default for it.
    pub fn new<P, O, F, R>(
        name: impl Into<Arc<str>>,
        class: Class,
        title: &str,
        description: &str,
        handler: F,
    ) -> Self
    where
        P: DeserializeOwned + JsonSchema,
        O: Serialize + JsonSchema,
        F: Fn(Call, P) -> R + Send + Sync + 'static,
        R: Future<Output = Handled<O>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self {
            contract: Contract::new(name, class, schema::input_schema::<P>()),
            title: title.to_owned(),
            description: description.to_owned(),
            hints: Hints::default(),
            output_schema: schema::output_schema::<O>(),
            always_load: false,
            everyday: false,
            handler: Arc::new(move |call, args| {
                let handler = Arc::clone(&handler);
                Box::pin(async move {
                    let params = read_params(args)?;
                    let answer = handler(call, params).await?;
                    let structured = serde_json::to_value(&answer.output)
                        .map_err(|e| Error::internal("the result cannot be written as JSON").source(e))?;
                    let Answer { blocks, prompt_id, exact, .. } = answer;
                    Ok(Ended::Done { structured, blocks, prompt_id, exact })
                })
            }),
        }
    }

    /// Takes these arguments instead of those of its parameter type: for tools whose parameters are data.
    #[must_use]
    pub(crate) fn taking(mut self, input_schema: JsonObject) -> Self {
        self.contract = Contract::new(Arc::clone(self.contract.name()), self.contract.class(), input_schema);
        self
    }

    /// Sets the hints.
    #[must_use]
    pub fn hints(mut self, hints: Hints) -> Self {
        self.hints = hints;
        self
    }

    /// Asks clients that load tools on demand to load this one at once.
    #[must_use]
    pub fn always_load(mut self) -> Self {
        self.always_load = true;
        self
    }

    /// Puts it into the profile of everyday work.
    #[must_use]
    pub fn everyday(mut self) -> Self {
        self.everyday = true;
        self
    }

    /// True when it belongs to the profile of everyday work.
    pub fn is_everyday(&self) -> bool {
        self.everyday
    }

    /// The name clients call.
    pub fn name(&self) -> &str {
        self.contract.name()
    }

    /// The class that picks permission and rate bucket.
    pub fn class(&self) -> Class {
        self.contract.class()
    }

    /// Name, class and argument schema: what the gate checks.
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// A short name for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Description: what it does and when to use it. Static text: nothing from upstream ever enters it.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Hints for clients.
    pub fn hint_set(&self) -> Hints {
        self.hints
    }

    /// True when clients should load it at once.
    pub fn is_always_loaded(&self) -> bool {
        self.always_load
    }

    /// The schema every result conforms to.
    pub fn output_schema(&self) -> &Arc<JsonObject> {
        &self.output_schema
    }

    /// True when clients would read the same about both.
    pub(crate) fn has_face_of(&self, other: &Self) -> bool {
        let words = |tool: &Self| (tool.class(), tool.hints, tool.always_load);
        self.name() == other.name()
            && words(self) == words(other)
            && self.title == other.title
            && self.description == other.description
            && self.contract.schema() == other.contract.schema()
            && self.output_schema == other.output_schema
    }

    /// Runs the tool. The permit stays here, so its outcome is written whatever the handler does; a handler
    /// that panics fails this call and no other.
    pub(crate) async fn run(&self, permit: Permit, call: Call, args: JsonObject) -> Result<Ended> {
        permit.check_tool(self.name())?;
        let cancel = call.cancel.clone();
        let running = AssertUnwindSafe((self.handler)(call, args)).catch_unwind();
        let ended = tokio::select! {
            ended = running => ended.unwrap_or_else(|_| {
                tracing::error!(tool.name = self.name(), "a tool panicked");
                Err(Stop::Failed(Error::internal("the tool failed unexpectedly; the log says where")))
            }),
            // The handler gets time to stop its job on ComfyUI; then the call ends whatever it does.
            () = async { cancel.cancelled().await; tokio::time::sleep(GRACE).await } => Err(Stop::Cancelled),
        };
        match ended {
            Ok(Ended::Done { mut structured, blocks, prompt_id, exact }) => {
                made_safe(&mut structured, exact);
                permit.finish(&Outcome::Completed { prompt_id: prompt_id.clone() }).await?;
                let blocks = blocks.into_iter().map(named_safely).collect();
                Ok(Ended::Done { structured, blocks, prompt_id, exact })
            }
            Ok(Ended::Ask(mut question)) | Err(Stop::Ask(mut question)) => {
                question.text = untrusted::defuse(&question.text).into_owned();
                permit.finish(&Outcome::Asked).await?;
                Ok(Ended::Ask(question))
            }
            Err(Stop::Failed(error)) => {
                let prompt_id = error.details().get("prompt_id").and_then(Value::as_str).map(str::to_owned);
                permit.finish(&Outcome::Failed { kind: error.kind(), prompt_id }).await?;
                Err(error)
            }
            // The permit is dropped unfinished, which writes `cancelled`.
            Err(Stop::Cancelled) => Err(Error::new(Kind::Conflict, "the call was cancelled")),
        }
    }
}

/// A result without secrets and with its characters shown, save what is to come back to the letter.
fn made_safe(structured: &mut Value, exact: Exact) {
    let fields = match exact {
        Exact::Everything => return,
        Exact::Fields(fields) => fields,
        Exact::Nothing => &[],
    };
    let mut kept = Vec::new();
    for &field in fields {
        if let Some(value) = structured.get_mut(field) {
            kept.push((field, value.take()));
        }
    }
    redact::redact(structured);
    for (field, value) in kept {
        if let Some(slot) = structured.get_mut(field) {
            *slot = value;
        }
    }
    untrusted::defuse_value(structured);
}

/// A link shows a name that somebody else chose.
fn named_safely(block: Block) -> Block {
    match block {
        Block::Link { uri, name, mime_type, size } => {
            Block::Link { uri, name: untrusted::defuse(&name).into_owned(), mime_type, size }
        }
        picture @ Block::Image { .. } => picture,
    }
}

/// Time that a cancelled call may take to stop its work on ComfyUI.
const GRACE: std::time::Duration = std::time::Duration::from_secs(10);

fn read_params<P: DeserializeOwned>(args: JsonObject) -> Result<P> {
    serde_path_to_error::deserialize(Value::Object(args)).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        if path == "." {
            Error::invalid_input(message)
        } else {
            Error::invalid_input(format!("`{path}`: {message}")).detail("field", path)
        }
    })
}
