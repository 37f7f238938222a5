//! The commands and the configuration, as a user meets them.

mod commands;
mod config;
mod files;
mod first_hour;
mod inspect;
mod setup;
