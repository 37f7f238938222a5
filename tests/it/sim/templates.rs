//! Every template that stock ComfyUI can run is accepted by the simulated one and leaves an output.
#![expect(clippy::unwrap_used, reason = "a template that cannot be built is a failed test")]

use comfywarden_sim::Sim;
use comfywarden_workflow::templates;
use serde_json::{Value, json};

use super::client::{Socket, get, post};

/// The texts among the inputs of a graph, with the class they belong to.
fn texts(graph: &Value) -> Vec<(String, String)> {
    let inputs = |node: &Value| {
        let class = node["class_type"].as_str().unwrap_or_default().to_owned();
        let values = node["inputs"].as_object().cloned().unwrap_or_default();
        values.into_iter().filter_map(move |(_, value)| Some((class.clone(), value.as_str()?.to_owned())))
    };
    graph.as_object().unwrap().values().flat_map(inputs).collect()
}

fn is_model(name: &str) -> bool {
    [".safetensors", ".pth", ".ckpt", ".pt", ".gguf"].iter().any(|end| name.ends_with(end))
}

#[tokio::test]
async fn stock_templates_run_to_their_end() {
    let sim = Sim::instant().start().await.unwrap();
    let picture = sim.file("input", "", "example.png").unwrap();
    let mut socket = Socket::open(&sim, "t").await;
    let mut wrong = Vec::new();
    for template in templates::catalogue().iter().filter(|template| template.packs.is_empty()) {
        let built = templates::build(template.name, &serde_json::Map::new(), None, 7).unwrap();
        let mut graph = built.workflow.to_value();
        shrink(&mut graph);
        let texts = texts(&graph);
        let models: Vec<String> =
            texts.iter().filter(|(_, text)| is_model(text)).map(|(_, text)| text.clone()).collect();
        for folder in get(&sim, "/models").await.body().as_array().unwrap() {
            sim.set_models(folder.as_str().unwrap(), models.clone());
        }
        for (_, name) in texts.iter().filter(|(class, _)| class.starts_with("LoadImage")) {
            sim.put_file("input", "", name, picture.clone());
        }

        let body = json!({"prompt": graph, "client_id": "t", "prompt_id": template.name});
        let answer = post(&sim, "/prompt", &body).await;
        if answer.status != 200 || answer.body()["node_errors"] != json!({}) {
            wrong.push(format!("{}: {}", template.name, answer.body()));
            continue;
        }
        socket.until_end_of(template.name).await;
        let entry = get(&sim, &format!("/history/{}", template.name)).await.body()[template.name].clone();
        let outputs = entry["outputs"].as_object().map_or(0, serde_json::Map::len);
        if entry["status"]["status_str"] != "success" || outputs == 0 {
            wrong.push(format!("{}: {}", template.name, entry["status"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Small pictures and short films: this test is not about pixels.
fn shrink(graph: &mut Value) {
    for node in graph.as_object_mut().unwrap().values_mut() {
        let Some(inputs) = node["inputs"].as_object_mut() else { continue };
        for (name, small) in [("width", 64), ("height", 64), ("length", 9), ("steps", 2)] {
            if inputs.get(name).is_some_and(Value::is_number) {
                inputs.insert(name.to_owned(), small.into());
            }
        }
    }
}
