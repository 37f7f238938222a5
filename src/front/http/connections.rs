//! Accepting connections: how many, how long their headers may take, and their orderly end.

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

use super::write_timeout::Patient;
use crate::gate::quota::Shares;

/// How long a client may take to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(15);
/// The most header lines of a request.
const MAX_HEADERS: usize = 64;
/// The largest head of a request.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// How long the listener rests when the system has no more sockets to give.
const REST: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) in_total: usize,
    pub(super) per_address: usize,
}

/// Serves until `stop` fires, then waits for the answers that are being written.
pub(super) async fn serve(listener: TcpListener, router: Router, most: Most, stop: CancellationToken) {
    let seats = Arc::new(Semaphore::new(most.in_total));
    let addresses = Shares::new(most.per_address, usize::MAX);
    let connections = TaskTracker::new();
    loop {
        // A free seat first: beyond the limit clients wait in the system's queue instead of in our memory.
        let seat = tokio::select! {
            seat = Arc::clone(&seats).acquire_owned() => seat,
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
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Ok(place) = addresses.take(peer.ip().to_canonical(), 1) else {
            tracing::debug!(%peer, "Too many connections from one address.");
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            connection(stream, peer, router, stop).await;
            drop((seat, place));
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
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream)), service);
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
