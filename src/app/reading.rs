//! Resources, prompts and completion: other ways in, through the same gate and no further than the tools.

use serde_json::json;

use super::{App, CallContext, Caller, ToolFilter, queue_poller::Watch};
use crate::{
    gate::{CallId, Class, Contract, Outcome, Permit},
    tools::{
        Reply, Tool, completion, must_read,
        prompts::{self, PROMPTS, Prompt},
        resources::{
            self, Resource,
            documents::{self, DOCUMENTS, Document, Wanted},
        },
        seen_by,
    },
};
use comfywarden_error::{Error, JsonObject, Result};
use comfywarden_policy::{redact, untrusted};

/// The contracts of reading resources and completing arguments, which the rate limit counts as reading.
#[derive(Debug)]
pub(super) struct Contracts {
    read: Contract,
    watch: Contract,
    complete: Contract,
    task: [Contract; 3],
}

impl Default for Contracts {
    fn default() -> Self {
        Self {
            read: contract("resources/read", &["uri"]),
            watch: contract("resources/subscribe", &["uri"]),
            complete: contract("completion/complete", &["reference", "argument", "value"]),
            task: ["tasks/get", "tasks/update", "tasks/cancel"].map(|name| contract(name, &["task_id"])),
        }
    }
}

fn contract(name: &str, arguments: &[&str]) -> Contract {
    let text = json!({ "type": "string", "maxLength": 4096 });
    let properties: JsonObject = arguments.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
    let schema = json!({
        "type": "object", "properties": properties, "required": arguments, "additionalProperties": false,
    });
    Contract::new(name, Class::Read, schema.as_object().cloned().unwrap_or_default())
}

/// True for an address that leads to a resource of this server, whoever may read it.
pub fn is_resource(uri: &str) -> bool {
    documents::find(uri).is_ok()
}

/// Values that fit, and how many there are in all.
#[derive(Debug)]
pub struct Completion {
    /// Values, at most as many as the protocol allows.
    pub values: Vec<String>,
    /// Number of all values that fit.
    pub total: usize,
}

impl App {
    /// The documents that a front door with this view shows.
    pub fn documents(&self, view: ToolFilter) -> Result<Vec<&'static Document>> {
        let catalogue = self.tools_in(view.direct())?;
        let offered = |document: &Document| document.is_offered(catalogue.iter().map(AsRef::<Tool>::as_ref));
        Ok(DOCUMENTS.iter().filter(|document| offered(document)).collect())
    }

    /// The prompts that a front door with this view shows.
    pub fn prompts(&self, view: ToolFilter) -> Result<Vec<&'static Prompt>> {
        let catalogue = self.tools_in(view.direct())?;
        let offered = |prompt: &Prompt| prompt.is_offered(catalogue.iter().map(AsRef::<Tool>::as_ref));
        Ok(PROMPTS.iter().filter(|prompt| offered(prompt)).collect())
    }

    /// Reads a resource. A document that a tool makes is that tool's answer, by a call of that tool.
    pub async fn read(&self, caller: &Caller, view: ToolFilter, uri: &str) -> Result<(Resource, u64)> {
        let found = documents::find(uri).and_then(|(document, wanted)| {
            self.offers(view, document)?;
            Ok((document, wanted))
        });
        if let Ok((document, Wanted::Call(args))) = &found
            && let Some(tool) = document.tool()
        {
            let context = CallContext { view: view.direct(), ..CallContext::plain(caller.clone()) };
            return match self.call(context, tool, args.clone()).await? {
                Reply::Done { structured, .. } => Ok((Resource::Document(structured), document.ttl_ms)),
                Reply::Ask { .. } => Err(Error::internal("a document asked a question")),
            };
        }
        let args = [("uri", uri)];
        let permit = self.admit(caller, &self.contracts.read, &args).await?;
        let read = async {
            let (document, wanted) = found?;
            let resource = match wanted {
                Wanted::File => {
                    let file = resources::parse(uri)?;
                    must_read(caller, &self.comfy, &self.job_owners, &file).await?;
                    Resource::File(resources::read(&self.comfy, &file).await?)
                }
                Wanted::Result(piece) => self.kept_result(caller, view, &piece)?,
                other => {
                    let mut document = documents::ask(&self.comfy, &other).await?;
                    redact::redact(&mut document);
                    untrusted::defuse_value(&mut document);
                    Resource::Document(document)
                }
            };
            Ok((resource, document.ttl_ms))
        };
        close(permit, read.await).await
    }

    /// Lets a caller watch a resource, which must be one that it may read. What it hears comes by [`Self::changes`].
    pub async fn watch(&self, caller: &Caller, view: ToolFilter, uri: &str) -> Result<Watch> {
        let permit = self.admit(caller, &self.contracts.watch, &[("uri", uri)]).await?;
        let found = documents::find(uri).and_then(|(document, _)| self.offers(view, document));
        close(permit, found).await?;
        Ok(self.queue_poller.watch(uri, &self.comfy, &self.changes, &self.stopping).await)
    }

    /// The text of a prompt.
    pub async fn prompt(
        &self,
        caller: &Caller,
        view: ToolFilter,
        name: &str,
        given: JsonObject,
    ) -> Result<(&'static Prompt, String)> {
        let (prompt, contract) = prompts::find(name)?;
        let mut args = JsonObject::from_iter([
            ("name".to_owned(), name.into()),
            ("arguments".to_owned(), given.clone().into()),
        ]);
        let permit = self.gate.admit(caller, CallId::new(), false, contract, &mut args).await?;
        let offered = self.prompts(view)?.iter().any(|shown| shown.name == name);
        let rendered = if offered {
            Ok((prompt, prompt.render(&given)))
        } else {
            Err(Error::not_found("there is no prompt of that name").hint("prompts/list names them"))
        };
        close(permit, rendered).await
    }

    /// Values for an argument of a prompt or of a resource address, as far as they fit what was typed.
    pub async fn complete(
        &self,
        caller: &Caller,
        view: ToolFilter,
        reference: &completion::Reference,
        argument: &str,
        typed: &str,
    ) -> Result<Completion> {
        let named = match reference {
            completion::Reference::Prompt(name) | completion::Reference::Template(name) => name.as_str(),
        };
        let args = [("reference", named), ("argument", argument), ("value", typed)];
        let permit = self.admit(caller, &self.contracts.complete, &args).await?;
        let complete = async {
            let Some(source) = completion::source(reference, argument)? else { return Ok(Vec::new()) };
            let catalogue = self.tools_in(view.direct())?;
            let offered: Vec<&Tool> =
                catalogue.iter().map(AsRef::as_ref).filter(|tool: &&Tool| caller.may(tool.class())).collect();
            let seen = seen_by(caller);
            completion::values(&self.comfy, &offered, &seen, source, typed).await
        };
        let mut values = close(permit, complete.await).await?;
        let total = values.len();
        values.truncate(completion::MAX_VALUES);
        Ok(Completion { values, total })
    }

    /// Lets a caller ask about a task, answer its questions, or stop it. Whose it is, the front door knows.
    pub async fn touch_task(&self, caller: &Caller, method: &str, id: &str) -> Result<()> {
        let contract = self.contracts.task.iter().find(|contract| contract.name().as_ref() == method);
        let contract = contract.ok_or_else(|| Error::internal(format!("no contract for `{method}`")))?;
        let permit = self.admit(caller, contract, &[("task_id", id)]).await?;
        close(permit, Ok(())).await
    }

    fn offers(&self, view: ToolFilter, document: &Document) -> Result<()> {
        let Some(tool) = document.tool() else { return Ok(()) };
        match self.tools_in(view.direct())?.get(tool) {
            Some(_) => Ok(()),
            None => Err(Error::not_found("there is no such resource")
                .hint("the tool that shows the same is not offered here")),
        }
    }

    async fn admit(&self, caller: &Caller, contract: &Contract, args: &[(&str, &str)]) -> Result<Permit> {
        let mut args: JsonObject =
            args.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        self.gate.admit(caller, CallId::new(), false, contract, &mut args).await
    }
}

/// Writes how it ended.
async fn close<T>(permit: Permit, ended: Result<T>) -> Result<T> {
    let outcome = match &ended {
        Ok(_) => Outcome::Completed { prompt_id: None },
        Err(error) => Outcome::Failed { kind: error.kind(), prompt_id: None },
    };
    permit.finish(&outcome).await?;
    ended.map_err(untrusted::defuse_error)
}
