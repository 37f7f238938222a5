//! Building a simulated server.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;

use super::{
    engine,
    handle::SimHandle,
    http,
    listener::CuttableListener,
    models::Models,
    options::{CancelRoutes, Manager, Options},
    server::Server,
};
use comfywarden_error::{Error, Kind, Result};

/// The simulated `ComfyUI`.
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// A server that takes its time, for people to watch: sampling lasts about two seconds.
    pub fn builder() -> SimBuilder {
        SimBuilder(Options {
            models: Models::plausible(),
            listen: "127.0.0.1:0".to_owned(),
            sampling_time: Duration::from_secs(2),
            sleep_scale: 1.0,
            previews: true,
            cancel_routes: CancelRoutes::default(),
            manager: Manager::default(),
            model_manager: false,
            node_replacements: None,
            max_body: 100 << 20,
            auth_header: None,
        })
    }

    /// A server that never waits, for tests.
    pub fn instant() -> SimBuilder {
        Self::builder().sampling_time(Duration::ZERO).sleep_scale(0.0)
    }
}

/// The settings of a server that is not started yet.
#[derive(Debug, Clone)]
pub struct SimBuilder(Options);

impl SimBuilder {
    /// Sets the `address:port` to listen on; port 0 takes a free one.
    #[must_use]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.0.listen = address.into();
        self
    }

    /// Replaces the models of one folder (`checkpoints`, `loras`, …) by these file names.
    #[must_use]
    pub fn seed_models<N: Into<String>>(mut self, folder: &str, names: impl IntoIterator<Item = N>) -> Self {
        self.0.models.set(folder, names.into_iter().map(Into::into).collect());
        self
    }

    /// Starts without any model.
    #[must_use]
    pub fn no_models(mut self) -> Self {
        self.0.models = Models::none();
        self
    }

    /// Sets the time that all steps of one sampler take together.
    #[must_use]
    pub fn sampling_time(mut self, time: Duration) -> Self {
        self.0.sampling_time = time;
        self
    }

    /// Sets the share of the wanted time that the sleeping test nodes really sleep.
    #[must_use]
    pub fn sleep_scale(mut self, scale: f64) -> Self {
        self.0.sleep_scale = scale;
        self
    }

    /// Makes samplers send preview pictures, or not, unless the prompt says otherwise.
    #[must_use]
    pub fn previews(mut self, previews: bool) -> Self {
        self.0.previews = previews;
        self
    }

    /// Sets the answers of the cancel routes of the jobs API.
    #[must_use]
    pub fn cancel_routes(mut self, routes: CancelRoutes) -> Self {
        self.0.cancel_routes = routes;
        self
    }

    /// Installs a version of `ComfyUI-Manager`.
    #[must_use]
    pub fn manager(mut self, manager: Manager) -> Self {
        self.0.manager = manager;
        self
    }

    /// Installs `ComfyUI-Model-Manager`. Its downloads end when [`super::SimHandle::end_download`] says so.
    #[must_use]
    pub fn model_manager(mut self) -> Self {
        self.0.model_manager = true;
        self
    }

    /// Answers `/node_replacements` with this instead of 404.
    #[must_use]
    pub fn node_replacements(mut self, replacements: serde_json::Value) -> Self {
        self.0.node_replacements = Some(replacements);
        self
    }

    /// Sets the largest request body in bytes, which `/features` advertises.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.0.max_body = bytes;
        self
    }

    /// Answers 401 to every request without this header, as a proxy in front of `ComfyUI` would.
    #[must_use]
    pub fn require_header(mut self, name: &str, value: &str) -> Self {
        self.0.auth_header = Some((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Binds the port and starts serving.
    pub async fn start(self) -> Result<SimHandle> {
        let unavailable = |address: &str, error: std::io::Error| {
            Error::new(
                Kind::Unavailable,
                format!("the simulated ComfyUI cannot listen on {address}: {error}"),
            )
            .hint("choose another address, or port 0 for a free one")
        };
        let address = self.0.listen.clone();
        let tcp = TcpListener::bind(&address).await.map_err(|error| unavailable(&address, error))?;
        let local = tcp.local_addr().map_err(|error| unavailable(&address, error))?;
        let server = Arc::new(Server::new(self.0));
        let listener = CuttableListener::new(tcp, server.epoch.clone());
        let router = http::router(server.clone());
        let serving = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<super::listener::Connection>();
            // Serving ends only when the handle aborts it.
            let _ = axum::serve(listener, service).await;
        });
        engine::start(&server);
        Ok(SimHandle::new(server, local, serving))
    }
}
