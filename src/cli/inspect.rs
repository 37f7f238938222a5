//! `inspect`: what in these workflows is dangerous?

use super::arguments::Inspect;
use super::failure::Failure;
use crate::config::Config;
use crate::error::Error;

pub(super) fn run(_wanted: &Inspect, _config: &Config) -> Result<(), Failure> {
    Err(Error::internal("inspect is not there yet").into())
}
