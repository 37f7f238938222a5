//! MCP over standard input and output. Standard output carries the protocol and nothing else.

use std::sync::Arc;

use rmcp::{ServiceExt, transport::async_rw::AsyncRwTransport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::Mcp;
use crate::{
    app::App,
    error::{Error, Result},
};

/// Serves one client on standard input and output until it hangs up or `stop` fires.
pub async fn serve_stdio(app: Arc<App>, stop: CancellationToken) -> Result<()> {
    let (input, output) = rmcp::transport::stdio_pipes();
    serve_stream(app, input, output, stop).await
}

/// Serves one client on any pair of streams.
pub async fn serve_stream<I, O>(app: Arc<App>, input: I, output: O, stop: CancellationToken) -> Result<()>
where
    I: AsyncRead + Send + Unpin + 'static,
    O: AsyncWrite + Send + Unpin + 'static,
{
    let longest = app.config().limits.max_message_bytes();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(longest);
    let starting = Mcp::local(Arc::clone(&app)).serve_with_ct(transport, stop.clone());
    let running = tokio::select! {
        started = starting => match started {
            Ok(running) => running,
            // A client that hangs up before it says hello is no fault of ours.
            Err(error) if is_hangup(&error) => return Ok(()),
            Err(error) => return Err(Error::internal("the MCP session did not start").source(error)),
        },
        () = stop.cancelled() => return Ok(()),
    };
    let ended = running.waiting().await;
    app.stop().await;
    ended.map_err(|e| Error::internal("the MCP session ended badly").source(e))?;
    Ok(())
}

fn is_hangup(error: &rmcp::service::ServerInitializeError) -> bool {
    matches!(error, rmcp::service::ServerInitializeError::ConnectionClosed(_))
}
