//! Searching the hubs.

use comfywarden_error::Kind;
use comfywarden_sim::Sim;
use serde_json::{Value, json};

use crate::support::{
    TestApp,
    hub::{Answer, TestHub, civitai_file, civitai_model, found, redirect, repository},
};

async fn app_with(hub: &TestHub) -> TestApp {
    let sim = Sim::instant().start().await.unwrap();
    TestApp::on_web(sim, hub.fetcher(), |config| {
        config.model_search.civitai_api_key = "civitai-key".into();
        config.model_search.huggingface_token = "hf-token".into();
    })
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["filename"].as_str().unwrap()).collect()
}

/// 13 models in pages as they are asked for; every fourth has no file that may be downloaded.
fn civitai(asked: &str) -> Option<Answer> {
    let url = url::Url::parse(&format!("https://{asked}")).unwrap();
    let number =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.parse::<u64>());
    if url.path() != "/api/v1/models" {
        return None;
    }
    if url.query_pairs().any(|(key, value)| key == "types" && value != "LORA") {
        return Some(Answer::new(400, &[], "{}"));
    }
    let (limit, from) = (number("limit").unwrap().unwrap(), number("cursor").map_or(0, Result::unwrap));
    let end = (from + limit).min(13);
    let items: Vec<Value> = (from..end)
        .map(|id| {
            let name = if id % 4 == 3 { format!("{id}.zip") } else { format!("detail_{id}.safetensors") };
            civitai_model(id, &format!("Detail {id}"), &json!([civitai_file(id * 10, &name, true)]))
        })
        .collect();
    let cursor = (end < 13).then(|| json!(end.to_string()));
    Some(found(&json!({"items": items, "metadata": {"nextCursor": cursor, "pageSize": limit}})))
}

#[tokio::test]
async fn civitai_gives_file_names_urls_sizes_hashes_and_pages_that_join() {
    let hub = TestHub::start(civitai).await;
    let app = app_with(&hub).await;
    let page = async |offset: u64| {
        let args = json!({"query": " detail ", "model_type": "lora", "limit": 4, "offset": offset});
        app.call("comfyui_search_models", args).await
    };
    let first = page(0).await;
    assert_eq!(
        first["items"][0],
        json!({
            "name": "Detail 0", "type": "LORA", "url": "https://civitai.com/api/download/models/0",
            "filename": "detail_0.safetensors", "size_mb": 228.5,
            "sha256": "a5f58eb1c33616c4f06bca55af39876a7b817913cd829caa8acb111b770c85cc",
            "base_model": "SDXL 1.0", "downloads": 1000, "likes": 77,
        })
    );
    assert_eq!(
        (&first["query"], &first["source"], &first["limit"]),
        (&json!("detail"), &json!("civitai"), &json!(4))
    );
    assert!(first.get("total").is_none() && first["has_more"] == true, "{first}");

    let (second, third, beyond) = (page(4).await, page(8).await, page(12).await);
    let all: Vec<&str> = [&first, &second, &third].into_iter().flat_map(names).collect();
    let expected: Vec<String> =
        (0..13).filter(|id| id % 4 != 3).map(|id| format!("detail_{id}.safetensors")).collect();
    assert_eq!(all, expected);
    assert_eq!((&third["total"], &third["has_more"]), (&json!(10), &json!(false)), "{third}");
    assert_eq!((names(&beyond).len(), &beyond["total"]), (0, &json!(10)));

    for seen in hub.seen() {
        assert_eq!(seen.authorization.as_deref(), Some("Bearer civitai-key"), "{seen:?}");
        assert!(seen.host == "civitai.com" && seen.target.contains("query=detail&"), "{seen:?}");
    }
}

#[tokio::test]
async fn hugging_face_gives_the_largest_usable_file_with_size_and_hash() {
    let hash = "b".repeat(64);
    let details = json!({"siblings": [
        {"rfilename": "README.md", "size": 9_000_000_000_u64},
        {"rfilename": "old.ckpt", "size": 4_000_000_000_u64},
        {"rfilename": "unet/big-00001-of-00002.safetensors", "size": 8_000_000_000_u64},
        {"rfilename": "sd xl.safetensors", "size": 6_938_040_682_u64, "lfs": {"sha256": hash, "size": 1}},
        {"rfilename": "small.safetensors", "size": 1_000_u64},
    ]});
    let hub = TestHub::start(move |asked| {
        if asked.starts_with("huggingface.co/api/models?") {
            let next = "<https://huggingface.co/api/models?cursor=abc&limit=3>; rel=\"next\"";
            let first = json!([
                repository("owner/xl", &["old.ckpt", "sd xl.safetensors"]),
                repository("owner/words", &["README.md"]),
                repository("owner/broken", &["a.safetensors"]),
            ]);
            let last = json!([repository("owner/last", &["z.safetensors"])]);
            let more = Answer::new(200, &[("link", next)], &first.to_string());
            return Some(if asked.contains("cursor=abc") { found(&last) } else { more });
        }
        (asked == "huggingface.co/api/models/owner/xl?blobs=true").then(|| found(&details))
    })
    .await;
    let app = app_with(&hub).await;
    let args = json!({"query": "xl", "source": "huggingface", "model_type": "text-to-image", "limit": 2});
    let page = app.call("comfyui_search_models", args).await;
    assert_eq!(
        page["items"][0],
        json!({
            "name": "owner/xl", "type": "text-to-image",
            "url": "https://huggingface.co/owner/xl/resolve/main/sd%20xl.safetensors",
            "filename": "sd xl.safetensors", "size_mb": 6938.0, "sha256": hash,
            "base_model": "owner/base", "downloads": 5000, "likes": 42,
        })
    );
    // What has no details is still there, its size unknown.
    assert_eq!(page["items"][1]["filename"], "a.safetensors");
    assert!(page["items"][1].get("size_mb").is_none());
    assert_eq!((&page["has_more"], &page["total"]), (&json!(true), &json!(3)));
    let seen = hub.seen();
    assert_eq!(seen.len(), 4, "two listings and one question per shown repository: {seen:?}");
    assert!(seen.iter().all(|seen| seen.authorization.as_deref() == Some("Bearer hf-token")));
}

#[tokio::test]
async fn hostile_and_broken_answers_stay_bounded_data() {
    let hub = TestHub::start(|asked| match asked {
        asked if asked.contains("query=evil") => {
            let mut model =
                civitai_model(7, &"\u{202e}x\u{1b}[2J".repeat(200), &json!([civitai_file(70, "a.pt", true)]));
            model["modelVersions"][0]["files"][0]["downloadUrl"] =
                json!("https://evil.example/api/download/models/1");
            model["modelVersions"][0]["files"][0]["hashes"]["SHA256"] = json!("none of that");
            Some(found(&json!({"items": [model], "metadata": {}})))
        }
        asked if asked.contains("query=odd") => Some(Answer::new(200, &[], "<html>login</html>")),
        asked if asked.contains("query=away") => Some(redirect("https://169.254.169.254/", &[])),
        asked if asked.contains("query=busy") => Some(Answer::new(429, &[], "")),
        asked if asked.contains("types=Nonsense") => Some(Answer::new(400, &[], "")),
        _ => None,
    })
    .await;
    let app = app_with(&hub).await;
    let page = app.call("comfyui_search_models", json!({"query": "evil"})).await;
    let item = &page["items"][0];
    assert_eq!(item["url"], "https://civitai.com/api/download/models/70");
    assert!(item.get("sha256").is_none());
    let name = item["name"].as_str().unwrap();
    assert!(name.len() < 2_000 && !name.contains(['\u{202e}', '\u{1b}']), "{name}");
    for (query, kind) in [("odd", Kind::Upstream), ("away", Kind::Denied), ("busy", Kind::Upstream)] {
        let error = app.refused("comfyui_search_models", json!({"query": query})).await;
        assert_eq!(error.kind(), kind, "{query}: {error}");
    }
    let error = app.refused("comfyui_search_models", json!({"query": "x", "model_type": "Nonsense"})).await;
    assert!(
        error.kind() == Kind::InvalidInput && error.hint_text().unwrap().contains("Checkpoint"),
        "{error}"
    );
    let error = app.refused("comfyui_search_models", json!({"query": "  "})).await;
    assert_eq!(error.kind(), Kind::InvalidInput);
}
