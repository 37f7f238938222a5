//! Promises of ComfyUI-Manager, on the simulation and on a real one:
//! `COMFYUI_THROWAWAY_URL=http://127.0.0.1:8199 cargo test --test it -- --ignored manager_contract`.

use std::time::Duration;

use comfywarden::comfy::{Client, Dialect, ManagerTask, TaskEnd};
use comfywarden_sim::{Manager, Sim};

use crate::support::comfy::{TestResult, client};

async fn keeps_the_contract(client: &Client) -> TestResult {
    let manager = client.manager().await?.ok_or("no Manager")?;
    assert_eq!(manager.dialect, Dialect::Tasks, "{manager:?}");

    let index = client.known_packs(&manager).await?;
    let pack = index.packs().iter().find(|pack| !pack.classes.is_empty()).ok_or("no pack with classes")?;
    let class = pack.classes.first().ok_or("no class")?;
    assert!(!client.packs_of(class).await?.is_empty(), "{class}");
    assert!(client.packs_of("no class of this name").await?.is_empty());
    client.installed_packs(&manager).await?;

    let before = client.manager_queue(&manager).await?;
    let task = ManagerTask::Install { id: "comfywarden-nonexistent".into(), version: "latest".into() };
    let end = client.run_task(&manager, &task, Duration::from_mins(1), |_| ()).await?;
    assert!(matches!(end, TaskEnd::Failed(_)), "{end:?}");
    let after = client.manager_queue(&manager).await?;
    assert!(after.done_count > before.done_count, "failures count as done: {before:?} {after:?}");
    Ok(())
}

#[tokio::test]
async fn simulated() -> TestResult {
    let sim = Sim::instant().manager(Manager::V4).start().await?;
    keeps_the_contract(&client(&sim.url(), |_| ())?).await
}

#[tokio::test]
#[ignore = "needs a real ComfyUI with the Manager: set COMFYUI_THROWAWAY_URL"]
async fn throwaway() -> TestResult {
    keeps_the_contract(&client(&crate::comfy::throwaway::url()?, |_| ())?).await
}
