//! Downloads of models.

use comfywarden::{app::CallContext, gate::Caller, tools::Reply};
use comfywarden_error::Kind;
use comfywarden_policy::settings::Mode;
use comfywarden_sim::{Manager, Sim};
use serde_json::json;

use crate::support::{
    TestApp, bounded,
    hub::{Answer, TestHub, civitai_file, found, redirect},
    object,
};

const URL: &str = "https://huggingface.co/owner/repo/resolve/main/xl.safetensors";
const DELIVERED: &str = "https://cdn-lfs.hf.co/repo/abc?signature=s";

async fn hub() -> TestHub {
    TestHub::start(|asked| {
        let hash = "c".repeat(64);
        match asked {
            asked if asked.starts_with("cdn-lfs.hf.co/") => {
                Some(Answer::new(206, &[("content-range", "bytes 0-0/6938040682")], "x"))
            }
            "huggingface.co/owner/repo/resolve/main/away.safetensors" => {
                Some(redirect("https://evil.example.com/x.safetensors", &[]))
            }
            "huggingface.co/owner/repo/resolve/main/login.safetensors" => {
                Some(Answer::new(200, &[("content-type", "text/html; charset=utf-8")], "<html>"))
            }
            asked if asked.contains("/resolve/main/") => {
                Some(redirect(DELIVERED, &[("x-linked-size", "6938040682"), ("x-linked-etag", &format!("\"{hash}\""))]))
            }
            "civitai.com/api/v1/model-versions/77" => Some(found(&json!({
                "id": 77, "name": "v1", "baseModel": "SDXL 1.0", "files": [civitai_file(77, "detail.safetensors", true)],
            }))),
            "civitai.com/api/v1/model-versions/78" => Some(found(&json!({
                "id": 78, "name": "v1", "baseModel": null, "files": [civitai_file(78, "old.ckpt", true)],
            }))),
            asked if asked.starts_with("civitai.com/api/download/models/") => {
                Some(redirect("https://b2.civitai.com/file/x?token=s", &[]))
            }
            asked if asked.starts_with("b2.civitai.com/") => Some(Answer::new(200, &[], "x")),
            _ => None,
        }
    })
    .await
}

async fn app(hub: &TestHub, change: impl FnOnce(&mut comfywarden::config::Config)) -> TestApp {
    let sim = Sim::instant().model_manager().manager(Manager::V4).start().await.unwrap();
    TestApp::on_web(sim, hub.fetcher(), |config| {
        config.model_search.huggingface_token = "hf-token".into();
        change(config);
    })
}

#[tokio::test]
async fn the_server_fetches_from_the_last_hop_that_we_looked_at() {
    let hub = hub().await;
    let app = app(&hub, |_| {}).await;
    let begun = app.call("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    assert_eq!(
        begun,
        json!({
            "task_id": begun["task_id"], "folder": "checkpoints", "filename": "xl.safetensors", "from": "cdn-lfs.hf.co",
            "size_mb": 6938.0, "sha256": "c".repeat(64), "hash": "unchecked", "via": "ComfyUI-Model-Manager",
        })
    );
    let forms = app.sim.download_forms();
    for (field, value) in [
        ("type", "checkpoints"),
        ("pathIndex", "0"),
        ("fullname", "xl.safetensors"),
        ("downloadPlatform", "other"),
        ("downloadUrl", DELIVERED),
        ("sizeBytes", "6938040682"),
        ("previewFile", ""),
        ("description", ""),
    ] {
        assert_eq!(forms[0][field], value, "{field}");
    }
    let tokens: Vec<_> = hub.seen().into_iter().map(|seen| (seen.host, seen.authorization)).collect();
    assert_eq!(
        tokens,
        [
            ("huggingface.co".to_owned(), Some("Bearer hf-token".to_owned())),
            ("cdn-lfs.hf.co".to_owned(), None)
        ]
    );
    assert!(!app.audit.records().iter().any(|record| record.to_string().contains("signature=s")));
}

#[tokio::test]
async fn a_download_is_followed_to_its_end_and_cleared() {
    let hub = hub().await;
    let app = app(&hub, |_| {}).await;
    let begun = app.call("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    let id = begun["task_id"].as_str().unwrap().to_owned();
    let task = async || app.call("comfyui_get_download_tasks", json!({})).await["tasks"][0].take();
    let running = task().await;
    assert_eq!((&running["state"], &running["progress"]), (&json!("running"), &json!(25.0)), "{running}");
    assert_eq!((&running["speed_mb_s"], &running["size_mb"]), (&json!(1.0), &json!(6938.0)));
    app.sim.end_download(&id, None);
    let over = task().await;
    assert_eq!(
        (&over["state"], &over["status"], &over["hash"]),
        (&json!("done"), &json!("pause"), &json!("unchecked"))
    );
    let cleared = app.call("comfyui_cancel_download", json!({"task_id": id})).await;
    assert!(
        cleared["success"] == true && cleared["result"].as_str().unwrap().contains("was over"),
        "{cleared}"
    );
    assert_eq!(app.call("comfyui_get_download_tasks", json!({})).await["tasks"], json!([]));
    let again = app.refused("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    assert_eq!(again.kind(), Kind::Conflict, "{again}");
    assert_eq!(app.refused("comfyui_cancel_download", json!({"task_id": id})).await.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_download_that_fails_or_is_stopped_says_so() {
    let hub = hub().await;
    let app = app(&hub, |_| {}).await;
    let begun = app.call("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    let id = begun["task_id"].as_str().unwrap();
    app.sim.end_download(id, Some("Failed to download xl.safetensors, status code: 403"));
    let tasks = app.call("comfyui_get_download_tasks", json!({})).await;
    assert_eq!(tasks["tasks"][0]["state"], "failed");
    let stopped = app.call("comfyui_cancel_download", json!({"task_id": id})).await;
    assert!(stopped["result"].as_str().unwrap().contains("was stopped"), "{stopped}");
}

#[tokio::test]
async fn what_breaks_a_rule_reaches_neither_the_hub_nor_the_server() {
    let hub = hub().await;
    let app = app(&hub, |_| {}).await;
    for (url, folder, filename, kind) in [
        ("http://huggingface.co/o/r/resolve/main/a.safetensors", "checkpoints", "", Kind::Denied),
        ("https://evil.example.com/a.safetensors", "checkpoints", "", Kind::Denied),
        ("https://huggingface.co@evil.example.com/a.safetensors", "checkpoints", "", Kind::Denied),
        ("https://127.0.0.1/a.safetensors", "checkpoints", "", Kind::Denied),
        ("https://huggingface.co/o/r/resolve/main/a.exe", "checkpoints", "", Kind::Denied),
        (URL, "checkpoints", "../evil.safetensors", Kind::Denied),
        (URL, "checkpoints", "evil.py", Kind::Denied),
        (URL, "custom_nodes", "", Kind::InvalidInput),
        (URL, "nowhere", "", Kind::InvalidInput),
    ] {
        let args = json!({"url": url, "folder": folder, "filename": filename});
        let error = app.refused("comfyui_download_model", args).await;
        assert_eq!(error.kind(), kind, "{url} {folder} {filename}: {error}");
    }
    assert!(hub.seen().is_empty(), "{:?}", hub.seen());
    for file in ["away", "login"] {
        let url = format!("https://huggingface.co/owner/repo/resolve/main/{file}.safetensors");
        app.refused("comfyui_download_model", json!({"url": url, "folder": "checkpoints"})).await;
    }
    assert!(app.posts().is_empty(), "{:?}", app.posts());
}

#[tokio::test]
async fn civitai_tells_the_name_and_the_hash() {
    let hub = hub().await;
    let app = app(&hub, |_| {}).await;
    let args = json!({"url": "https://civitai.com/api/download/models/77", "folder": "loras"});
    let begun = app.call("comfyui_download_model", args).await;
    assert_eq!(
        (&begun["filename"], &begun["from"]),
        (&json!("detail.safetensors"), &json!("b2.civitai.com"))
    );
    assert!(begun["sha256"].as_str().unwrap().starts_with("a5f58eb1c3"), "{begun}");
    let unknown = json!({"url": "https://civitai.com/api/download/models/79", "folder": "loras"});
    let error = app.refused("comfyui_download_model", unknown).await;
    assert!(error.message().contains("filename"), "{error}");
}

#[tokio::test]
async fn a_pickle_warns_and_asks_where_it_can_and_a_no_downloads_nothing() {
    let hub = hub().await;
    let app = app(&hub, |_| {}).await;
    let args = json!({"url": "https://civitai.com/api/download/models/78", "folder": "checkpoints"});
    let context = |answer, state| CallContext {
        can_ask: true,
        answer,
        signed_state: state,
        ..CallContext::plain(Caller::local())
    };
    let call =
        async |context| bounded(app.app.call(context, "comfyui_download_model", object(args.clone()))).await;
    let Ok(Reply::Ask { question, signed_state }) = call(context(None, None)).await else {
        panic!("not asked")
    };
    assert!(question.contains("`old.ckpt`") && question.contains("code"), "{question}");
    let declined = call(context(Some(false), Some(signed_state))).await.unwrap_err();
    assert_eq!(declined.kind(), Kind::Denied);
    assert!(app.posts().is_empty());
    // Who cannot be asked gets the warning.
    let begun = app.call("comfyui_download_model", args.clone()).await;
    assert!(begun["warnings"][0].as_str().unwrap().contains("code"), "{begun}");
}

#[tokio::test]
async fn enforce_refuses_every_download_that_cannot_be_asked_about() {
    let hub = hub().await;
    // The configuration holds everybody to it, a token its caller; neither makes the other laxer.
    for (mode, caller) in [
        (Mode::Enforce, Caller::local()),
        (Mode::Audit, Caller::local().enforced()),
        (Mode::Enforce, Caller::local().enforced()),
    ] {
        let app = app(&hub, |config| config.security.mode = mode).await;
        for url in [URL, "https://civitai.com/api/download/models/78"] {
            let args = object(json!({"url": url, "folder": "checkpoints"}));
            let asked = |can_ask| CallContext { can_ask, ..CallContext::plain(caller.clone()) };
            let call = |can_ask| app.app.call(asked(can_ask), "comfyui_download_model", args.clone());
            assert_eq!(bounded(call(false)).await.unwrap_err().kind(), Kind::Denied, "{mode:?} {url}");
            assert!(matches!(bounded(call(true)).await, Ok(Reply::Ask { .. })), "{mode:?} {url}");
        }
        assert!(app.posts().is_empty());
    }
}

#[tokio::test]
async fn the_configuration_says_which_hosts_and_endings_are_accepted() {
    let hub = hub().await;
    let app = app(&hub, |config| {
        config.security.allowed_download_domains = vec!["civitai.com".into()];
        config.security.allowed_model_extensions = vec![".ckpt".into()];
    })
    .await;
    let error = app.refused("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    assert!(error.hint_text().unwrap().contains("accepted hosts: civitai.com"), "{error}");
    let args = json!({"url": "https://civitai.com/api/download/models/77", "folder": "loras"});
    assert_eq!(app.refused("comfyui_download_model", args).await.kind(), Kind::Denied);
}

#[tokio::test]
async fn without_model_manager_the_manager_fetches_and_without_both_the_error_helps() {
    let hub = hub().await;
    let sim = Sim::instant().manager(Manager::V4).start().await.unwrap();
    let app = TestApp::on_web(sim, hub.fetcher(), |_| {});
    let begun = app.call("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    assert_eq!(begun["via"], "ComfyUI-Manager");
    let sent = app.sim.requests("POST", "/v2/manager/queue/task");
    let task = sent[0].json.clone().unwrap();
    assert_eq!((&task["kind"], &task["params"]["url"]), (&json!("install-model"), &json!(DELIVERED)));
    assert_eq!(task["params"]["save_path"], "checkpoints");
    let tasks = app.call("comfyui_get_download_tasks", json!({})).await;
    assert_eq!(tasks["tasks"][0]["task_id"], begun["task_id"]);
    let error = app.refused("comfyui_cancel_download", json!({"task_id": begun["task_id"]})).await;
    assert_eq!(error.kind(), Kind::Conflict);

    let app = TestApp::on_web(Sim::instant().start().await.unwrap(), hub.fetcher(), |_| {});
    let error = app.refused("comfyui_download_model", json!({"url": URL, "folder": "checkpoints"})).await;
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.hint_text().unwrap().contains("ComfyUI-Model-Manager"), "{error}");
}
