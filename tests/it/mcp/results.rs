//! Results that are more than their client can take: shortened by the client's name, and whole behind a link.

use comfywarden::{
    app::CallContext,
    config::Profile,
    gate::{Caller, Class},
    tools::{Answer, Block, Call, Reply, Stop, Tool, ToolFilter, resources::Resource},
};
use comfywarden_error::Kind;
use rmcp::model::{CallToolRequestParams, CallToolResult, ReadResourceRequestParams, ResourceContents};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    mcp::protocol::{Client, ERAS, Era, connect},
    support::{TestApp, bounded, object, person::Person},
};

#[derive(Debug, Deserialize, JsonSchema)]
struct Params {
    items: usize,
    pictures: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Many {
    items: Vec<String>,
}

/// Answers with as much as it is told to.
fn talkative() -> Tool {
    Tool::new("comfyui_test_talk", Class::Read, "Talk", "Talks.", |_: Call, params: Params| async move {
        let items = (0..params.items).map(|item| format!("item {item:05} with a snow\u{2603}man")).collect();
        let mut answer = Answer::from(Many { items });
        for _ in 0..params.pictures {
            answer = answer.block(Block::Image { bytes: vec![7; 75_000], mime_type: "image/png".to_owned() });
        }
        Ok::<_, Stop>(answer)
    })
}

async fn talks() -> TestApp {
    TestApp::with_tools(vec![talkative()], |_| {}).await
}

async fn call(client: &Client, items: usize, pictures: usize) -> CallToolResult {
    let args = object(json!({"items": items, "pictures": pictures}));
    let request = CallToolRequestParams::new("comfyui_test_talk").with_arguments(args);
    bounded(client.call_tool(request)).await.unwrap()
}

fn links(result: &CallToolResult) -> Vec<String> {
    result.content.iter().filter_map(|block| Some(block.as_resource_link()?.uri.clone())).collect()
}

async fn read(client: &Client, uri: &str) -> ResourceContents {
    bounded(client.read_resource(ReadResourceRequestParams::new(uri))).await.unwrap().contents.remove(0)
}

async fn text(client: &Client, uri: &str) -> String {
    let ResourceContents::TextResourceContents { text, .. } = read(client, uri).await else {
        panic!("{uri}")
    };
    text
}

#[tokio::test]
async fn what_a_shortened_result_left_out_is_read_whole_or_in_pieces_in_both_eras() {
    for era in ERAS {
        let app = talks().await;
        let client = connect(&app, &Person::silent(), era).await;

        let result = call(&client, 5_000, 0).await;

        let shown = result.structured_content.clone().unwrap();
        let twin = &result.content[0].as_text().unwrap().text;
        assert!(twin.len() <= 40_500, "{}", twin.len());
        assert_eq!(serde_json::from_str::<Value>(twin).unwrap(), shown);
        let uri = links(&result).remove(0);
        let note = shown["truncated"].as_str().unwrap();
        assert!(note.contains(&uri) && note.contains("characters"), "{note}");
        let whole = text(&client, &uri).await;
        let items = serde_json::from_str::<Value>(&whole).unwrap()["items"].as_array().unwrap().len();
        assert_eq!(items, 5_000);

        let (_, count) = note.split_once(&format!("{uri}/1 to {uri}/")).unwrap();
        let count: usize = count.split(' ').next().unwrap().parse().unwrap();
        let mut joined = String::new();
        for piece in 1..=count {
            let part = text(&client, &format!("{uri}/{piece}")).await;
            assert!(part.len() <= 40_000, "{}", part.len());
            joined += &part;
        }
        assert_eq!(joined, whole);
        for beyond in [0, count + 1] {
            let params = ReadResourceRequestParams::new(format!("{uri}/{beyond}"));
            assert!(bounded(client.read_resource(params)).await.is_err(), "{beyond}");
        }
        assert!(links(&call(&client, 10, 0).await).is_empty(), "what fits is whole");
    }
}

#[tokio::test]
async fn a_client_gets_what_it_can_take_by_its_name_in_both_eras() {
    for era in ERAS {
        let app = talks().await;
        for (name, most, pictures) in [
            ("claude-code", 40_000, 1),
            ("claude-ai", 40_000, 1),
            ("codex-mcp-client", 30_000, 1),
            ("github-copilot-developer", 40_000, 0),
            ("somebody new", 40_000, 1),
        ] {
            let client = connect(&app, &Person::silent().with(name), era).await;
            let result = call(&client, 3_000, 1).await;
            let size = result.content[0].as_text().unwrap().text.len();
            assert!((most / 3..=most + 500).contains(&size), "{name}: {size}");
            let shown = result.content.iter().filter(|block| block.as_image().is_some()).count();
            assert_eq!(shown, pictures, "{name}");
            let links = links(&result);
            assert_eq!(links.len(), 2 - pictures, "{name}: the rest, and the picture where it is not shown");
            if pictures == 0 {
                let ResourceContents::BlobResourceContents { blob, mime_type, .. } =
                    read(&client, &links[1]).await
                else {
                    panic!("{name}")
                };
                assert_eq!((blob.len(), mime_type.as_deref()), (100_000, Some("image/png")));
            }
        }
    }
}

#[tokio::test]
async fn an_answer_with_many_pictures_stays_below_a_megabyte() {
    let app = talks().await;
    let client = connect(&app, &Person::silent().with("claude-ai"), Era::Handshake).await;
    let result = call(&client, 1_000, 20).await;
    let size = serde_json::to_string(&result).unwrap().len();
    assert!(size <= 1 << 20, "{size}");
    let shown = result.content.iter().filter(|block| block.as_image().is_some()).count();
    assert!(shown >= 5, "{shown}");
    assert_eq!(links(&result).len(), 20 - shown, "every picture can be had");
}

#[tokio::test]
async fn a_kept_result_is_for_who_asked_and_no_further_than_the_tool() {
    let app = talks().await;
    let owner = Caller::with_classes("token-1", [Class::Read]);
    let uri = app.app.keep_json(&owner, "comfyui_test_talk", "[]").unwrap().uri;

    let read = |caller: Caller, view: ToolFilter| {
        let (app, uri) = (&app.app, uri.clone());
        async move { bounded(app.read(&caller, view, &uri)).await }
    };
    assert!(matches!(read(owner.clone(), ToolFilter::default()).await, Ok((Resource::Text { .. }, _))));
    let other = Caller::with_classes("token-2", Class::ALL);
    assert_eq!(read(other, ToolFilter::default()).await.unwrap_err().kind(), Kind::NotFound);
    let outside = ToolFilter::from(Profile::Core);
    assert_eq!(read(owner.clone(), outside).await.unwrap_err().kind(), Kind::NotFound);
    let records = app.audit.records();
    let reads = records.iter().filter(|record| record["tool"] == "resources/read").count();
    assert_eq!(reads, 6, "each read was called and ended");
}

#[tokio::test]
async fn what_is_no_mcp_client_gets_the_whole_result() {
    let app = talks().await;
    let args = object(json!({"items": 5_000, "pictures": 20}));
    let context = CallContext::plain(Caller::local());
    let Ok(Reply::Done { structured, blocks }) =
        bounded(app.app.call(context, "comfyui_test_talk", args)).await
    else {
        panic!("no result")
    };
    assert_eq!(structured["items"].as_array().unwrap().len(), 5_000);
    assert!(structured.get("truncated").is_none());
    let pictures = blocks.iter().filter(|block| matches!(block, Block::Image { .. })).count();
    assert_eq!((blocks.len(), pictures), (20, 20));
}
