//! MCP over standard input and output. Standard output carries the protocol and nothing else.

mod lines;
mod scan;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use rmcp::ServiceExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use lines::Lines;

use super::Mcp;
use crate::app::App;
use comfywarden_error::{Error, Result};

/// Time for finished answers to be written.
const LAST_ANSWERS: std::time::Duration = std::time::Duration::from_millis(100);

/// Serves one client on standard input and output until it hangs up or `stop` fires.
pub async fn serve_stdio(app: Arc<App>, stop: CancellationToken) -> Result<()> {
    let (input, output) = rmcp::transport::stdio_pipes();
    Box::pin(serve_stream(app, input, output, stop)).await
}

/// Serves one client on any pair of streams.
pub async fn serve_stream<I, O>(app: Arc<App>, input: I, output: O, stop: CancellationToken) -> Result<()>
where
    I: AsyncRead + Send + Unpin + 'static,
    O: AsyncWrite + Send + Unpin + 'static,
{
    let max_bytes = app.config().limits.max_message_bytes();
    let hung_up = CancellationToken::new();
    let input = HangupReader { input, hung_up: hung_up.clone() };
    let transport = Lines::new(input, output, max_bytes);
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
    // rmcp waits for answers in flight before it says that the client is gone; a job of minutes must not hold us.
    let leaving = async {
        tokio::select! { () = hung_up.cancelled() => {}, () = stop.cancelled() => {} }
        app.finish().await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    let ended = tokio::select! { ended = running.waiting() => ended.map(drop), () = leaving => Ok(()) };
    app.stop().await;
    ended.map_err(|e| Error::internal("the MCP session ended badly").source(e))
}

/// Wraps the input and fires `hung_up` when it ends.
struct HangupReader<I> {
    input: I,
    hung_up: CancellationToken,
}

impl<I: AsyncRead + Unpin> AsyncRead for HangupReader<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let room = buffer.remaining() > 0;
        let polled = Pin::new(&mut self.input).poll_read(context, buffer);
        let ended = match &polled {
            Poll::Ready(Ok(())) => room && buffer.filled().len() == before,
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        if ended {
            self.hung_up.cancel();
        }
        polled
    }
}

fn is_hangup(error: &rmcp::service::ServerInitializeError) -> bool {
    matches!(error, rmcp::service::ServerInitializeError::ConnectionClosed(_))
}
