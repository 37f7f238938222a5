//! Defaults of tools, and ComfyUI's settings.

use comfywarden_error::Kind;
use comfywarden_policy::settings::Consent;
use serde_json::{Value, json};

use super::show::{Scene, Show};
use crate::support::TestApp;

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("comfyui_get_defaults", get_defaults),
        Scene::new("comfyui_set_defaults", set_defaults),
        Scene::new("comfyui_get_settings", get_settings),
        Scene::new("comfyui_update_settings", update_settings),
    ]
}

async fn get_defaults(show: Show) {
    let app = TestApp::start().await;
    let set = json!({"tool": "comfyui_generate_image", "defaults": {"steps": 12}});
    app.call("comfyui_set_defaults", set).await;
    let means = [
        ("/tools/0/tool", json!("comfyui_generate_image")),
        ("/tools/0/arguments/0", json!({"argument": "steps", "value": 12, "source": "user"})),
    ];
    let told = show.success(&app, json!({"tool": "comfyui_generate_image"}), &means).await;
    let of = |name: &str| -> Value {
        let arguments = told["tools"][0]["arguments"].as_array().unwrap();
        arguments.iter().find(|argument| argument["argument"] == name).unwrap()["source"].clone()
    };
    assert_eq!((of("wait_seconds"), of("cfg")), (json!("built-in"), json!("family")), "{told}");
    let args = json!({"tool": "comfyui_generate_imag"});
    let says = ["comfyui_generate_imag"];
    show.failure(&app, args, Kind::NotFound, &says, &["comfyui_generate_image"]).await;
}

async fn set_defaults(show: Show) {
    let app = TestApp::start().await;
    let set = |value: Value| json!({"tool": "comfyui_generate_image", "defaults": {"steps": value}});
    show.success(&app, set(json!(3)), &[("/defaults", json!({"steps": 3}))]).await;
    let drawn = app
        .call("comfyui_generate_image", json!({"prompt": "a pear", "width": 64, "height": 64, "wait": true}))
        .await;
    assert_eq!(drawn["settings"]["steps"], 3, "{drawn}");
    show.failure(&app, set(json!(1_000)), Kind::InvalidInput, &["steps", "100"], &["comfyui_get_defaults"])
        .await;
    show.success(&app, set(Value::Null), &[("/defaults", json!({}))]).await;
}

async fn get_settings(show: Show) {
    let app = TestApp::start().await;
    app.sim.set_setting("Comfy.PreviewFormat", json!("jpeg;80"));
    app.sim.set_setting("Some.ApiKey", json!("s3cret-value"));
    let means =
        [("/settings", json!({"Comfy.PreviewFormat": "jpeg;80"})), ("/not_shown", json!(["Some.ApiKey"]))];
    show.success(&app, json!({}), &means).await;
    app.sim.faults().answer("/settings", 200, "[]");
    show.failure(&app, json!({}), Kind::Upstream, &["settings"], &["comfyui.url"]).await;
}

async fn update_settings(show: Show) {
    let app = TestApp::with(|config| config.security.admin = Consent::Allow).await;
    app.sim.set_setting("Comfy.PreviewFormat", json!("jpeg;80"));
    let args = json!({"settings": {"Comfy.PreviewFormat": "webp;90"}});
    let means = [("/status", json!("updated")), ("/previous", json!({"Comfy.PreviewFormat": "jpeg;80"}))];
    show.success(&app, args, &means).await;
    let now = app.call("comfyui_get_settings", json!({})).await;
    assert_eq!(now["settings"]["Comfy.PreviewFormat"], "webp;90");
    let args = json!({"settings": {"Some.ApiKey": "mine"}});
    let next = ["security.settings_allowlist"];
    show.failure(&app, args, Kind::Denied, &["Some.ApiKey"], &next).await;
}
