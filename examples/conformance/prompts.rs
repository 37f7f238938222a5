//! The prompts and resources that the suite reads.

use rmcp::{
    ErrorData,
    model::{
        ContentBlock, GetPromptRequestParams, GetPromptResponse, GetPromptResult, ImageContent,
        InputRequiredResult, Prompt, PromptArgument, PromptMessage, ReadResourceResult, Resource,
        ResourceContents, ResourceTemplate, Role,
    },
};
use serde_json::{Value, json};

use crate::{asking, plain::PICTURE};

const TEMPLATE: &str = "test://template/";

pub(crate) fn prompts() -> Vec<Prompt> {
    let bare = |name: &str| Prompt::new(name, Some("Fixture of the conformance suite"), None);
    let argument = |name: &str| PromptArgument::new(name).with_description("A text").with_required(true);
    let mut with_arguments = bare("test_prompt_with_arguments");
    with_arguments.arguments = Some(vec![argument("arg1"), argument("arg2")]);
    vec![
        bare("test_simple_prompt"),
        with_arguments,
        bare("test_prompt_with_embedded_resource"),
        bare("test_prompt_with_image"),
        bare("test_input_required_result_prompt"),
    ]
}

/// `None` when the name is none of theirs.
pub(crate) fn get(request: &GetPromptRequestParams) -> Option<GetPromptResponse> {
    let given = |name: &str| {
        let found = request.arguments.as_ref().and_then(|args| args.get(name));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let text = |text: String| PromptMessage::new_text(Role::User, text);
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.".into())],
        "test_prompt_with_arguments" => {
            vec![text(format!("arg1='{}', arg2='{}'", given("arg1"), given("arg2")))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = match given("resourceUri") {
                none if none.is_empty() => "test://static-text".to_owned(),
                uri => uri,
            };
            let resource = ResourceContents::text("Embedded", uri).with_mime_type("text/plain");
            vec![PromptMessage::new(Role::User, ContentBlock::resource(resource)), text("Look at it.".into())]
        }
        "test_prompt_with_image" => vec![
            PromptMessage::new(Role::User, ContentBlock::Image(ImageContent::new(PICTURE, "image/png"))),
            text("Look at it.".into()),
        ],
        "test_input_required_result_prompt" => {
            let Some(answer) = asking::response(request.input_responses.as_ref(), "user_context") else {
                let wanted = asking::requests([("user_context", asking::form("What for?", "context"))]);
                return Some(InputRequiredResult::new(Some(wanted), None).into());
            };
            vec![text(format!("With {answer}"))]
        }
        _ => return None,
    };
    Some(GetPromptResult::new(messages).into())
}

pub(crate) fn resources() -> Vec<Resource> {
    ["test://static-text", "test://static-binary", "test://watched-resource"]
        .map(|uri| Resource::new(uri, uri))
        .to_vec()
}

pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![ResourceTemplate::new("test://template/{id}/data", "template").with_mime_type("application/json")]
}

pub(crate) fn read(uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match uri {
        "test://static-text" | "test://watched-resource" => {
            ResourceContents::text("A static text.", uri).with_mime_type("text/plain")
        }
        "test://static-binary" => ResourceContents::blob(PICTURE, uri).with_mime_type("image/png"),
        _ => {
            let id = uri.strip_prefix(TEMPLATE).and_then(|rest| rest.strip_suffix("/data"));
            let id = id.ok_or_else(|| {
                ErrorData::resource_not_found("no such fixture", Some(json!({ "uri": uri })))
            })?;
            let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
            ResourceContents::text(data.to_string(), uri).with_mime_type("application/json")
        }
    };
    Ok(ReadResourceResult::new(vec![contents]))
}
