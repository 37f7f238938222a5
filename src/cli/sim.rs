//! `sim`: runs a simulated ComfyUI on a port.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::arguments::Sim;
use super::error::CliError;
use super::output::print_line;
use comfywarden_sim;

pub(super) async fn run(wanted: &Sim, stop: CancellationToken) -> Result<(), CliError> {
    let mut builder = comfywarden_sim::Sim::builder().listen(wanted.listen.to_string());
    if let Some(milliseconds) = wanted.sampling_ms {
        builder = builder.sampling_time(Duration::from_millis(milliseconds));
    }
    for (folder, names) in &wanted.models {
        builder = builder.seed_models(folder, names.iter().cloned());
    }
    let mut running = builder.start().await?;
    print_line(&format!("a simulated ComfyUI listens on {}", running.url()))?;
    tokio::select! {
        () = running.wait() => {}
        () = stop.cancelled() => running.stop().await,
    }
    Ok(())
}
