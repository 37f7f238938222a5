//! Integration tests.

mod comfy_client;
mod config;
mod contract;
mod layers;
mod sim;
