//! The server under the public conformance suite: the same handler, gate and HTTP stack as the product, over a simulated
//! ComfyUI, plus the tools, prompts and resources that the suite expects of every server. Never part of the product.
//!
//! Run by `tests/conformance.sh`: `cargo run --example conformance -- 127.0.0.1:18390`

#![expect(deprecated, reason = "the suite tests sampling, roots and logging of servers that have them")]

mod asking;
mod fixture;
mod plain;
mod prompts;
mod tasks;

use std::sync::Arc;

use comfywarden::{
    app::App,
    config::Config,
    front::{Mcp, http::HttpServer},
    gate::AuditLog,
};
use comfywarden_sim::Sim;
use tokio_util::sync::CancellationToken;

use fixture::Fixture;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:18390".to_owned()).parse()?;
    let sim = Sim::instant().start().await?;
    let mut config = Config::default();
    config.comfyui.url = sim.url().parse()?;
    let limits = &mut config.rate_limits;
    (limits.read_only, limits.file_ops) = (1_000_000, 1_000_000);
    (limits.workflow, limits.generation, limits.admin) = (1_000_000, 1_000_000, 1_000_000);
    let app = App::with_audit(config, AuditLog::memory())?;
    let server = HttpServer::bind(Arc::clone(&app), address).await?;
    eprintln!("conformance server at http://{}/mcp", server.address());
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    tokio::spawn(async move {
        tokio::signal::ctrl_c().await.ok();
        on_signal.cancel();
    });
    let shared = Mcp::remote(app);
    server.serve_with(stop, move |app| Fixture::over(shared.session(), app)).await?;
    Ok(())
}
