//! Proofs of a scene, and the checks that it cannot skip.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use comfywarden::tools::{Block, Reply};
use comfywarden_error::{Error, Kind};
use futures::future::BoxFuture;
use serde_json::Value;

use crate::support::TestApp;

/// Both sides of one tool, played on servers of its own.
pub(super) struct Scene {
    pub(super) tool: &'static str,
    play: Box<dyn FnOnce(Show) -> BoxFuture<'static, ()> + Send>,
}

impl Scene {
    pub(super) fn new<F>(tool: &'static str, play: impl FnOnce(Show) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { tool, play: Box::new(move |show| Box::pin(play(show))) }
    }

    pub(super) fn play(self, shown: &Shown) -> BoxFuture<'static, ()> {
        (self.play)(Show { tool: self.tool, shown: shown.clone() })
    }
}

/// Sides of tools that were seen.
#[derive(Clone, Default)]
pub(super) struct Shown(Arc<Mutex<BTreeMap<&'static str, Sides>>>);

#[derive(Clone, Copy, Default)]
struct Sides {
    succeeded: bool,
    failed: bool,
}

impl Shown {
    fn note(&self, tool: &'static str, change: impl FnOnce(&mut Sides)) {
        change(self.0.lock().unwrap().entry(tool).or_default());
    }

    /// Lists the proofs that these tools lack, and the proofs of no tool.
    pub(super) fn lacking(&self, tools: &BTreeSet<String>) -> Vec<String> {
        let shown = self.0.lock().unwrap();
        let mut lacking = Vec::new();
        for tool in tools {
            let sides = shown.get(tool.as_str()).copied().unwrap_or_default();
            for (seen, side) in [(sides.succeeded, "succeed"), (sides.failed, "fail")] {
                if !seen {
                    lacking.push(format!("{tool} was never seen to {side}"));
                }
            }
        }
        let strangers = shown.keys().filter(|tool| !tools.contains(**tool));
        lacking.extend(strangers.map(|tool| format!("{tool} has a scene and is not in the catalogue")));
        lacking
    }
}

/// The hand of a scene: it makes the calls, so that none goes unchecked.
pub(super) struct Show {
    tool: &'static str,
    shown: Shown,
}

impl Show {
    /// A call that must succeed, conform to the output schema, and hold these values in these places.
    pub(super) async fn success(&self, app: &TestApp, args: Value, means: &[(&str, Value)]) -> Value {
        self.picture(app, args, means).await.0
    }

    /// Checks a success and the blocks beside its result.
    pub(super) async fn picture(
        &self,
        app: &TestApp,
        args: Value,
        means: &[(&str, Value)],
    ) -> (Value, Vec<Block>) {
        let tool = self.tool;
        assert!(!means.is_empty(), "{tool}: a success without a meaning shows nothing");
        let (result, blocks) = match app.reply(tool, args).await {
            Ok(Reply::Done { structured, blocks }) => (structured, blocks),
            other => panic!("{tool} did not end with a result: {other:?}"),
        };
        let catalogue = app.app.tools();
        let schema = Value::Object(catalogue.get(tool).unwrap().output_schema().as_ref().clone());
        let wrong = comfywarden::gate::contract::schema::compile(schema.as_object().unwrap())
            .unwrap()
            .faults(&result);
        assert!(wrong.is_empty(), "{tool} breaks its output schema: {wrong:?}\n{result}");
        for (place, wanted) in means {
            assert_eq!(result.pointer(place), Some(wanted), "{tool}{place}: {result}");
        }
        self.shown.note(tool, |sides| sides.succeeded = true);
        (result, blocks)
    }

    /// A call that the tool itself must fail: with this kind, these words about the thing and the rule in the
    /// message, and these words about the next step in the hint.
    pub(super) async fn failure(
        &self,
        app: &TestApp,
        args: Value,
        kind: Kind,
        says: &[&str],
        next: &[&str],
    ) -> Error {
        let tool = self.tool;
        assert!(!says.is_empty() && !next.is_empty(), "{tool}: a failure without words shows nothing");
        let error = app.refused(tool, args).await;
        assert_eq!(error.kind(), kind, "{tool}: {error}");
        // A refusal of the gate (schema, rate, permission) is the same for all tools.
        let actions = app.actions(tool);
        assert_eq!(actions.last().map(String::as_str), Some("failed"), "{tool}: {error} {actions:?}");
        for word in says {
            assert!(error.message().contains(word), "{tool}: no “{word}” in the message: {error}");
        }
        let hint = error.hint_text().unwrap_or_else(|| panic!("{tool}: no next step: {error}"));
        for word in next {
            assert!(hint.contains(word), "{tool}: no “{word}” in the next step: {error}");
        }
        self.shown.note(tool, |sides| sides.failed = true);
        error
    }
}
