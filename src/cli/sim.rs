//! `sim`: a simulated ComfyUI on a port.

use tokio_util::sync::CancellationToken;

use super::arguments::Sim;
use super::failure::Failure;
use crate::error::Error;

pub(super) async fn run(_wanted: &Sim, _stop: CancellationToken) -> Result<(), Failure> {
    std::future::ready(()).await;
    Err(Error::internal("sim is not there yet").into())
}
