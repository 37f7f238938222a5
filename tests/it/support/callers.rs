//! Two callers who share one server, by name.

use comfywarden::{
    app::CallContext,
    config::Config,
    gate::{Caller, Class},
    tools::Reply,
};
use comfywarden_error::Error;
use serde_json::Value;

use super::{TestApp, bounded, object};

/// Tokens for two callers, so that no caller is alone.
pub(crate) fn two_tokens(config: &mut Config) {
    config.transport.remote.tokens =
        ["a".repeat(20), "b".repeat(20)].into_iter().map(|token| token.as_str().into()).collect();
}

/// A caller of that name who may use every tool.
pub(crate) fn caller(name: &str) -> Caller {
    Caller::with_classes(name, Class::ALL)
}

/// Makes a call of `who`.
pub(crate) async fn reply(app: &TestApp, who: &str, tool: &str, args: Value) -> Result<Reply, Error> {
    bounded(app.app.call(CallContext::plain(caller(who)), tool, object(args))).await
}

/// The result of a call of `who` that must succeed.
pub(crate) async fn call(app: &TestApp, who: &str, tool: &str, args: Value) -> Value {
    match reply(app, who, tool, args).await {
        Ok(Reply::Done { structured, .. }) => structured,
        other => panic!("{tool} for {who}: {other:?}"),
    }
}
