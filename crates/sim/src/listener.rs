//! Connections that can be cut at any moment, as when a server process dies.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::server::Epoch;

/// Accepts connections and ties each to the life of the simulated process.
pub(super) struct CuttableListener {
    tcp: TcpListener,
    epoch: Epoch,
}

impl CuttableListener {
    pub(super) fn new(tcp: TcpListener, epoch: Epoch) -> Self {
        Self { tcp, epoch }
    }
}

impl axum::serve::Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.tcp.accept().await {
                Ok((_, _)) if self.epoch.is_down() => {}
                Ok((stream, address)) => {
                    // Small event frames must not wait for the acknowledgement of earlier ones.
                    if stream.set_nodelay(true).is_err() {
                        continue;
                    }
                    return (CuttableStream::new(stream, self.epoch.connection()), address);
                }
                // Out of file descriptors, for instance: let other tasks close some first.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A TCP stream that ends as soon as its token is cancelled.
pub(super) struct CuttableStream {
    tcp: TcpStream,
    token: CancellationToken,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl CuttableStream {
    fn new(tcp: TcpStream, token: CancellationToken) -> Self {
        Self { tcp, cut: Box::pin(token.clone().cancelled_owned()), token }
    }

    fn poll_cut(&mut self, context: &mut Context<'_>) -> bool {
        self.token.is_cancelled() || self.cut.as_mut().poll(context).is_ready()
    }
}

fn was_cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the simulated server cut the connection")
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_cut(context) {
            return Poll::Ready(Err(was_cut()));
        }
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.poll_cut(context) {
            return Poll::Ready(Err(was_cut()));
        }
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.token.is_cancelled() {
            return Poll::Ready(Err(was_cut()));
        }
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

/// The connection that a request came on, for its handler to cut.
#[derive(Debug, Clone)]
pub(super) struct Connection(CancellationToken);

impl Connection {
    /// Ends the connection without another byte.
    pub(super) fn cut(&self) {
        self.0.cancel();
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        Self(stream.io().token.clone())
    }
}
