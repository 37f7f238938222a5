//! comfywarden stands between AI assistants and ComfyUI.
//!
//! Every request, from whichever front door, becomes [`app::App::call`]. The gate ([`security::gate`])
//! admits it and hands out a permit, the tool ([`tools`]) runs with it, and whatever reaches ComfyUI's
//! `POST /prompt` is a [`security::inspector::VettedWorkflow`]. The outcome is audited.
//!
//! ```text
//!  MCP over stdio ─┐
//!  MCP over HTTP  ─┴─ server ── app::App::call ── security::gate ── tools ── comfy ── ComfyUI (or sim)
//!                                                     │               ├── workflow (pure)
//!                                                     └ audit         └── security::inspector
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`error`] | the one error type of the edge: kind, message, hint |
//! | [`config`] | the configuration file, environment and defaults |
//! | [`workflow`] | graphs: parse, check, convert, edit, build; no I/O, no clock, no async |
//! | [`security`] | gate, limiter, inspector, path rules, audit log |
//! | [`comfy`] | the ComfyUI client: HTTP, WebSocket, progress |
//! | [`web`] | guarded requests to the Internet, and the hubs that models come from |
//! | [`sim`] | a simulated ComfyUI for the demo and the tests |
//! | [`tools`] | the tool catalogue |
//! | [`app`] | the seam |
//! | [`server`] | MCP over stdio and Streamable HTTP |
//! | [`cli`] | the commands |

pub mod app;
pub mod cli;
pub mod comfy;
pub mod config;
pub mod front;
pub mod gate;
pub mod telemetry;
pub mod tools;
pub mod web;
