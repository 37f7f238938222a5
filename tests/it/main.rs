//! Integration tests.

mod comfy_client;
mod comfy_faults;
mod comfy_prefix;
mod commands;
mod config;
mod contract;
mod layers;
mod sim;
mod throwaway;
mod watch;
