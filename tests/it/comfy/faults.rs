//! Faults beside the matrix: lost answers, odd frames, older and newer servers, credentials.

use comfywarden::comfy::{Auth, CancelState, Error, EventKind, JobState, PromptId};
use comfywarden_error::{self, Kind};
use comfywarden_sim::{CancelRoutes, Manager, Sim, SimHandle};

use crate::support::comfy::{
    TestResult, all_events, block, client, fail, nonce, picture, sleep, submit, until, watch,
};

async fn sim() -> TestResult<SimHandle> {
    Ok(Sim::builder().sampling_time(std::time::Duration::ZERO).start().await?)
}

#[tokio::test]
async fn a_lost_reply_never_leads_to_a_second_submit() -> TestResult {
    let sim = sim().await?;
    sim.faults().lose_prompt_reply();
    let client = client(&sim.url(), |_| ())?;
    let submitted = submit(&client, &picture(nonce())).await?;
    assert!(submitted.recovered);
    assert_eq!(sim.requests("POST", "/prompt").len(), 1);
    assert_eq!(watch(&client, &submitted.prompt_id).await?.1.outcome, JobState::Succeeded);
    Ok(())
}

#[tokio::test]
async fn a_submit_that_never_arrived_is_sent_again_once() -> TestResult {
    let sim = sim().await?;
    sim.faults().fail_requests("/prompt", 1, 502);
    let client = client(&sim.url(), |_| ())?;
    let submitted = submit(&client, &picture(nonce())).await?;
    let requests = sim.requests("POST", "/prompt");
    assert_eq!(requests.len(), 2);
    let ids: Vec<_> =
        requests.iter().map(|r| r.json.as_ref().and_then(|body| body.get("prompt_id"))).collect();
    assert!(ids.windows(2).all(|pair| pair.first() == pair.last()), "another id the second time: {ids:?}");
    let looked = sim.requests("GET", "/queue").len();
    assert!(looked >= 2, "looked only {looked} times before sending again");
    assert_eq!(watch(&client, &submitted.prompt_id).await?.1.outcome, JobState::Succeeded);
    sim.faults().fail_requests("/prompt", 9, 503);
    assert!(matches!(submit(&client, &picture(nonce())).await, Err(e) if e.to_string().contains("503")));
    assert_eq!(sim.requests("POST", "/prompt").len(), 4);
    Ok(())
}

#[tokio::test]
async fn a_submit_of_unknown_fate_keeps_its_id() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    sim.faults().lose_prompt_reply();
    sim.faults().fail_requests("/queue", 1000, 503);
    let error = submit(&client, &picture(nonce())).await.err().ok_or("it was confirmed")?;
    let error = *error.downcast::<Error>()?;
    let Error::Unconfirmed { prompt_id, .. } = &error else { return Err(error.into()) };
    let id = prompt_id.clone();
    let edge = comfywarden_error::Error::from(error);
    assert_eq!(
        (edge.kind(), edge.details().get("prompt_id")),
        (Kind::Unavailable, Some(&id.as_str().into()))
    );
    assert_eq!(sim.requests("POST", "/prompt").len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_unreachable_server_names_the_setting() -> TestResult {
    let sim = sim().await?;
    let url = sim.url();
    sim.stop().await;
    let client = client(&url, |_| ())?;
    let error = submit(&client, &picture(nonce())).await.err().ok_or("it was accepted")?;
    let edge = comfywarden_error::Error::from(*error.downcast::<Error>()?);
    assert_eq!(edge.kind(), Kind::Unavailable);
    assert!(edge.message().contains(&url), "{edge}");
    assert!(
        edge.hint_text().is_some_and(|hint| hint.contains("comfyui.url") && hint.contains("COMFYUI_URL"))
    );
    Ok(())
}

#[tokio::test]
async fn a_get_survives_two_server_errors_and_reports_the_third() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    sim.faults().fail_requests("/queue", 2, 502);
    client.queue().await?;
    assert_eq!(sim.requests("GET", "/queue").len(), 3);
    sim.faults().fail_requests("/queue", 3, 502);
    assert!(matches!(client.queue().await, Err(Error::Status { status: 502, .. })));
    Ok(())
}

#[tokio::test]
async fn an_oversize_answer_is_stopped_at_the_cap() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    sim.faults().oversize_answer("/features", 2 << 20);
    assert!(matches!(client.features().await, Err(Error::TooLarge { .. })));
    Ok(())
}

#[tokio::test]
async fn history_that_is_late_is_waited_for() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    let gate = sim.hold("SaveImage");
    let submitted = submit(&client, &picture(nonce())).await?;
    let events = client.watch(&submitted.prompt_id);
    gate.reached().await;
    sim.faults().history_misses(5);
    gate.release();
    let (_, ending) = all_events(events).await?;
    assert_eq!((ending.outcome, ending.outputs.len()), (JobState::Succeeded, 1));
    Ok(())
}

#[tokio::test]
async fn malformed_frames_are_counted_and_ignored() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    let gate = sim.hold("SaveImage");
    let submitted = submit(&client, &picture(nonce())).await?;
    let events = client.watch(&submitted.prompt_id);
    gate.reached().await;
    sim.faults().malformed_frames();
    sim.faults().oversize_frame(28 << 20);
    gate.release();
    let (events, ending) = all_events(events).await?;
    assert_eq!(ending.outcome, JobState::Succeeded);
    assert!(!events.contains(&EventKind::FallbackPolling));
    let stats = client.feed_stats();
    assert_eq!((stats.connections, stats.open), (1, true));
    assert!(stats.malformed >= 8, "{stats:?}");
    Ok(())
}

#[tokio::test]
async fn a_frame_past_the_limit_ends_the_socket_and_not_the_wait() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |config| {
        config.limits.binary_frame = 1 << 20;
        config.limits.text_frame = 1 << 20;
    })?;
    let gate = sim.hold("SaveImage");
    let submitted = submit(&client, &picture(nonce())).await?;
    let mut events = client.watch(&submitted.prompt_id);
    gate.reached().await;
    sim.faults().oversize_frame(2 << 20);
    until(&mut events, |event| *event == EventKind::FallbackPolling).await?;
    gate.release();
    assert_eq!(all_events(events).await?.1.outcome, JobState::Succeeded);
    Ok(())
}

#[tokio::test]
async fn a_deaf_socket_is_noticed_by_looking() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    sim.faults().silence_ws(true);
    for (workflow, outcome) in
        [(picture(nonce()), JobState::Succeeded), (fail("ValueError"), JobState::Failed)]
    {
        let submitted = submit(&client, &workflow).await?;
        assert_eq!(watch(&client, &submitted.prompt_id).await?.1.outcome, outcome);
    }
    Ok(())
}

#[tokio::test]
async fn an_older_server_without_the_jobs_route_serves_as_well() -> TestResult {
    let sim = sim().await?;
    sim.faults().answer("/jobs", 404, "");
    sim.faults().refuse_ws(true);
    let client = client(&sim.url(), |_| ())?;
    for (workflow, outcome) in [
        (picture(nonce()), JobState::Succeeded),
        (fail("ValueError"), JobState::Failed),
        (block("x"), JobState::Succeeded),
    ] {
        let submitted = submit(&client, &workflow).await?;
        assert_eq!(watch(&client, &submitted.prompt_id).await?.1.outcome, outcome);
        let job = client.job(&submitted.prompt_id).await?.ok_or("no job")?;
        assert_eq!(job.status == Some(JobState::Failed), outcome == JobState::Failed);
    }
    let submitted = submit(&client, &sleep(600.0, 6000)).await?;
    assert_eq!(client.cancel(&submitted.prompt_id).await?.state, CancelState::Interrupted);
    assert_eq!(client.job(&PromptId::generate()).await?, None);
    let asked = sim.requests("GET", &format!("/jobs/{}", submitted.prompt_id)).len();
    assert_eq!(asked, 0, "the missing route was asked again");
    Ok(())
}

#[tokio::test]
async fn a_newer_server_cancels_by_its_own_route() -> TestResult {
    let sim = Sim::builder().cancel_routes(CancelRoutes::Present).start().await?;
    let client = client(&sim.url(), |_| ())?;
    let gate = sim.hold_at_step("RigSleep", 1);
    let running = submit(&client, &sleep(600.0, 6000)).await?.prompt_id;
    let waiting = submit(&client, &picture(nonce())).await?.prompt_id;
    gate.reached().await;
    assert_eq!(client.cancel(&waiting).await?.state, CancelState::RemovedFromQueue);
    gate.release();
    assert_eq!(client.cancel(&running).await?.state, CancelState::Interrupted);
    assert!(sim.requests("POST", "/interrupt").is_empty() && sim.requests("POST", "/queue").is_empty());
    assert_eq!(watch(&client, &waiting).await?.1.outcome, JobState::Cancelled);
    Ok(())
}

#[tokio::test]
async fn fifty_waits_share_one_socket() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    let mut waits = Vec::new();
    for _ in 0..50 {
        let submitted = submit(&client, &picture(nonce())).await?;
        waits.push(all_events(client.watch(&submitted.prompt_id)));
    }
    for ending in futures::future::join_all(waits).await {
        assert_eq!(ending?.1.outcome, JobState::Succeeded);
    }
    let opened = sim.journal().iter().filter(|request| request.opens_socket).count();
    assert_eq!((opened, sim.sockets()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_reconnect_takes_a_fresh_name_and_an_idle_client_does_not_reconnect() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    let first = submit(&client, &picture(nonce())).await?;
    watch(&client, &first.prompt_id).await?;
    sim.faults().drop_ws();
    // Each turn waits for an answer of the server; the client notices the cut in one of them.
    while client.feed_stats().open {
        client.system_stats().await?;
    }
    client.queue().await?;
    let opened = |sim: &SimHandle| {
        sim.journal().into_iter().filter(|r| r.opens_socket).map(|r| r.query).collect::<Vec<_>>()
    };
    assert_eq!(opened(&sim).len(), 1, "reconnected although nobody watches");
    let second = submit(&client, &picture(nonce())).await?;
    let (events, _) = watch(&client, &second.prompt_id).await?;
    assert!(!events.contains(&EventKind::FallbackPolling));
    let names = opened(&sim);
    assert_eq!(names.len(), 2);
    assert_ne!(names.first(), names.last());
    Ok(())
}

#[tokio::test]
async fn the_credential_goes_with_every_request_and_the_socket() -> TestResult {
    let sim = Sim::instant().require_header("authorization", "Bearer hunter2").start().await?;
    let wrong = client(&sim.url(), |_| ())?;
    let error = comfywarden_error::Error::from(wrong.queue().await.err().ok_or("it was let in")?);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("comfyui.auth")), "{error}");
    let right = client(&sim.url(), |config| config.auth = Auth::Bearer("hunter2".into()))?;
    let submitted = submit(&right, &picture(nonce())).await?;
    let (events, ending) = watch(&right, &submitted.prompt_id).await?;
    assert_eq!(ending.outcome, JobState::Succeeded);
    assert!(!events.contains(&EventKind::FallbackPolling));
    assert!(!format!("{right:?}").contains("hunter2"));
    Ok(())
}

#[tokio::test]
async fn the_manager_is_found_once_it_is_there() -> TestResult {
    let without = sim().await?;
    assert_eq!(client(&without.url(), |_| ())?.manager_version().await?, None);
    let with = Sim::instant().manager(Manager::V4).start().await?;
    let client = client(&with.url(), |_| ())?;
    with.faults().fail_requests("/v2/manager/version", 1, 404);
    assert_eq!(client.manager_version().await?, None);
    let mut pause = tokio::time::interval(std::time::Duration::from_millis(20));
    let found = async {
        loop {
            pause.tick().await;
            if let Some(version) = client.manager_version().await? {
                return Ok::<_, Error>(version);
            }
        }
    };
    let version = tokio::time::timeout(crate::support::comfy::LIMIT, found).await??;
    assert!(version.starts_with('V'), "{version}");
    Ok(())
}

#[tokio::test]
async fn the_catalogue_is_fetched_once_and_again_when_forgotten() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    let (first, second) = tokio::join!(client.object_info(), client.object_info());
    assert!(std::sync::Arc::ptr_eq(&first?, &second?));
    assert_eq!(sim.requests("GET", "/object_info").len(), 1);
    client.forget_object_info().await;
    client.object_info().await?;
    assert_eq!(sim.requests("GET", "/object_info").len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_second_watcher_learns_where_the_run_stands() -> TestResult {
    let sim = sim().await?;
    let client = client(&sim.url(), |_| ())?;
    let gate = sim.hold_at_step("RigSleep", 3);
    let submitted = submit(&client, &sleep(0.1, 10)).await?;
    let mut first = client.watch(&submitted.prompt_id);
    gate.reached().await;
    until(&mut first, |event| matches!(event, EventKind::Progress(p) if p.step == Some(3))).await?;
    let mut second = client.watch(&submitted.prompt_id);
    let seen = until(&mut second, |event| matches!(event, EventKind::Progress(_))).await?;
    let EventKind::Progress(progress) = seen else { return Err("not progress".into()) };
    assert_eq!((progress.step, progress.total_steps), (Some(3), Some(10)));
    gate.release();
    assert_eq!(all_events(first).await?.1.outcome, JobState::Succeeded);
    assert_eq!(all_events(second).await?.1.outcome, JobState::Succeeded);
    Ok(())
}

#[tokio::test]
async fn a_result_is_there_soon_after_the_last_event() -> TestResult {
    let sim = sim().await?;
    // The timing of production: nothing here may depend on hasty polling.
    let client = client(&sim.url(), |config| config.timing = comfywarden::comfy::Timing::default())?;
    for _ in 0..200 {
        let submitted = submit(&client, &picture(nonce())).await?;
        let (_, ending) = watch(&client, &submitted.prompt_id).await?;
        assert_eq!((ending.outcome, ending.outputs.len()), (JobState::Succeeded, 1));
        // A wait for the next poll would be a second at least.
        assert!(ending.elapsed < std::time::Duration::from_millis(900), "{:?}", ending.elapsed);
    }
    Ok(())
}

#[tokio::test]
async fn a_comfyui_that_is_gone_is_told_once_and_the_watch_goes_on() -> TestResult {
    let sim = sim().await?;
    let client =
        client(&sim.url(), |config| config.timing.gone_after = std::time::Duration::from_millis(50))?;
    let gate = sim.hold("SaveImage");
    let submitted = submit(&client, &picture(nonce())).await?;
    let mut events = client.watch(&submitted.prompt_id);
    gate.reached().await;
    sim.faults().down(true);
    until(&mut events, |event| *event == EventKind::Unreachable).await?;
    sim.faults().down(false);
    gate.release();
    let (later, ending) = all_events(events).await?;
    assert_eq!(ending.outcome, JobState::Succeeded);
    assert!(!later.contains(&EventKind::Unreachable), "{later:?}");
    Ok(())
}
