//! Lists tools, documents and prompts that this caller may use.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CacheScope, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, Prompt as McpPrompt, PromptArgument, Resource as McpResource,
        ResourceTemplate,
    },
    service::RequestContext,
};

use super::{Mcp, by_token, protocol_error, server_info::ServerInfoMeta};
use crate::{
    front::encode,
    gate::{Caller, Class},
    tools::{ToolFilter, prompts::Prompt, resources::documents::Document},
};

/// Time to live of lists: they change with the configuration or a workflow file, and clients that listen are told.
pub(super) const LIST_TTL_MS: u64 = 300_000;

impl Mcp {
    pub(super) fn tools(
        &self,
        request: Option<&PaginatedRequestParams>,
        context: &RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        refuse_cursor(request)?;
        let caller = self.caller(context)?;
        let catalogue = self.app.tools_in(self.view(context)).map_err(|error| protocol_error(&error))?;
        let shown = catalogue.iter().filter(|tool| caller.may(tool.class()));
        Ok(ListToolsResult::with_all_items(shown.map(|tool| encode::tool(tool)).collect())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(scope_for(&caller, context))
            .add_server_info(context))
    }

    pub(super) fn resources(
        &self,
        request: Option<&PaginatedRequestParams>,
        context: &RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (documents, scope) = self.documents(request, context)?;
        let single = documents.into_iter().filter(|document| document.is_single());
        Ok(ListResourcesResult::with_all_items(single.map(resource).collect())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(scope)
            .add_server_info(context))
    }

    pub(super) fn resource_templates(
        &self,
        request: Option<&PaginatedRequestParams>,
        context: &RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (documents, scope) = self.documents(request, context)?;
        let families = documents.into_iter().filter(|document| !document.is_single());
        Ok(ListResourceTemplatesResult::with_all_items(families.map(template).collect())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(scope)
            .add_server_info(context))
    }

    fn documents(
        &self,
        request: Option<&PaginatedRequestParams>,
        context: &RequestContext<RoleServer>,
    ) -> Result<(Vec<&'static Document>, CacheScope), ErrorData> {
        refuse_cursor(request)?;
        let caller = self.caller(context)?;
        let documents = self.app.documents(self.view(context)).map_err(|error| protocol_error(&error))?;
        let may_read = caller.may(Class::Read);
        Ok((documents.into_iter().filter(|_| may_read).collect(), scope_for(&caller, context)))
    }

    pub(super) fn prompts(
        &self,
        request: Option<&PaginatedRequestParams>,
        context: &RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        refuse_cursor(request)?;
        let caller = self.caller(context)?;
        let prompts = self.app.prompts(self.view(context)).map_err(|error| protocol_error(&error))?;
        Ok(ListPromptsResult::with_all_items(prompts.into_iter().map(prompt).collect())
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(scope_for(&caller, context))
            .add_server_info(context))
    }
}

/// Cache scope of a list: private if it was filtered for this caller.
fn scope_for(caller: &Caller, context: &RequestContext<RoleServer>) -> CacheScope {
    let everything =
        Class::ALL.iter().all(|class| caller.may(*class)) && by_token(context) == ToolFilter::default();
    if everything { CacheScope::Public } else { CacheScope::Private }
}

fn resource(document: &Document) -> McpResource {
    let mut shown = McpResource::new(document.uri, document.name)
        .with_title(document.title)
        .with_description(document.description);
    if let Some(mime_type) = document.mime_type {
        shown = shown.with_mime_type(mime_type);
    }
    shown
}

fn template(document: &Document) -> ResourceTemplate {
    let mut shown = ResourceTemplate::new(document.uri, document.name)
        .with_title(document.title)
        .with_description(document.description);
    if let Some(mime_type) = document.mime_type {
        shown = shown.with_mime_type(mime_type);
    }
    shown
}

fn prompt(prompt: &Prompt) -> McpPrompt {
    let arguments: Vec<PromptArgument> = prompt
        .arguments
        .iter()
        .map(|argument| {
            PromptArgument::new(argument.name)
                .with_description(argument.description)
                .with_required(argument.required)
        })
        .collect();
    let arguments = (!arguments.is_empty()).then_some(arguments);
    McpPrompt::new(prompt.name, Some(prompt.description), arguments).with_title(prompt.title)
}

/// Refuses every cursor: lists come in one page, so none was given out.
fn refuse_cursor(request: Option<&PaginatedRequestParams>) -> Result<(), ErrorData> {
    match request.and_then(|request| request.cursor.as_ref()) {
        Some(_) => Err(ErrorData::invalid_params("unknown cursor: this list comes in one page", None)),
        None => Ok(()),
    }
}
