//! Strips the credentials from a workflow that is read back; the rest stays as it is.
//!
//! A workflow is something to run, so nothing in it may change in silence. Only what is a credential as a whole is
//! taken out, its place is told, and the mark that stands there is refused when somebody runs the copy.

use serde_json::Value;

use super::redact::{has_credential, is_secret_key};
use comfywarden_error::{Error, Result};
use comfywarden_workflow::Workflow;

/// The text in place of a credential.
pub const WITHHELD: &str = "[withheld: credential]";
/// The fewest bytes of a credential; shorter values are words or numbers.
const SHORTEST: usize = 6;
/// The most places that one sentence names.
const MAX_NAMED: usize = 8;

/// Strips the credentials from a graph of any form; lists where they were, such as `3.inputs.api_key`.
pub fn strip(graph: &mut Value) -> Vec<String> {
    let mut places = Vec::new();
    walk(graph, None, &mut String::new(), &mut places);
    places
}

/// Strips the credentials from a workflow in API format; lists where they were.
pub fn strip_workflow(workflow: &mut Workflow) -> Vec<String> {
    let mut graph = workflow.to_value();
    let places = strip(&mut graph);
    if !places.is_empty()
        && let Ok(without) = Workflow::from_owned(graph)
    {
        *workflow = without;
    }
    places
}

/// True for a value that is a credential by its name or by its own form.
pub fn is_credential(name: Option<&str>, text: &str) -> bool {
    let text = text.trim();
    if text.len() < SHORTEST || text == WITHHELD || text.contains(char::is_whitespace) {
        return false;
    }
    let placeholder = text.starts_with(['$', '{', '<', '%']);
    has_credential(text) || (!placeholder && name.is_some_and(is_secret_key))
}

/// Words what a result tells about stripped credentials; `None` when there are none.
pub fn sentence(places: &[String]) -> Option<String> {
    let (named, more) = places.split_at(places.len().min(MAX_NAMED));
    let rest = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    (!places.is_empty()).then(|| {
        format!(
            "credentials were withheld at {}{rest}: this copy is not what ran, and cannot be run before they are put \
             back",
            named.join(", ")
        )
    })
}

/// Refuses a workflow in which a stripped credential was not put back.
pub fn refuse_stripped(workflow: &Workflow) -> Result<()> {
    let gap = workflow.iter().find_map(|(id, node)| {
        let (input, _) = node.inputs.iter().find(|(_, value)| value.as_str() == Some(WITHHELD))?;
        Some((id, node, input))
    });
    let Some((id, node, input)) = gap else { return Ok(()) };
    Err(Error::invalid_input(format!(
        "node {id} ({}), input `{input}`: its credential was withheld when this workflow was read",
        node.class_type
    ))
    .hint(
        "put the credential back, or run the original: comfyui_regenerate with its asset_id, or the file's \
         comfyui://outputs/… address as `workflow`",
    )
    .detail("field", format!("{id}.{input}")))
}

fn walk(value: &mut Value, name: Option<&str>, place: &mut String, places: &mut Vec<String>) {
    match value {
        Value::String(text) if is_credential(name, text) => {
            WITHHELD.clone_into(text);
            places.push(place.clone());
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                within(place, &at.to_string(), |place| walk(item, None, place, places));
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                within(place, key, |place| walk(item, Some(key), place, places));
            }
        }
        _ => {}
    }
}

/// Runs `step` one level deeper. JSON was parsed with a limit, which bounds the depth.
fn within(place: &mut String, part: &str, step: impl FnOnce(&mut String)) {
    let before = place.len();
    if before > 0 {
        place.push('.');
    }
    place.push_str(part);
    step(place);
    place.truncate(before);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_whole_credentials_go_and_their_places_are_told() {
        let prose = "vault with password: sunflower, token=abc123def, api_key: \"xyz\", Bearer aaabbbccc";
        let mut graph = json!({
            "1": {"class_type": "Paid", "inputs": {"api_key_comfy_org": "comfyui-0123", "text": prose, "token": "a b"}},
            "2": {"class_type": "X", "inputs": {"text": "hf_EXAMPLEexampleEXAMPLEexample", "auth_token_comfy_org": ["1", 0]}},
        });
        let before = graph.clone();
        let places = strip(&mut graph);
        assert_eq!(places, ["1.inputs.api_key_comfy_org", "2.inputs.text"]);
        assert_eq!(graph["1"]["inputs"]["api_key_comfy_org"], WITHHELD);
        assert_eq!(graph["1"]["inputs"]["text"], before["1"]["inputs"]["text"]);
        assert_eq!(graph["1"]["inputs"]["token"], "a b");
        assert_eq!(graph["2"]["inputs"]["auth_token_comfy_org"], json!(["1", 0]));
        assert!(strip(&mut graph).is_empty(), "a second time finds nothing");
        assert!(sentence(&places).unwrap().contains("2.inputs.text"));
        let refused = refuse_stripped(&Workflow::from_value(&graph).unwrap()).unwrap_err();
        assert!(refused.message().contains("`api_key_comfy_org`"), "{refused}");
        assert!(refuse_stripped(&Workflow::from_value(&before).unwrap()).is_ok());
    }

    #[test]
    fn credentials_in_the_editors_format_are_found_by_shape() {
        let mut graph =
            json!({"nodes": [{"id": 1, "widgets_values": ["a cat", "sk-0123456789abcdefghij", 5]}]});
        assert_eq!(strip(&mut graph), ["nodes.0.widgets_values.1"]);
        assert_eq!(graph["nodes"][0]["widgets_values"], json!(["a cat", WITHHELD, 5]));
    }
}
