//! comfywarden stands between AI assistants and ComfyUI.
//!
//! Every request, from whichever front door, becomes [`app::App::call`]. The gate ([`gate`]) admits it and hands out
//! a permit, the tool ([`tools`]) runs with it, and whatever reaches ComfyUI's `POST /prompt` is a
//! [`VettedWorkflow`](comfywarden_policy::VettedWorkflow). The outcome is audited.
//!
//! ```text
//!  MCP over stdio ─┐
//!  MCP over HTTP  ─┴─ front ── app::App::call ── gate ── tools ── comfy ── ComfyUI (or comfywarden_sim)
//!                                                 │        ├── comfywarden_workflow (pure)
//!                                                 └ audit  └── comfywarden_policy (pure)
//! ```
//!
//! | module | owns |
//! |---|---|
//! | [`config`] | the configuration file, environment and defaults |
//! | [`front`] | MCP over stdio and Streamable HTTP; tokens and OAuth |
//! | [`app`] | the seam |
//! | [`gate`] | admission: permits, contracts, limits, budget, audit log |
//! | [`tools`] | the tool catalogue |
//! | [`comfy`] | the ComfyUI client: HTTP, WebSocket, progress |
//! | [`web`] | guarded requests to the Internet, and the hubs that models come from |
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
