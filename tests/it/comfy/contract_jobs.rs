//! Promises that the jobs' tools rely on, against the simulated ComfyUI and against a real one.

use comfywarden::comfy::{CancelState, Client, JobQuery, JobState, PromptId, SubmitOptions};

use crate::{
    comfy::contract::{check, contract},
    support::comfy::{TestResult, nonce, picture, sleep, submit, vet, watch},
};

async fn several_are_cancelled_each_with_its_own_outcome(client: &Client) -> TestResult {
    let done = submit(client, &picture(nonce())).await?.prompt_id;
    watch(client, &done).await?;
    let runner = submit(client, &sleep(30.0, 300)).await?.prompt_id;
    let first = submit(client, &picture(nonce())).await?.prompt_id;
    let second = submit(client, &picture(nonce())).await?.prompt_id;
    let ids = [first.clone(), runner.clone(), done.clone(), second.clone()];
    let outcomes = client.cancel_many(&ids).await?;
    let state = |id| {
        outcomes.iter().find(|(other, _)| other == id).map(|(_, outcome)| (outcome.state, outcome.verified))
    };
    // Somebody else's job may run on a real server, so that all of ours wait.
    let stopped =
        |id| matches!(state(id), Some((CancelState::Interrupted | CancelState::RemovedFromQueue, true)));
    check(ids.iter().filter(|id| **id != done).all(stopped), &format!("{outcomes:?}"))?;
    check(state(&done) == Some((CancelState::AlreadyFinished, true)), &format!("{outcomes:?}"))
}

async fn only_the_named_are_taken_out(client: &Client) -> TestResult {
    let runner = submit(client, &sleep(30.0, 300)).await?.prompt_id;
    let gone = submit(client, &picture(nonce())).await?.prompt_id;
    let stays = submit(client, &picture(nonce())).await?.prompt_id;
    client.take_out(std::slice::from_ref(&gone)).await?;
    let queue = client.queue().await?;
    let left = queue.position(&gone).is_none() && queue.position(&stays).is_some();
    let (_, ending) = watch(client, &gone).await?;
    client.cancel_many(&[runner, stays]).await?;
    check(left, "another one is gone, or this one is not")?;
    check(ending.outcome == JobState::Cancelled, &format!("{:?}", ending.outcome))
}

async fn a_mark_comes_back_in_queue_and_history(client: &Client) -> TestResult {
    let options = SubmitOptions { mark: Some("0123456789abcdef".into()), ..SubmitOptions::default() };
    let runner = submit(client, &sleep(30.0, 300)).await?.prompt_id;
    let marked = client.queue_prompt(&vet(&picture(nonce()))?, &options).await?.prompt_id;
    let queue = client.queue().await?;
    let item = queue.running.iter().chain(&queue.pending).find(|item| item.prompt_id == marked.as_str());
    let in_queue = item.and_then(|item| item.mark.clone());
    client.cancel(&runner).await?;
    watch(client, &marked).await?;
    check(in_queue == options.mark, "not in the queue")?;
    let entry = client.history(&marked).await?.ok_or("no history")?;
    check(entry.mark == options.mark, "not in the history")?;
    let mut found = None;
    client
        .history_marks(|id, mark| {
            if *id == marked {
                found = mark.map(str::to_owned);
            }
            found.is_some()
        })
        .await?;
    check(found == options.mark, "not among the marks")
}

async fn a_job_runs_under_the_id_of_its_submitter(client: &Client) -> TestResult {
    let id = PromptId::generate();
    let options = SubmitOptions { prompt_id: Some(id.clone()), ..SubmitOptions::default() };
    let submitted = client.queue_prompt(&vet(&picture(nonce()))?, &options).await?;
    check(submitted.prompt_id == id, "another id came back")?;
    watch(client, &id).await?;
    check(client.history(&id).await?.is_some(), "the history does not know the id")
}

async fn jobs_are_paged_in_either_direction(client: &Client) -> TestResult {
    for _ in 0..3 {
        let submitted = submit(client, &picture(nonce())).await?;
        watch(client, &submitted.prompt_id).await?;
    }
    let query = |offset, limit| JobQuery {
        status: vec![JobState::Succeeded],
        limit: Some(limit),
        offset,
        ..JobQuery::default()
    };
    let both = client.jobs(&query(0, 2)).await?;
    let (first, second) = (client.jobs(&query(0, 1)).await?, client.jobs(&query(1, 1)).await?);
    let ids: Vec<&str> = first.jobs.iter().chain(&second.jobs).map(|job| job.id.as_str()).collect();
    check(both.jobs.iter().map(|job| job.id.as_str()).eq(ids), "the pages do not join")?;
    check(both.has_more && both.total >= 3 && both.limit == Some(2), &format!("{both:?}"))?;
    let past = client.jobs(&query(both.total + 5, 2)).await?;
    check(past.jobs.is_empty() && !past.has_more, "a page past the end")
}

contract!(
    several_are_cancelled_each_with_its_own_outcome,
    only_the_named_are_taken_out,
    a_mark_comes_back_in_queue_and_history,
    a_job_runs_under_the_id_of_its_submitter,
    jobs_are_paged_in_either_direction,
);
