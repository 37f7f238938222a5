//! Civitai and Hugging Face on this machine, with answers in the shapes that the real ones document.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use comfywarden::web::Fetcher;
use serde_json::{Value, json};

/// An answer of a hub.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self { status, headers: headers.iter().map(owned).collect(), body: body.to_owned() }
    }
}

/// A JSON answer.
pub(crate) fn found(body: &Value) -> Answer {
    Answer::new(200, &[("content-type", "application/json")], &body.to_string())
}

/// An answer that leads elsewhere.
pub(crate) fn redirect(location: &str, headers: &[(&str, &str)]) -> Answer {
    Answer::new(302, &[&[("location", location)], headers].concat(), "")
}

type Reply = Box<dyn Fn(&str) -> Option<Answer> + Send + Sync>;

/// Both hubs, and what they were asked.
pub(crate) struct TestHub {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
}

struct Shared {
    seen: Arc<Mutex<Vec<Seen>>>,
    reply: Reply,
}

impl TestHub {
    /// Answers each `host/path?query` with what `reply` gives for it, else 404.
    pub(crate) async fn start(reply: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { seen: Arc::clone(&seen), reply: Box::new(reply) });
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// A way to the Internet whose hubs are this.
    pub(crate) fn fetcher(&self) -> Fetcher {
        ["civitai.com", "huggingface.co", "cdn-lfs.hf.co", "b2.civitai.com"]
            .iter()
            .fold(Fetcher::new(), |fetcher, host| fetcher.stand_in(host, self.address))
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let host = text("host").unwrap_or_default();
    let target = request.uri().to_string();
    let asked = format!("{host}{target}");
    shared.seen.lock().unwrap().push(Seen { host, target, authorization: text("authorization") });
    let answer = (shared.reply)(&asked).unwrap_or_else(|| Answer::new(404, &[], "{}"));
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap());
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}

/// A model as Civitai lists it, with everything that is of no interest left out.
pub(crate) fn civitai_model(id: u64, name: &str, files: &Value) -> Value {
    json!({
        "id": id, "name": name, "description": "<p>x</p>", "type": "LORA", "nsfw": false,
        "stats": {"downloadCount": 1000 + id, "thumbsUpCount": 77, "thumbsDownCount": 1, "commentCount": 3},
        "creator": {"username": "someone", "image": null},
        "modelVersions": [{
            "id": id * 10, "name": "v1", "baseModel": "SDXL 1.0", "baseModelType": "Standard",
            "trainedWords": ["detail"], "files": files, "images": [],
            "downloadUrl": format!("https://civitai.com/api/download/models/{}", id * 10),
        }],
    })
}

/// A file as Civitai lists it.
pub(crate) fn civitai_file(version: u64, name: &str, primary: bool) -> Value {
    json!({
        "id": version + 1, "sizeKB": 223_100.445, "name": name, "type": "Model",
        "metadata": {"format": "SafeTensor", "size": "full", "fp": "fp16"},
        "pickleScanResult": "Success", "virusScanResult": "Success",
        "hashes": {"AutoV2": "A5F58EB1C3", "SHA256": "A5F58EB1C33616C4F06BCA55AF39876A7B817913CD829CAA8ACB111B770C85CC"},
        "downloadUrl": format!("https://civitai.com/api/download/models/{version}"), "primary": primary,
    })
}

/// A repository as Hugging Face lists it with `full=true`.
pub(crate) fn repository(id: &str, files: &[&str]) -> Value {
    let siblings: Vec<Value> = files.iter().map(|name| json!({"rfilename": name})).collect();
    json!({
        "_id": "65", "id": id, "modelId": id, "author": "owner", "sha": "abc", "private": false, "gated": false,
        "lastModified": "2026-01-01T00:00:00.000Z", "downloads": 5000, "likes": 42, "library_name": "diffusers",
        "tags": ["diffusers", "base_model:adapter:owner/base"], "pipeline_tag": "text-to-image", "siblings": siblings,
    })
}
