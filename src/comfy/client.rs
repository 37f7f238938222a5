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
    prompt_tracker::PromptTracker,
    queue::JobsRoute,
};

/// Settings of a client: address, credential, limits, timing.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// ComfyUI's address; a path prefix holds for HTTP and the WebSocket.
    pub base_url: Url,
    /// The address that links given to clients carry.
    pub external_url: Option<Url>,
    /// False takes any certificate.
    pub tls_verify: bool,
    /// Time limit for opening a connection.
    pub connect_timeout: Duration,
    /// Time limit for an answer.
    pub read_timeout: Duration,
    /// Time limit for a job, counted from its submit.
    pub job_timeout: Duration,
    /// The credential.
    pub auth: Auth,
    /// Limits for what is read and kept.
    pub limits: Limits,
    /// Intervals and time limits of the client's own work.
    pub timing: Timing,
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
            timing: Timing::default(),
        }
    }
}

/// Limits for what is read and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest binary frame of the WebSocket. A noise picture of 3072×3072 makes 28 MB.
    pub binary_frame: usize,
    /// The largest text frame.
    pub text_frame: usize,
    /// Number of prompts that are remembered for [`Client::progress`].
    pub tracked_prompts: usize,
    /// Number of events that are buffered for one slow watcher.
    pub buffered_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { binary_frame: 64 << 20, text_frame: 32 << 20, tracked_prompts: 512, buffered_events: 256 }
    }
}

/// Intervals and time limits of the client's own work. Tests shorten them; nobody else should need to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// The pause before the second look when the socket is silent. It grows by half each time.
    pub first_poll: Duration,
    /// Upper bound of the pause between two looks.
    pub longest_poll: Duration,
    /// The pause before looking again when an event came before its history. It doubles each time.
    pub history_lag: Duration,
    /// Grace period for the socket's last frames when history is there before them.
    pub socket_lag: Duration,
    /// Silence after which a running prompt counts as stalled.
    pub stall_after: Duration,
    /// Absence after which a prompt that ComfyUI does not know counts as lost.
    pub lost_after: Duration,
    /// Time of refused connections after which watchers are told that ComfyUI is gone.
    pub gone_after: Duration,
    /// Time limit for finding a prompt whose submit was not answered.
    pub find_submit: Duration,
    /// Time limit for seeing a cancelled prompt really gone.
    pub verify_cancel: Duration,
    /// The pause before the second attempt of a GET, and before the second try to open the socket. It doubles.
    pub first_retry: Duration,
    /// Upper bound of that pause.
    pub longest_retry: Duration,
    /// Time limit for the socket to open before a submit goes on without it.
    pub open_socket: Duration,
    /// Silence after which the socket is pinged; twice that and it counts as dead.
    pub ping: Duration,
    /// Lifetime of the answer "there is no ComfyUI-Manager".
    pub forget_absence: Duration,
    /// The pause between two looks at a task of ComfyUI-Manager.
    pub manager_poll: Duration,
    /// The pause between two looks for a ComfyUI that restarts.
    pub restart_poll: Duration,
    /// Time limit for a restart.
    pub restart_limit: Duration,
    /// Lifetime of the node catalogue.
    pub keep_catalogue: Duration,
}

impl Default for Timing {
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
    pub(super) tracker: Arc<PromptTracker>,
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
        let tracker = Arc::new(PromptTracker::new(&config.limits));
        let stop = CancellationToken::new();
        let feed = Feed::new(Arc::clone(&transport), Arc::clone(&tracker), stop.clone());
        let inner = Inner {
            config,
            transport,
            tracker,
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
        self.inner.tracker.progress(id)
    }

    /// Counters of the WebSocket.
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
