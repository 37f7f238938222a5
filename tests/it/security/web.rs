//! The guarded way to the Internet, with real sockets on this machine.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use comfywarden::web::{FetchRules, Fetcher, Hops, Resolver, Token};
use comfywarden_error::Kind;
use comfywarden_policy::{download::DownloadRules, strict_url::StrictUrl};
use futures::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use crate::support::bounded;

/// A server that notes what it is sent and answers with fixed bytes.
struct Listener {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heard: tokio::sync::mpsc::UnboundedReceiver<String>,
}

impl Listener {
    /// Answers the request whose head contains the key with the value; otherwise nothing, and stays open.
    async fn answering(answers: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (note, heard) = tokio::sync::mpsc::unbounded_channel();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let note = note.clone();
                tokio::spawn(async move {
                    let mut head = vec![0; 16_384];
                    let length = socket.read(&mut head).await.unwrap_or(0);
                    let text = String::from_utf8_lossy(&head[..length]).into_owned();
                    let answer = answers.iter().find(|(path, _)| text.contains(path));
                    note.send(text).ok();
                    if let Some((_, answer)) = answer {
                        socket.write_all(answer.as_bytes()).await.ok();
                        socket.shutdown().await.ok();
                    }
                    // A peer that was not answered has to give up by itself.
                    socket.read_to_end(&mut head).await.ok();
                });
            }
        });
        Self { address, connections, heard }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    async fn heard(&mut self) -> String {
        bounded(self.heard.recv()).await.unwrap()
    }
}

/// Answers with one address list after the other, the last one for ever.
#[derive(Debug)]
struct Answers {
    lists: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Answers {
    fn new(lists: &[&[&str]]) -> Arc<Self> {
        let lists = lists.iter().map(|list| list.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        Arc::new(Self { lists, asked: AtomicUsize::new(0) })
    }
}

impl Resolver for Answers {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst).min(self.lists.len() - 1);
        Box::pin(async move { Ok(self.lists[at].clone()) })
    }
}

fn rules() -> FetchRules {
    FetchRules::new(1_024, Duration::from_secs(5))
}

fn to_port(port: u16) -> FetchRules {
    FetchRules { ports: vec![port], ..rules() }
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn addresses_inside_a_network_are_never_contacted() {
    let canary = Listener::answering(&[("GET", HELLO)]).await;
    let port = canary.address.port();
    for address in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ] {
        let fetcher = Fetcher::with_resolver(Answers::new(&[&["93.184.215.14", address]]));
        let target = url(&format!("https://files.example.com:{port}/a"));
        let error = bounded(fetcher.fetch(&target, &to_port(port))).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{address}: {error}");
    }
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "x.localtest.me"] {
        let target = url(&format!("https://{host}:{port}/a"));
        let error = bounded(Fetcher::new().fetch(&target, &to_port(port))).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{host}: {error}");
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_its_checked_address_is_contacted_under_the_name() {
    let mut server = Listener::answering(&[]).await;
    let port = server.address.port();
    let resolver = Answers::new(&[&["127.0.0.1"], &["203.0.113.9"]]);
    let fetcher = Fetcher::with_resolver(Arc::clone(&resolver) as Arc<dyn Resolver>).permit_loopback();
    let target = url(&format!("https://files.example.com:{port}/a"));
    let impatient = FetchRules { deadline: Duration::from_millis(500), ..to_port(port) };

    let error = bounded(fetcher.fetch(&target, &impatient)).await.unwrap_err();

    assert_eq!(error.kind(), Kind::Timeout, "{error}");
    let hello = server.heard().await;
    assert!(hello.contains("files.example.com"), "the TLS greeting names the host");
    assert_eq!((resolver.asked.load(Ordering::SeqCst), server.connections()), (1, 1));
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_checked_again_at_the_next_request() {
    let canary = Listener::answering(&[("GET", HELLO)]).await;
    let first =
        Listener::answering(&[("GET", "HTTP/1.1 302 Found\r\nLocation: https://b.example.com/x\r\n\r\n")])
            .await;
    let resolver = Answers::new(&[&["127.0.0.1"]]);
    let fetcher = Fetcher::with_resolver(resolver).stand_in("a.example.com", first.address);
    let error = bounded(fetcher.fetch(&url("https://a.example.com/x"), &rules())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Denied, "{error}");
    assert!(error.message().contains("127.0.0.1"), "{error}");
    assert_eq!((first.connections(), canary.connections()), (1, 0));
}

#[tokio::test]
async fn redirects_to_what_is_not_public_are_refused() {
    let server = Listener::answering(&[
        ("/metadata", "HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/latest/meta-data/\r\n\r\n"),
        ("/plain", "HTTP/1.1 302 Found\r\nLocation: http://a.example.com/x\r\n\r\n"),
        ("/file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n"),
        ("/user", "HTTP/1.1 302 Found\r\nLocation: https://a.example.com@127.0.0.1/x\r\n\r\n"),
        ("/port", "HTTP/1.1 302 Found\r\nLocation: https://a.example.com:22/x\r\n\r\n"),
        ("/circle", "HTTP/1.1 302 Found\r\nLocation: /circle\r\n\r\n"),
        ("/inside", "HTTP/1.1 307 Moved\r\nLocation: https://metadata.google.internal/x\r\n\r\n"),
    ])
    .await;
    let fetcher = Fetcher::new().stand_in("a.example.com", server.address);
    for path in ["metadata", "plain", "file", "user", "port", "circle", "inside"] {
        let target = url(&format!("https://a.example.com/{path}"));
        let error = bounded(fetcher.fetch(&target, &rules())).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{path}: {error}");
    }
    let none = FetchRules { max_redirects: 0, ..rules() };
    let error = bounded(fetcher.fetch(&url("https://a.example.com/plain"), &none)).await.unwrap_err();
    assert!(error.message().contains("none is expected"), "{error}");
}

#[tokio::test]
async fn an_answer_is_bounded_in_bytes_and_time() {
    let server = Listener::answering(&[
        ("/ok", HELLO),
        ("/large", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx"),
        ("/broken", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"),
        ("/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    ])
    .await;
    let fetcher = Fetcher::new().stand_in("a.example.com", server.address);
    let fetched = bounded(fetcher.fetch(&url("https://a.example.com/ok"), &rules())).await.unwrap();
    assert_eq!(&fetched.bytes[..], b"hello");
    assert_eq!(fetched.content_type.as_deref(), Some("text/x"));
    assert_eq!(fetched.final_url.as_str(), "https://a.example.com/ok");
    for (path, kind) in [
        ("large", Kind::Upstream),
        ("broken", Kind::Upstream),
        ("missing", Kind::NotFound),
        ("silent", Kind::Timeout),
    ] {
        let impatient = FetchRules { deadline: Duration::from_millis(500), ..rules() };
        let target = url(&format!("https://a.example.com/{path}"));
        let error = bounded(fetcher.fetch(&target, &impatient)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{path}: {error}");
    }
}

#[tokio::test]
async fn a_token_goes_to_its_own_host_and_never_along_with_a_redirect() {
    let mut delivery = Listener::answering(&[("GET", HELLO)]).await;
    let mut hub = Listener::answering(&[
        ("/o/r", "HTTP/1.1 302 Found\r\nLocation: https://cdn.hf.co/file?sig=1\r\n\r\n"),
        ("/again", "HTTP/1.1 302 Found\r\nLocation: /ok\r\n\r\n"),
        ("/ok", HELLO),
    ])
    .await;
    let fetcher = Fetcher::new()
        .stand_in("huggingface.co", hub.address)
        .stand_in("cdn.hf.co", delivery.address)
        .stand_in("evil.example.com", hub.address);
    let token = Token { host: "huggingface.co".into(), value: "hf_secret".into() };
    let rules = FetchRules {
        token: Some(token),
        hops: Hops::Download(DownloadRules::new(&comfywarden_policy::settings::Security::default())),
        ..rules()
    };
    let start = StrictUrl::parse("https://huggingface.co/o/r/resolve/main/a.safetensors").unwrap();
    let traced = bounded(fetcher.trace(&start, &rules)).await.unwrap();
    assert_eq!(traced.hops.last().unwrap().host(), "cdn.hf.co");
    assert!(hub.heard().await.contains("Bearer hf_secret"));
    assert!(!delivery.heard().await.contains("hf_secret"));

    let rules = FetchRules { hops: Hops::Public, ..rules };
    bounded(fetcher.fetch(&url("https://huggingface.co/again"), &rules)).await.unwrap();
    assert!(hub.heard().await.contains("Bearer hf_secret"));
    assert!(!hub.heard().await.contains("hf_secret"), "not after a redirect within the host either");
    bounded(fetcher.fetch(&url("https://evil.example.com/ok"), &rules)).await.unwrap();
    assert!(!hub.heard().await.contains("hf_secret"));
}
