//! `audit`: check or read the audit log.

use super::arguments::Audit;
use super::failure::Failure;
use crate::config::Config;
use crate::error::Error;

pub(super) async fn run(_wanted: &Audit, _config: &Config) -> Result<(), Failure> {
    std::future::ready(()).await;
    Err(Error::internal("audit is not there yet").into())
}
