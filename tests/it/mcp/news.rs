//! News in both eras: lists that changed, and resources that somebody watches.

use comfywarden::tools::Change;
use rmcp::model::{ServerNotification, SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams};
use serde_json::json;

use crate::{
    mcp::protocol::{Era, connect},
    support::{TestApp, bounded, person::Person, sleeping_workflow},
};

const QUEUE: &str = "comfyui://queue";

/// Starts a job that runs until the sim lets go of it.
async fn start_a_job(app: &TestApp) -> comfywarden_sim::Hold {
    let held = app.sim.hold("RigSleep");
    app.call("comfyui_run_workflow", json!({"workflow": sleeping_workflow(2)})).await;
    bounded(held.reached()).await;
    held
}

#[tokio::test]
async fn a_client_of_the_older_era_hears_of_lists_and_of_what_it_watches() {
    let app = TestApp::start().await;
    let person = Person::silent();
    let client = connect(&app, &person, Era::Handshake).await;
    #[expect(deprecated, reason = "the older era")]
    bounded(client.subscribe(SubscribeRequestParams::new(QUEUE))).await.unwrap();
    app.app.announce(Change::Tools);
    bounded(person.hears("tools")).await;
    app.app.announce(Change::Prompts);
    bounded(person.hears("prompts")).await;
    app.app.announce(Change::Resources);
    bounded(person.hears("resources")).await;

    let held = start_a_job(&app).await;

    bounded(person.hears(QUEUE)).await;
    held.release();
    #[expect(deprecated, reason = "the older era")]
    bounded(client.unsubscribe(UnsubscribeRequestParams::new(QUEUE))).await.unwrap();
    #[expect(deprecated, reason = "the older era")]
    let unknown = bounded(client.subscribe(SubscribeRequestParams::new("comfyui://nothing"))).await;
    assert!(unknown.is_err());
}

#[tokio::test]
async fn a_client_of_the_newer_era_hears_what_it_asked_for_and_nothing_else() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Discover).await;
    let filter = SubscriptionFilter::builder()
        .tools_list_changed()
        .resource_subscriptions([QUEUE.to_owned(), "comfyui://nothing".to_owned()])
        .build();
    let mut listening = bounded(client.listen(filter)).await.unwrap();

    app.app.announce(Change::Prompts);
    app.app.announce(Change::Resource("comfyui://settings".into()));
    app.app.announce(Change::Tools);
    let first = bounded(listening.next()).await.unwrap().unwrap();
    assert!(matches!(first, ServerNotification::ToolListChangedNotification(_)), "{first:?}");

    let held = start_a_job(&app).await;
    let second = bounded(listening.next()).await.unwrap().unwrap();
    held.release();
    let ServerNotification::ResourceUpdatedNotification(update) = second else { panic!("{second:?}") };
    assert_eq!(update.params.uri, QUEUE);
    bounded(listening.cancel()).await.unwrap();
}

#[tokio::test]
async fn nobody_looks_at_the_queue_when_nobody_watches_it() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Discover).await;
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut listening = bounded(client.listen(filter)).await.unwrap();
    app.app.announce(Change::Tools);
    bounded(listening.next()).await.unwrap();
    assert!(app.sim.journal().is_empty());
}
