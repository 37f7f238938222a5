//! The client and its settings.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

use super::{
    Auth, PromptId, Result,
    downloads::Downloads,
    event::Progress,
    feed::{Feed, FeedStats},
    http::Transport,
    manager::{ManagerProbe, PackCache},
    model_manager::ModelManagerProbe,
    nodes::Catalogue,
    prompt_tracker::Board,
    queue::JobsRoute,
};

/// Where ComfyUI is and how patient to be with it.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// ComfyUI's address; a path prefix holds for HTTP and the WebSocket.
    pub base_url: Url,
    /// The address that links given to clients carry.
    pub external_url: Option<Url>,
    /// False takes any certificate.
    pub tls_verify: bool,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub read_timeout: Duration,
    /// How long a job may take, from its submit.
    pub job_timeout: Duration,
    /// The credential.
    pub auth: Auth,
    /// How much is read and kept.
    pub limits: Limits,
    /// How often to look, and when to worry.
    pub pace: Pace,
}

impl ClientConfig {
    /// The defaults with this address.
    pub fn at(base_url: Url) -> Self {
        Self { base_url, ..Self::default() }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a constant, and every test parses it")]
        let base_url = Url::parse("http://127.0.0.1:8188").expect("the default address is a URL");
        Self {
            base_url,
            external_url: None,
            tls_verify: true,
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_mins(5),
            job_timeout: Duration::from_hours(1),
            auth: Auth::None,
            limits: Limits::default(),
            pace: Pace::default(),
        }
    }
}

/// How much is read and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest binary frame of the WebSocket. A noise picture of 3072×3072 makes 28 MB.
    pub binary_frame: usize,
    /// The largest text frame.
    pub text_frame: usize,
    /// How many prompts are remembered for [`Client::progress`].
    pub tracked_prompts: usize,
    /// How many events wait for one slow watcher.
    pub buffered_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { binary_frame: 64 << 20, text_frame: 32 << 20, tracked_prompts: 512, buffered_events: 256 }
    }
}

/// How often to look, and when to worry. Tests shorten it; nobody else should need to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// The pause before the second look when the socket is silent. It grows by half each time.
    pub first_poll: Duration,
    /// The longest pause between two looks.
    pub longest_poll: Duration,
    /// The pause before looking again when an event came before its history. It doubles each time.
    pub history_lag: Duration,
    /// How long the last frames of the socket are waited for when history is there before them.
    pub socket_lag: Duration,
    /// How long a running prompt may give no sign of life before it counts as stalled.
    pub stall_after: Duration,
    /// How long a prompt must stay unknown to ComfyUI before it counts as lost.
    pub lost_after: Duration,
    /// How long connections must be refused before watchers are told that ComfyUI is gone.
    pub gone_after: Duration,
    /// How long to look for a prompt whose submit was not answered.
    pub find_submit: Duration,
    /// How long to wait for a cancelled prompt to be really gone.
    pub verify_cancel: Duration,
    /// The pause before the second attempt of a GET, and before the second try to open the socket. It doubles.
    pub first_retry: Duration,
    /// The longest such pause.
    pub longest_retry: Duration,
    /// How long a submit waits for the socket.
    pub open_socket: Duration,
    /// How long the socket may be silent before it is pinged; twice that and it counts as dead.
    pub ping: Duration,
    /// How long an answer "there is no ComfyUI-Manager" is believed.
    pub forget_absence: Duration,
    /// The pause between two looks at a task of ComfyUI-Manager.
    pub manager_poll: Duration,
    /// The pause between two looks for a ComfyUI that restarts.
    pub restart_poll: Duration,
    /// How long a restart may take.
    pub restart_limit: Duration,
    /// How long the node catalogue is kept.
    pub keep_catalogue: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        Self {
            first_poll: s(1),
            longest_poll: s(10),
            history_lag: ms(10),
            socket_lag: ms(250),
            stall_after: s(120),
            lost_after: s(3),
            gone_after: s(10),
            find_submit: s(8),
            verify_cancel: s(10),
            first_retry: ms(250),
            longest_retry: s(5),
            open_socket: s(5),
            ping: s(20),
            forget_absence: s(5),
            manager_poll: s(2),
            restart_poll: s(3),
            restart_limit: s(90),
            keep_catalogue: s(300),
        }
    }
}

/// One ComfyUI server. Cheap to clone; all clones share one connection pool and one WebSocket.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) config: Arc<ClientConfig>,
    pub(super) transport: Arc<Transport>,
    pub(super) board: Arc<Board>,
    pub(super) feed: Feed,
    pub(super) catalogue: Catalogue,
    pub(super) jobs_route: JobsRoute,
    pub(super) manager: ManagerProbe,
    pub(super) packs: PackCache,
    pub(super) model_manager: ModelManagerProbe,
    pub(super) downloads: Downloads,
    /// Ends the socket's task with the last clone.
    _stop: DropGuard,
}

impl Client {
    /// A client for this server. Nothing is sent, opened or read from disk until the first question.
    pub fn new(config: ClientConfig) -> Result<Self> {
        let config = Arc::new(config);
        let transport = Arc::new(Transport::new(Arc::clone(&config))?);
        let board = Arc::new(Board::new(&config.limits));
        let stop = CancellationToken::new();
        let feed = Feed::new(Arc::clone(&transport), Arc::clone(&board), stop.clone());
        let inner = Inner {
            config,
            transport,
            board,
            feed,
            catalogue: Catalogue::default(),
            jobs_route: JobsRoute::default(),
            manager: ManagerProbe::default(),
            packs: PackCache::default(),
            model_manager: ModelManagerProbe::default(),
            downloads: Downloads::default(),
            _stop: stop.drop_guard(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The settings it was built from.
    pub fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    /// The address for links: `external_url`, else `base_url`, without credentials.
    pub fn public_url(&self) -> &Url {
        self.inner.config.external_url.as_ref().unwrap_or(&self.inner.config.base_url)
    }

    /// The last known progress of a prompt that this client submitted, waited for or not.
    pub fn progress(&self, id: &PromptId) -> Option<Progress> {
        self.inner.board.progress(id)
    }

    /// What the WebSocket has seen so far.
    pub fn feed_stats(&self) -> FeedStats {
        self.inner.feed.stats()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_neither_network_nor_runtime_to_be_built() {
        let client = Client::new(ClientConfig::default()).unwrap();
        assert_eq!(client.public_url().as_str(), "http://127.0.0.1:8188/");
        assert_eq!(client.progress(&PromptId::generate()), None);
    }

    #[test]
    fn refuses_addresses_it_cannot_use() {
        for url in ["ftp://host", "http://user:pw@host/", "data:text/plain,x"] {
            let config = ClientConfig::at(Url::parse(url).unwrap());
            assert!(Client::new(config).is_err(), "{url}");
        }
    }
}
