//! Twelve kinds of secret, planted where they can come from, and looked for wherever anything comes out.

use comfywarden::{
    gate::Class,
    tools::{Call, Handled, Reply, Tool},
};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{TestApp, tiny_workflow};

/// Kind, text as it would be found, and the part that must not come out. Put together from pieces, so that nobody
/// who scans this repository takes them for real ones.
pub(crate) fn planted() -> Vec<(&'static str, String, String)> {
    let alone = |kind, pieces: &[&str]| (kind, pieces.concat(), pieces.concat());
    let within = |kind, before: &str, secret: &str, after: &str| {
        (kind, format!("{before}{secret}{after}"), secret.to_owned())
    };
    vec![
        alone("hugging face token", &["hf", "_abcdEFGHijklMNOPqrstUVWXyz"]),
        alone("github token", &["ghp", "_0123456789abcdefghijABCDEFGHIJ"]),
        alone("model service key", &["sk", "-proj-0123456789abcdefghijkl"]),
        alone("cloud key", &["AKIA", "ABCDEFGHIJKLMNOP"]),
        alone("maps key", &["AIza", "SyA0123456789abcdefghijklmnopqrstuv"]),
        alone("chat token", &["xoxb", "-1234567890-abcdefghij"]),
        alone("web token", &["eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJlLW9mLXRoaXM"]),
        within(
            "private key",
            "-----BEGIN PRIVATE KEY-----\n",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
            "\n-----END PRIVATE KEY-----",
        ),
        within("bearer", "Authorization: Bearer ", "s3cr3tBearerValue0123456789", ""),
        within("basic", "Authorization: Basic ", "dXNlcjpwYXNzd29yZDEyMzQ1", ""),
        within("address with a password", "https://user:", "Pa55w0rdInsideAnAddress", "@host.example/x"),
        within("named value", "api_key=", "pairedSecretValue98765", "&x=1"),
    ]
}

#[track_caller]
pub(crate) fn clean(text: &str, what: &str) {
    for (kind, _, secret) in planted() {
        assert!(!text.contains(&secret), "{what} tells the {kind}: {text}");
    }
}

async fn told(app: &TestApp, tool: &str, args: Value) -> String {
    match app.reply(tool, args).await {
        Ok(Reply::Done { structured, .. }) => structured.to_string(),
        Ok(Reply::Ask { question, .. }) => question,
        Err(error) => format!("{error} {error:?}{}", Value::Object(error.to_json())),
    }
}

fn records(app: &TestApp) -> String {
    Value::from(app.audit.records()).to_string()
}

#[tokio::test]
async fn what_comfyui_says_is_told_without_its_secrets() {
    for (kind, text, _) in planted() {
        let app = TestApp::start().await;
        app.sim.faults().node_error("EmptyImage", "ValueError", &format!("could not use {text} here"));
        let ended =
            told(&app, "comfyui_run_workflow", json!({"workflow": tiny_workflow(), "wait": true})).await;
        assert!(ended.contains("could not use"), "{ended}");
        clean(&ended, kind);
        app.sim.faults().clear();
        app.sim.faults().answer("/queue", 500, &format!("refused: {text}"));
        clean(&told(&app, "comfyui_get_queue", json!({})).await, kind);
        app.sim.faults().clear();
        app.sim.faults().answer(
            "/models/checkpoints",
            200,
            &json!([format!("{text}.safetensors")]).to_string(),
        );
        clean(&told(&app, "comfyui_list_models", json!({"folder": "checkpoints"})).await, kind);
        clean(&records(&app), kind);
    }
}

#[tokio::test]
async fn what_a_caller_sends_is_logged_without_its_secrets() {
    let app = TestApp::start().await;
    for (kind, text, _) in planted() {
        let workflow = json!({
            "1": {"class_type": "SomeUploader", "inputs": {"note": text, "headers": {"x": text}}},
            "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}}
        });
        clean(&told(&app, "comfyui_run_workflow", json!({"workflow": workflow})).await, kind);
        clean(&told(&app, "comfyui_generate_image", json!({"prompt": text, "model": text})).await, kind);
        clean(&told(&app, &format!("comfyui {text}"), json!({})).await, kind);
        clean(&told(&app, "comfyui_get_job", json!({"prompt_id": text})).await, kind);
    }
    clean(&records(&app), "the audit log");
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Params {}

#[derive(Debug, Serialize, JsonSchema)]
struct Done {}

async fn panics(_: Call, _: Params) -> Handled<Done> {
    let all: Vec<String> = planted().into_iter().map(|(_, text, _)| text).collect();
    panic!("{}", all.join("; "));
}

#[tokio::test]
async fn a_panic_tells_the_caller_and_the_log_nothing() {
    let tool = Tool::new("comfyui_test_panic", Class::Read, "Panic", "Panics.", panics);
    let app = TestApp::with_tools(vec![tool], |_| {}).await;
    let error = app.refused("comfyui_test_panic", json!({})).await;
    assert_eq!(error.kind(), comfywarden_error::Kind::Internal);
    clean(&format!("{error} {error:?}"), "the error");
    clean(&records(&app), "the audit log");
}

#[tokio::test]
async fn configured_secrets_come_out_nowhere() {
    let app = TestApp::with(|config| {
        let texts: Vec<String> = planted().into_iter().map(|(_, _, secret)| secret).collect();
        config.comfyui.auth = comfywarden::config::Auth::Bearer(SecretString::from(texts[0].clone()));
        config.transport.remote.tokens = texts.iter().cloned().map(SecretString::from).collect();
    })
    .await;
    app.sim.faults().down(true);
    clean(&told(&app, "comfyui_get_queue", json!({})).await, "an unreachable ComfyUI");
    clean(&format!("{:?} {:?}", app.app, app.app.config()), "the configuration");
    clean(&serde_json::to_string(app.app.config()).unwrap(), "the configuration as JSON");
    clean(&records(&app), "the audit log");
}
