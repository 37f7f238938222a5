//! Reads resources, renders prompts, completes arguments.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CacheScope, CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptRequestParams,
        GetPromptResult, PromptMessage, ReadResourceRequestParams, ReadResourceResult, Reference, Role,
    },
    service::RequestContext,
};

use super::{Mcp, protocol_error, server_info::ServerInfoMeta};
use crate::front::encode;

impl Mcp {
    pub(super) async fn read(
        &self,
        request: ReadResourceRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        let caller = self.caller(context)?;
        let read = self.app.read(&caller, self.view(context), &request.uri).await;
        let named =
            |error: comfywarden_error::Error| protocol_error(&error.detail("uri", request.uri.as_str()));
        let (resource, ttl_ms) = read.map_err(named)?;
        let contents = encode::resource(&self.app, &caller, request.uri, resource);
        Ok(ReadResourceResult::new(vec![contents])
            .with_ttl_ms(ttl_ms)
            .with_cache_scope(CacheScope::Private)
            .add_server_info(context))
    }

    pub(super) async fn prompt(
        &self,
        request: GetPromptRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<GetPromptResult, ErrorData> {
        let caller = self.caller(context)?;
        let given = request.arguments.unwrap_or_default();
        let (prompt, text) = self
            .app
            .prompt(&caller, self.view(context), &request.name, given)
            .await
            .map_err(|error| protocol_error(&error))?;
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)])
            .with_description(prompt.description)
            .add_server_info(context))
    }

    pub(super) async fn complete_argument(
        &self,
        request: CompleteRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let caller = self.caller(context)?;
        let reference = match request.r#ref {
            Reference::Prompt(prompt) => crate::tools::completion::Reference::Prompt(prompt.name),
            Reference::Resource(template) => crate::tools::completion::Reference::Template(template.uri),
            _ => return Err(ErrorData::invalid_params("complete arguments of prompts or resources", None)),
        };
        let argument = request.argument;
        let completion = self
            .app
            .complete(&caller, self.view(context), &reference, &argument.name, &argument.value)
            .await
            .map_err(|error| protocol_error(&error))?;
        let has_more = completion.values.len() < completion.total;
        let total = u32::try_from(completion.total).ok();
        let values = CompletionInfo::with_pagination(completion.values, total, has_more)
            .map_err(|error| ErrorData::internal_error(error, None))?;
        Ok(CompleteResult::new(values).add_server_info(context))
    }
}
