//! ComfyUI's settings: seen and changed only where the operator allows it, and only with the user's word.

use comfywarden::{app::CallContext, gate::Caller, tools::Reply};
use comfywarden_error::{Error, Kind};
use comfywarden_policy::settings::Consent;
use serde_json::{Value, json};

use crate::support::{TestApp, bounded, object};

const TOOL: &str = "comfyui_update_settings";

fn change(value: &str) -> Value {
    json!({"settings": {"Comfy.PreviewFormat": value}})
}

/// One round with a client that can ask; `round` is the state and the answer of the one before.
async fn asking(app: &TestApp, args: Value, round: Option<(String, bool)>) -> Result<Reply, Error> {
    let mut context = CallContext::plain(Caller::local());
    context.can_ask = true;
    if let Some((state, answer)) = round {
        (context.signed_state, context.answer) = (Some(state), Some(answer));
    }
    bounded(app.app.call(context, TOOL, object(args))).await
}

#[tokio::test]
async fn only_listed_settings_are_shown_and_the_others_are_named() {
    let app = TestApp::start().await;
    app.sim.set_setting("Comfy.PreviewFormat", json!("jpeg;80"));
    app.sim.set_setting("Some.ApiKey", json!("s3cret-value"));
    let shown = app.call("comfyui_get_settings", json!({})).await;
    assert_eq!(shown["settings"], json!({"Comfy.PreviewFormat": "jpeg;80"}));
    assert_eq!(shown["not_shown"], json!(["Some.ApiKey"]));
    assert!(shown["allowed"].as_array().unwrap().contains(&json!("Comfy.PreviewFormat")));
    assert!(!shown.to_string().contains("s3cret"));
    app.sim.faults().answer("/settings", 200, "[]");
    assert_eq!(app.refused("comfyui_get_settings", json!({})).await.kind(), Kind::Upstream);
}

#[tokio::test]
async fn the_operators_list_decides() {
    let app = TestApp::with(|config| {
        config.security.settings_allowlist = vec!["My.Setting".to_owned()];
        config.security.admin = Consent::Allow;
    })
    .await;
    let refused = app.refused(TOOL, change("webp;90")).await;
    assert_eq!(refused.kind(), Kind::Denied);
    assert!(refused.hint_text().unwrap().contains("security.settings_allowlist"), "{refused}");
    assert!(app.posts().is_empty());
    let done = app.call(TOOL, json!({"settings": {"My.Setting": 3}})).await;
    assert_eq!((&done["status"], &done["settings"]), (&json!("updated"), &json!({"My.Setting": 3})));
    let again = app.call(TOOL, json!({"settings": {"My.Setting": 3}})).await;
    assert_eq!((&again["status"], app.posts().len()), (&json!("unchanged"), 1));
}

#[tokio::test]
async fn a_change_needs_a_yes_and_a_no_changes_nothing() {
    let app = TestApp::start().await;
    app.sim.set_setting("Comfy.PreviewFormat", json!("jpeg;80"));
    let silent = app.refused(TOOL, change("webp;90")).await;
    assert_eq!(silent.kind(), Kind::Denied);
    assert!(silent.hint_text().unwrap().contains("security.admin"), "{silent}");
    for answer in [false, true] {
        let Ok(Reply::Ask { question, signed_state }) = asking(&app, change("webp;90"), None).await else {
            panic!("no question");
        };
        assert!(question.contains("`Comfy.PreviewFormat` from \"jpeg;80\" to \"webp;90\""), "{question}");
        assert!(app.posts().is_empty());
        let end = asking(&app, change("webp;90"), Some((signed_state, answer))).await;
        if answer {
            let Ok(Reply::Done { structured, .. }) = end else { panic!("{end:?}") };
            assert_eq!(structured["previous"], json!({"Comfy.PreviewFormat": "jpeg;80"}));
        } else {
            assert_eq!(end.unwrap_err().kind(), Kind::Denied);
        }
    }
    assert_eq!(app.posts(), ["/settings"]);
    let shown = app.call("comfyui_get_settings", json!({})).await;
    assert_eq!(shown["settings"]["Comfy.PreviewFormat"], "webp;90");
    let log = json!(app.audit.records()).to_string();
    assert!(log.contains("Comfy.PreviewFormat") && !log.contains("webp;90"), "{log}");
}

#[tokio::test]
async fn switched_off_means_off_and_odd_values_are_refused() {
    let app = TestApp::with(|config| config.security.admin = Consent::Off).await;
    let refused = app.refused(TOOL, change("webp;90")).await;
    assert_eq!(refused.kind(), Kind::Denied);
    let app = TestApp::with(|config| config.security.admin = Consent::Allow).await;
    for odd in [json!(null), json!([1]), json!({"a": 1}), json!("x".repeat(1_001))] {
        let refused = app.refused(TOOL, json!({"settings": {"Comfy.PreviewFormat": odd}})).await;
        assert_eq!(refused.kind(), Kind::InvalidInput, "{refused}");
    }
    assert_eq!(app.refused(TOOL, json!({"settings": {}})).await.kind(), Kind::InvalidInput);
    assert!(app.posts().is_empty());
}

#[tokio::test]
async fn a_change_that_was_not_kept_is_an_error() {
    let app = TestApp::with(|config| config.security.admin = Consent::Allow).await;
    app.sim.faults().answer("/settings", 200, "{}");
    let error = app.refused(TOOL, change("webp;90")).await;
    assert!(error.kind() == Kind::Upstream && error.message().contains("did not keep it"), "{error}");
}
