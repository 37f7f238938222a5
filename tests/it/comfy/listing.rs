//! Lists of jobs: a server without `/api/jobs` gives the same pages, put together from its queue and its history.

use comfywarden::comfy::{Client, JobPage, JobQuery, JobState, SortBy, SortOrder};
use comfywarden_sim::Sim;

use crate::support::comfy::{TestResult, client, fail, nonce, picture, sleep, submit, watch};

/// What a page says that both ways have.
fn told(page: &JobPage) -> (Vec<(String, Option<JobState>)>, u64, u64, bool) {
    let jobs = page.jobs.iter().map(|job| (job.id.clone(), job.status)).collect();
    (jobs, page.offset, page.total, page.has_more)
}

async fn page(
    client: &Client,
    query: &JobQuery,
) -> TestResult<(Vec<(String, Option<JobState>)>, u64, u64, bool)> {
    Ok(told(&client.jobs(query).await?))
}

#[tokio::test]
async fn pages_are_the_same_with_and_without_the_jobs_route() -> TestResult {
    let sim = Sim::instant().start().await?;
    let with = client(&sim.url(), |_| ())?;
    for workflow in [picture(nonce()), fail("ValueError"), picture(nonce())] {
        let id = submit(&with, &workflow).await?.prompt_id;
        watch(&with, &id).await?;
    }
    let gate = sim.hold_at_step("RigSleep", 1);
    submit(&with, &sleep(600.0, 6000)).await?;
    gate.reached().await;
    for _ in 0..2 {
        submit(&with, &picture(nonce())).await?;
    }
    let queries = [
        JobQuery::default(),
        JobQuery { sort_order: Some(SortOrder::Asc), ..JobQuery::default() },
        JobQuery { limit: Some(2), offset: 1, ..JobQuery::default() },
        JobQuery { limit: Some(4), offset: 4, ..JobQuery::default() },
        JobQuery { offset: 50, ..JobQuery::default() },
        JobQuery { status: vec![JobState::Failed], ..JobQuery::default() },
        JobQuery { status: vec![JobState::Queued, JobState::Running], ..JobQuery::default() },
        JobQuery {
            status: vec![JobState::Cancelled],
            sort_by: Some(SortBy::CreatedAt),
            ..JobQuery::default()
        },
        JobQuery { workflow_id: Some("no such workflow".into()), ..JobQuery::default() },
    ];
    let mut by_route = Vec::new();
    for query in &queries {
        by_route.push(page(&with, query).await?);
    }
    assert_eq!(by_route[0].0.len(), 6, "{:?}", by_route[0]);
    assert_eq!(by_route[5].0[0].1, Some(JobState::Failed));

    sim.faults().answer("/jobs", 404, "");
    let without = client(&sim.url(), |_| ())?;
    for (query, wanted) in queries.iter().zip(&by_route) {
        assert_eq!(&page(&without, query).await?, wanted, "{query:?}");
    }
    let asked = sim.requests("GET", "/jobs").len() - queries.len();
    assert_eq!(asked, 1, "the missing route was asked again");
    gate.release();
    Ok(())
}
