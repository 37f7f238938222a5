//! `tools`: what clients see.

use super::arguments::Tools;
use super::failure::Failure;
use crate::config::Config;
use crate::error::Error;

pub(super) fn run(_wanted: &Tools, _config: Config) -> Result<(), Failure> {
    Err(Error::internal("tools is not there yet").into())
}
