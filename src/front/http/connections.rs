//! Accepts connections, limits their number and the time for request heads, and shuts them down in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::write_timeout::WriteTimeout;
use crate::gate::quota::Quota;

/// Time limit for the head of a request.
const MAX_HEAD_TIME: Duration = Duration::from_secs(15);
/// Limit for header lines of a request.
const MAX_HEADERS: usize = 64;
/// Size limit for the head of a request.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Pause of the listener when the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Limits for open connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    pub(super) in_total: usize,
    pub(super) per_address: usize,
}

/// Serves until `stop` fires, then waits for the answers that are being written.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.in_total));
    let addresses = Quota::new(limits.per_address, usize::MAX);
    let connections = TaskTracker::new();
    loop {
        // A free slot first: beyond the limit clients wait in the system's queue instead of in our memory.
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "A connection could not be accepted.");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(address_slot) = addresses.take(peer.ip().to_canonical(), 1) else {
            tracing::debug!(%peer, "Too many connections from one address.");
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            connection(stream, peer, router, stop).await;
            drop((slot, address_slot));
        });
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    stream.set_nodelay(true).ok();
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(peer))));
    let serving = http1::Builder::new()
        // Without a timer hyper ignores the time limit, without a word.
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream)), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "A connection ended badly.");
    }
}
