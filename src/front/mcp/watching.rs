//! Notifies clients of changed lists and resources, in the way of each era.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer,
    model::{ResourceUpdatedNotificationParam, SubscriptionFilter},
    service::{Peer, RequestContext, SubscriptionContext, SubscriptionSink},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Mcp, protocol_error};
use crate::{app::Watch, tools::Change};

/// Limit for resources that one client watches.
const MAX_WATCHED: usize = 100;
/// Interval of checks whether a silent client of the older era is still connected.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// Resources that one session of the older era watches.
#[derive(Debug, Clone, Default)]
pub(super) struct Subscriptions(Arc<Mutex<Vec<(String, Watch)>>>);

impl Subscriptions {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<(String, Watch)>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn uris(&self) -> BTreeSet<String> {
        self.with(|watched| watched.iter().map(|(uri, _)| uri.clone()).collect())
    }
}

impl Mcp {
    /// Starts watching a resource, in a session of the older era.
    pub(super) async fn watch(
        &self,
        uri: &str,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if self.watched.with(|watched| watched.len() >= MAX_WATCHED) {
            return Err(too_many());
        }
        let watch = self.may_watch(uri, context).await?;
        self.watched.with(|watched| {
            watched.retain(|(known, _)| known != uri);
            watched.push((uri.to_owned(), watch));
        });
        Ok(())
    }

    /// Stops watching a resource.
    pub(super) fn unwatch(&self, uri: &str) {
        self.watched.with(|watched| watched.retain(|(known, _)| known != uri));
    }

    async fn may_watch(&self, uri: &str, context: &RequestContext<RoleServer>) -> Result<Watch, ErrorData> {
        let caller = self.caller(context)?;
        self.app.watch(&caller, self.view(context), uri).await.map_err(|error| protocol_error(&error))
    }

    /// Sends notifications to a client of the older era until it disconnects.
    pub(super) fn carry_news(&self, peer: Peer<RoleServer>) {
        let (mut news, watched, stopping) = (self.app.changes(), self.watched.clone(), self.app.stopping());
        tokio::spawn(async move {
            loop {
                let change = tokio::select! {
                    () = stopping.cancelled() => break,
                    change = next(&mut news) => change,
                    () = tokio::time::sleep(CHECK_INTERVAL) => {
                        if peer.is_transport_closed() { break }
                        continue;
                    }
                };
                let sent = match change {
                    News::Of(change) => tell(&peer, change, &watched).await,
                    News::Missed => {
                        let all = watched.uris().into_iter().map(Change::Resource);
                        tell_all(&peer, lists().into_iter().chain(all), &watched).await
                    }
                    News::Over => false,
                };
                if !sent {
                    break;
                }
            }
        });
    }

    /// Filters what a client of the newer era may listen to. The caller is not known here; [`Self::stay`] checks it.
    pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
        let mut accepted = requested.clone();
        if let Some(uris) = accepted.resource_subscriptions.as_mut() {
            uris.retain(|uri| crate::app::is_resource(uri));
            uris.truncate(MAX_WATCHED);
        }
        accepted
    }

    /// Sends notifications to a client of the newer era for as long as it listens.
    pub(super) async fn stay(&self, subscription: &SubscriptionContext) -> Result<(), ErrorData> {
        let mut news = self.app.changes();
        let uris = subscription.accepted().resource_subscriptions.clone().unwrap_or_default();
        let mut watches = Vec::new();
        for uri in &uris {
            watches.push(self.may_watch(uri, subscription.request_context()).await?);
        }
        let stopping = self.app.stopping();
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                () = stopping.cancelled() => return Ok(()),
                change = next(&mut news) => change,
            };
            let sent = match change {
                News::Of(change) => sent(subscription.sink(), change).await,
                News::Missed => {
                    let mut all = true;
                    for change in lists().into_iter().chain(uris.iter().cloned().map(Change::Resource)) {
                        all &= sent(subscription.sink(), change).await;
                    }
                    all
                }
                News::Over => false,
            };
            if !sent {
                return Ok(());
            }
        }
    }
}

fn too_many() -> ErrorData {
    ErrorData::invalid_params(format!("at most {MAX_WATCHED} resources can be watched"), None)
}

enum News {
    Of(Change),
    /// Some changes were lost because there were too many at once: everything may be new.
    Missed,
    Over,
}

async fn next(news: &mut Receiver<Change>) -> News {
    match news.recv().await {
        Ok(change) => News::Of(change),
        Err(RecvError::Lagged(_)) => News::Missed,
        Err(RecvError::Closed) => News::Over,
    }
}

fn lists() -> [Change; 3] {
    [Change::Tools, Change::Prompts, Change::Resources]
}

async fn tell_all(
    peer: &Peer<RoleServer>,
    changes: impl Iterator<Item = Change>,
    watched: &Subscriptions,
) -> bool {
    for change in changes {
        if !tell(peer, change, watched).await {
            return false;
        }
    }
    true
}

/// Notifies a client of the older era; false when it is disconnected.
async fn tell(peer: &Peer<RoleServer>, change: Change, watched: &Subscriptions) -> bool {
    let told = match change {
        Change::Tools => peer.notify_tool_list_changed().await,
        Change::Prompts => peer.notify_prompt_list_changed().await,
        Change::Resources => peer.notify_resource_list_changed().await,
        Change::Resource(uri) if watched.with(|watched| watched.iter().any(|(known, _)| *known == uri)) => {
            peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await
        }
        Change::Resource(_) => return true,
    };
    told.is_ok()
}

/// Notifies a subscription, if it asked for this change; false when it is over.
async fn sent(sink: &SubscriptionSink, change: Change) -> bool {
    let accepted = sink.accepted();
    let told = match change {
        Change::Tools if accepted.tools_list_changed == Some(true) => sink.notify_tool_list_changed().await,
        Change::Prompts if accepted.prompts_list_changed == Some(true) => {
            sink.notify_prompt_list_changed().await
        }
        Change::Resources if accepted.resources_list_changed == Some(true) => {
            sink.notify_resource_list_changed().await
        }
        Change::Resource(uri)
            if accepted.resource_subscriptions.as_ref().is_some_and(|uris| uris.contains(&uri)) =>
        {
            sink.notify_resource_updated(uri).await
        }
        _ => return true,
    };
    told.is_ok()
}
