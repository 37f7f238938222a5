//! `serve`: serves MCP until the client hangs up or the process is asked to stop.

use tokio_util::sync::CancellationToken;

use super::error::CliError;
use super::output::eprint_line;
use crate::app::App;
use crate::config::Config;
use crate::front;
use comfywarden_error::{Error, Kind};

pub(super) async fn run(config: Config, stop: CancellationToken) -> Result<(), CliError> {
    let remote = config.transport.remote.clone();
    let app = App::new(config)?;
    app.serve_workflows().await;
    if !remote.enabled {
        return Ok(Box::pin(front::serve_stdio(app, stop)).await?);
    }
    let bare = remote.host.trim_start_matches('[').trim_end_matches(']');
    let unknown = |error: std::io::Error| {
        Error::new(Kind::Unavailable, format!("`transport.remote.host` {bare} is not known: {error}"))
            .hint("write an address, such as 127.0.0.1")
    };
    let mut addresses = tokio::net::lookup_host((bare, remote.port)).await.map_err(unknown)?;
    let Some(address) = addresses.next() else {
        return Err(Error::invalid_input(format!("`transport.remote.host` {bare} has no address")).into());
    };
    let bound = front::http::HttpServer::bind(app, address).await?;
    eprint_line(&format!("MCP over HTTP: http://{}/mcp", bound.address()));
    Ok(bound.serve(stop).await?)
}
