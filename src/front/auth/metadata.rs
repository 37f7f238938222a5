//! Protected resource metadata (RFC 9728): tells clients which OAuth server issues tokens for this server.

use axum::{
    Json,
    routing::{MethodRouter, get},
};
use serde_json::{Value, json};
use url::Url;

use super::access::SCOPES;
use crate::config::OAuth;

/// Path of the document, from RFC 9728.
pub(in crate::front) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// Routes of the document: at the root, and with the path of the resource after it.
pub(in crate::front) fn routes(oauth: &OAuth) -> Vec<(String, MethodRouter)> {
    let document = document(oauth);
    let answer = move || {
        let document = document.clone();
        async move { Json(document) }
    };
    vec![(WELL_KNOWN.to_owned(), get(answer.clone())), (format!("{WELL_KNOWN}/mcp"), get(answer))]
}

fn document(oauth: &OAuth) -> Value {
    json!({
        "resource": oauth.audience,
        "authorization_servers": [oauth.issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": SCOPES.iter().map(|(scope, _)| *scope).collect::<Vec<_>>(),
        "resource_name": "comfywarden",
    })
}

/// Address of the document, for challenges; `None` when the audience is not a URL.
pub(in crate::front) fn address(oauth: &OAuth) -> Option<String> {
    let resource = Url::parse(&oauth.audience).ok().filter(Url::has_host)?;
    let mut address = resource.clone();
    address.set_query(None);
    address.set_fragment(None);
    address.set_path(&format!("{WELL_KNOWN}{}", resource.path().trim_end_matches('/')));
    Some(address.into())
}
