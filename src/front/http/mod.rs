//! MCP over Streamable HTTP at `/mcp`, behind the same guard as `/healthz` and `/readyz`.

mod body;
mod connections;
pub(super) mod errors;
mod guard;
mod health;
mod profile;
pub(super) mod sessions;
mod streams;
mod write_timeout;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, middleware::from_fn_with_state, routing::MethodRouter};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Mcp,
    auth::{Access, access, metadata, step_up},
};
use crate::app::App;
use comfywarden_error::{Error, Kind, Result};

/// Interval of keep-alive comments: proxies close silent connections after 30 to 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Path of MCP; everything below it is MCP or not found.
const MCP: &str = "/mcp";

/// Time for finished answers to be written when the server stops.
const LAST_ANSWERS: Duration = Duration::from_millis(100);

/// An HTTP server that is bound and not serving yet.
#[derive(Debug)]
pub struct HttpServer {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    access: Access,
}

impl HttpServer {
    /// Binds `address`. A bind beyond loopback without a token is refused, whatever asked for it.
    pub async fn bind(app: Arc<App>, address: SocketAddr) -> Result<Self> {
        let access = Access::new(&app.config().transport.remote)?;
        if !address.ip().is_loopback() && !access.wants_token() {
            return Err(Error::denied(format!(
                "{address} can be reached from other machines and no token is set"
            ))
            .hint(
                "set transport.remote.tokens or transport.remote.oauth in the configuration, or listen on 127.0.0.1",
            ));
        }
        let listener = TcpListener::bind(address).await.map_err(|e| {
            Error::new(Kind::Unavailable, format!("cannot listen on {address}: {e}"))
                .hint("choose another port with --http 127.0.0.1:PORT")
        })?;
        let address =
            listener.local_addr().map_err(|e| Error::internal("the listener has no address").source(e))?;
        Ok(Self { listener, address, app, access })
    }

    /// Address of the listener; port 0 is replaced by the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lists every path that is served; what is below `/mcp` belongs to it.
    pub fn paths(&self) -> Vec<String> {
        let open = open_routes(&self.app).into_iter().map(|(path, _)| path);
        std::iter::once(MCP.to_owned()).chain(open).collect()
    }

    /// Serves until `stop` fires. Then no new request is taken, calls in flight get a moment to end and are
    /// cancelled on ComfyUI after it, their callers hear of it, and the server ends within 2 s whatever its clients
    /// do.
    pub async fn serve(self, stop: CancellationToken) -> Result<()> {
        let shared = Mcp::remote(Arc::clone(&self.app));
        self.serve_with(stop, move |_| shared.session()).await
    }

    /// Serves like [`Self::serve`], with another MCP handler.
    pub async fn serve_with<H: ServerHandler>(
        self,
        stop: CancellationToken,
        handler: impl Fn(Arc<App>) -> H + Send + Sync + 'static,
    ) -> Result<()> {
        let app = Arc::clone(&self.app);
        // Sessions and streams outlive `stop`, so that calls in flight can still say how they ended.
        let closing = CancellationToken::new();
        let router = router(&self.app, self.access, self.address, &closing, handler);
        let limits = app.config().limits;
        let most = connections::ConnectionLimits {
            in_total: limits.connections,
            per_address: limits.connections_per_address,
        };
        let ending = async {
            stop.cancelled().await;
            app.finish().await;
            // First the answers that calls in flight came to, then the streams they travel on.
            tokio::time::sleep(LAST_ANSWERS).await;
            closing.cancel();
            tokio::time::sleep(LAST_ANSWERS).await;
        };
        let drained = async {
            connections::serve(self.listener, router, most, stop.clone()).await;
            // Calls whose connection is gone still have a job to take off ComfyUI.
            closing.cancelled().await;
        };
        tokio::select! { () = drained => {}, () = ending => {} }
        Ok(())
    }
}

fn router<H: ServerHandler>(
    app: &Arc<App>,
    access: Access,
    address: SocketAddr,
    closing: &CancellationToken,
    handler: impl Fn(Arc<App>) -> H + Send + Sync + 'static,
) -> Router {
    let remote = &app.config().transport.remote;
    let guard = Arc::new(guard::Guard::new(remote, address));
    let limits = app.config().limits;
    // The guard in front checks Host and Origin on every route; rmcp's own checks would only repeat them.
    let settings = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        // A session of an older client would live in one of several processes, and the next request reach another.
        .with_legacy_session_mode(!remote.is_replica())
        .with_sse_keep_alive(Some(KEEP_ALIVE))
        .with_max_request_body_bytes(limits.max_message_bytes())
        .with_cancellation_token(closing.child_token());
    let access = Arc::new(access);
    let mcp = {
        let app = Arc::clone(app);
        StreamableHttpService::new(move || Ok(handler(Arc::clone(&app))), access.session_manager(), settings)
    };
    let step_up = step_up::StepUp { app: Arc::clone(app), access: Arc::clone(&access) };
    let streams = streams::RequestLimit::new(limits.requests_per_caller);
    // The last one comes first: nothing of a stranger's body is read.
    let mcp = Router::new()
        .fallback_service(mcp)
        .layer(axum::middleware::from_fn(errors::readable))
        .layer(from_fn_with_state(step_up, step_up::check_scope))
        .layer(axum::middleware::from_fn(profile::choose))
        .layer(from_fn_with_state(body::BodyLimits::new(limits), body::read))
        .layer(from_fn_with_state(streams, streams::limit_requests))
        .layer(from_fn_with_state(Arc::clone(&access), access::require_auth));
    // The only place where a path is given to a handler: `paths` tells them all.
    let open =
        open_routes(app).into_iter().fold(Router::new(), |open, (path, handler)| open.route(&path, handler));
    let open = open.fallback(nowhere).layer(from_fn_with_state(access, access::optional_auth));
    Router::new().nest(MCP, mcp).merge(open).layer(from_fn_with_state(guard, guard::check))
}

/// Routes without authentication; the guard still checks them.
fn open_routes(app: &Arc<App>) -> Vec<(String, MethodRouter)> {
    let mut routes = health::routes(app);
    routes.extend(app.config().transport.remote.oauth.iter().flat_map(metadata::routes));
    routes
}

async fn nowhere() -> StatusCode {
    StatusCode::NOT_FOUND
}
