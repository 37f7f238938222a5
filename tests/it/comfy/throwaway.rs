//! Faults that break a real ComfyUI: a dead worker and a reboot. Needs an instance of its own, with the Manager:
//! `COMFYUI_THROWAWAY_URL=http://127.0.0.1:8199 cargo test --test it -- --ignored throwaway`.

use std::time::Duration;

use comfywarden::comfy::{CancelState, Client, EventKind, JobState, Timing};

use crate::support::comfy::{
    TestResult, all_events, client, fail, nonce, picture, sleep, submit, until, watch,
};

#[expect(clippy::disallowed_methods, reason = "the address of a real server is the tester's to name")]
pub(crate) fn url() -> TestResult<String> {
    let name = "COMFYUI_THROWAWAY_URL";
    std::env::var(name).map_err(|_| format!("set {name} to the address of a ComfyUI that may break").into())
}

fn patient() -> TestResult<Client> {
    client(&url()?, |config| {
        config.timing = Timing { stall_after: Duration::from_secs(3), ..Timing::default() };
        config.timing.verify_cancel = Duration::from_secs(2);
    })
}

/// Reboots by the Manager's route and returns when the server answers again.
async fn reboot(client: &Client) -> TestResult {
    // The connection is cut before an answer.
    drop(
        crate::support::http_client()
            .get(format!("{}/v2/manager/reboot", url()?.trim_end_matches('/')))
            .send()
            .await,
    );
    let mut pause = tokio::time::interval(Duration::from_millis(500));
    let answers = async {
        loop {
            pause.tick().await;
            if client.system_stats().await.is_ok() {
                return;
            }
        }
    };
    Ok(tokio::time::timeout(Duration::from_mins(2), answers).await?)
}

#[tokio::test]
#[ignore = "breaks the ComfyUI it runs against: set COMFYUI_THROWAWAY_URL"]
async fn a_dead_worker_stalls_and_a_reboot_loses_what_it_had() -> TestResult {
    let client = patient()?;
    let broken = submit(&client, &fail("SystemExit")).await?;
    let mut events = client.watch(&broken.prompt_id);
    until(&mut events, |event| *event == EventKind::Stalled(true)).await?;
    let outcome = client.cancel(&broken.prompt_id).await?;
    assert_eq!((outcome.state, outcome.verified), (CancelState::StillRunning, true));

    let waiting = submit(&client, &picture(nonce())).await?;
    let waiting_events = client.watch(&waiting.prompt_id);
    reboot(&client).await?;
    assert_eq!(all_events(events).await?.1.outcome, JobState::Lost);
    assert_eq!(all_events(waiting_events).await?.1.outcome, JobState::Lost);

    let running = submit(&client, &sleep(60.0, 600)).await?;
    let mut events = client.watch(&running.prompt_id);
    until(&mut events, |event| matches!(event, EventKind::Progress(p) if p.step >= Some(3))).await?;
    reboot(&client).await?;
    assert_eq!(all_events(events).await?.1.outcome, JobState::Lost);

    let fresh = submit(&client, &picture(nonce())).await?;
    assert_eq!(watch(&client, &fresh.prompt_id).await?.1.outcome, JobState::Succeeded);
    Ok(())
}
