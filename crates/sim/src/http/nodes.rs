//! `/object_info` and `/node_replacements`.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::{Value, json};

use super::answer;
use crate::server::{Server, lock};
use comfywarden_error::JsonObject;

/// The whole catalogue.
pub(super) async fn all(State(server): State<Arc<Server>>) -> Response {
    let mut all = server.catalogue.all(&lock(&server.models), &lock(&server.files));
    if let Some(classes) = all.as_object_mut() {
        classes.extend(lock(&server.packs).classes());
    }
    answer::ok(&all)
}

/// One class under its name, or `{}`.
pub(super) async fn one(State(server): State<Arc<Server>>, Path(class): Path<String>) -> Response {
    let mut found = JsonObject::new();
    if let Some(entry) = server.class(&class) {
        found.insert(class, entry);
    }
    answer::ok(&Value::Object(found))
}

/// The renamed classes that newer servers know; absent in 0.12.2.
pub(super) async fn replacements(State(server): State<Arc<Server>>) -> Response {
    match &server.options.node_replacements {
        Some(replacements) => answer::ok(&json!(replacements)),
        None => answer::empty(404),
    }
}
