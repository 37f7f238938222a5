//! Integration tests.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    reason = "a broken expectation must stop the test, in its helpers too"
)]

mod acceptance;
mod budgets;
mod catalogue;
mod comfy_client;
mod comfy_faults;
mod comfy_listing;
mod comfy_prefix;
mod commands;
mod commands_files;
mod commands_inspect;
mod commands_setup;
mod config;
mod consent;
mod contract;
mod contract_jobs;
mod distribution;
mod each_tool;
mod forgeries;
mod hostile;
mod http;
mod http_bodies;
mod http_limits;
mod http_strangers;
mod layers;
mod limits;
mod manager_contract;
mod mcp;
mod news;
mod oauth;
mod paid;
mod profiles;
mod properties;
mod replicas;
mod resources;
mod results;
mod secret_surfaces;
mod secrets;
mod security;
mod sim;
mod support;
mod tasks;
mod throwaway;
mod tool_contract;
mod tools_answers;
mod tools_assets;
mod tools_defaults;
mod tools_diagnose;
mod tools_discovery;
mod tools_download_notes;
mod tools_downloads;
mod tools_editor_files;
mod tools_exact;
mod tools_from_files;
mod tools_generate;
mod tools_hints;
mod tools_history;
mod tools_hubs;
mod tools_images;
mod tools_media;
mod tools_named_files;
mod tools_nodes;
mod tools_packs;
mod tools_publish;
mod tools_queue;
mod tools_redraw;
mod tools_settings;
mod tools_sharing;
mod tools_workflows;
mod two_callers;
mod unanswered;
mod watch;
mod web;
mod wire;
