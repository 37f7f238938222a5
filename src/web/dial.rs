//! The only place that connects: checks the URL, resolves its host once, checks every address, sends.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

use http::{HeaderValue, header};
use reqwest::{Response, dns, redirect, retry};
use rustls::{ClientConfig, crypto::ring};
use secrecy::ExposeSecret;

use super::{FetchRules, resolver::Resolver};
use comfywarden_error::{Error, Kind, Result};
use comfywarden_policy::{
    address::is_internal_name,
    strict_url::{StrictUrl, check_addresses},
};

/// Sends every request that leaves for the Internet.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) resolver: Arc<dyn Resolver>,
    /// Loopback addresses count as public.
    pub(super) loopback: bool,
    /// Hosts whose requests go, unencrypted, to a server on this machine.
    pub(super) stand_ins: HashMap<String, SocketAddr>,
    pub(super) tls: OnceLock<ClientConfig>,
}

impl Dialer {
    /// Sends one GET. `first` says that no redirect led here.
    pub(super) async fn get(
        &self,
        url: &StrictUrl,
        rules: &FetchRules,
        first: bool,
        range: Option<&'static str>,
    ) -> Result<Response> {
        if !rules.ports.contains(&url.port()) {
            return Err(Error::denied(format!("port {} of `{}` is not contacted", url.port(), url.host()))
                .hint(format!("accepted ports: {:?}", rules.ports)));
        }
        let (client, target) = match self.stand_ins.get(url.host()) {
            Some(address) => (self.client(url, None)?, on_stand_in(url, *address)?),
            None => (self.client(url, Some(self.addresses(url).await?))?, url.as_url().clone()),
        };
        let mut request = client.get(target).header(header::ACCEPT_ENCODING, "identity");
        if self.stand_ins.contains_key(url.host()) {
            request = request.header(header::HOST, url.host());
        }
        if let Some(range) = range {
            request = request.header(header::RANGE, range);
        }
        let token =
            rules.token.as_ref().filter(|token| first && token.host == url.host() && url.port() == 443);
        if let Some(token) = token.filter(|token| !token.value.expose_secret().is_empty()) {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.value.expose_secret()))
                .map_err(|_| {
                    Error::invalid_input(format!(
                        "the token for `{}` has characters no header has",
                        token.host
                    ))
                })?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        request.send().await.map_err(|error| unreachable_host(url, error))
    }

    /// The addresses of the host, all of them checked.
    async fn addresses(&self, url: &StrictUrl) -> Result<Vec<IpAddr>> {
        let host = url.host();
        let found = match url.address() {
            Some(address) => vec![address],
            None if is_internal_name(host) => {
                return Err(Error::denied(format!("`{host}` is a name inside a network"))
                    .hint("only hosts on the public Internet are contacted"));
            }
            None => self.resolver.resolve(host).await.map_err(|error| {
                Error::new(Kind::Unavailable, format!("the address of `{host}` cannot be looked up"))
                    .hint("check the network connection of the machine that runs comfywarden")
                    .source(error)
            })?,
        };
        if !(self.loopback && found.iter().all(IpAddr::is_loopback)) {
            check_addresses(host, &found)?;
        }
        Ok(found)
    }

    /// A client for this one request: the host is pinned to the checked addresses, other names have none.
    fn client(&self, url: &StrictUrl, addresses: Option<Vec<IpAddr>>) -> Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls()?.clone())
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("comfywarden/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(NoOtherName))
            .pool_max_idle_per_host(0);
        if let Some(addresses) = addresses {
            let pinned: Vec<SocketAddr> =
                addresses.iter().map(|address| SocketAddr::new(*address, url.port())).collect();
            builder = builder.resolve_to_addrs(url.host(), &pinned);
        }
        builder.build().map_err(|error| Error::internal("cannot set up HTTP").source(error))
    }

    fn tls(&self) -> Result<&ClientConfig> {
        if let Some(tls) = self.tls.get() {
            return Ok(tls);
        }
        let failed = |error: rustls::Error| Error::internal("cannot set up TLS").source(error);
        let provider = Arc::new(ring::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new(Arc::clone(&provider)).map_err(failed)?;
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| tls))
    }
}

/// Whatever was not looked up and checked by us has no address.
#[derive(Debug)]
struct NoOtherName;

impl dns::Resolve for NoOtherName {
    fn resolve(&self, _: dns::Name) -> dns::Resolving {
        Box::pin(async { Err("this name was not checked".into()) })
    }
}

fn on_stand_in(url: &StrictUrl, address: SocketAddr) -> Result<url::Url> {
    let url = url.as_url();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    url::Url::parse(&format!("http://{address}{}{query}", url.path()))
        .map_err(|error| Error::internal("a stand-in has no address").source(error))
}

fn unreachable_host(url: &StrictUrl, error: reqwest::Error) -> Error {
    // The address may hold a signature in its query.
    Error::new(Kind::Unavailable, format!("`{}` cannot be reached", url.host()))
        .hint("check the network connection of the machine that runs comfywarden, then try again")
        .source(error.without_url())
}
