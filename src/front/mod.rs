//! Front ends: MCP over stdio and over Streamable HTTP, and authentication.

pub mod auth;
mod encode;
pub mod http;
pub mod mcp;
mod stdio;

pub use mcp::Mcp;
pub use stdio::{serve_stdio, serve_stream};
