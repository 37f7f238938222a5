//! `healthcheck`: asks the server of this machine whether it lives, for containers that hold no other program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::{Client, header::HOST, redirect};

use super::error::{CliError, FAILED, WARNED};
use super::output::{eprint_line, print_line};
use crate::config::Config;
use comfywarden_error::Error;

/// The limit of the request: a container runtime wants an answer soon.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks the server at `http`, or else at the configured address.
pub(super) async fn run(config: &Config, http: Option<SocketAddr>) -> Result<(), CliError> {
    let remote = &config.transport.remote;
    if http.is_none() && !remote.enabled {
        eprint_line("comfywarden is configured for standard input and output: there is no door to ask at");
        eprint_line(
            "  give the address of a server that was started with `serve --http ADDR` with --http ADDR",
        );
        return Err(CliError::Exit(WARNED));
    }
    let url = match http {
        Some(address) => health_url(&address.ip().to_string(), address.port()),
        None => health_url(&remote.host, remote.port),
    };
    let client = Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| Error::internal("cannot make an HTTP client").source(error))?;
    // A name that the server answers to; its own address may not be among them.
    let host = remote.allowed_hosts.first().map_or("localhost", String::as_str);
    match client.get(&url).header(HOST, host).send().await {
        Ok(answer) if answer.status().is_success() => Ok(print_line(&format!("{url} answers"))?),
        Ok(answer) => {
            eprint_line(&format!("{url} answers with {}", answer.status()));
            Err(CliError::Exit(FAILED))
        }
        Err(error) => {
            eprint_line(&format!("{url} does not answer: {error}"));
            Err(CliError::Exit(FAILED))
        }
    }
}

/// Returns the URL to ask; an address that means every interface is asked on loopback.
fn health_url(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(ip) if ip == IpAddr::from(Ipv4Addr::UNSPECIFIED) => format!("http://127.0.0.1:{port}/healthz"),
        Ok(ip) if ip == IpAddr::from(Ipv6Addr::UNSPECIFIED) => format!("http://[::1]:{port}/healthz"),
        Ok(IpAddr::V6(ip)) => format!("http://[{ip}]:{port}/healthz"),
        _ => format!("http://{host}:{port}/healthz"),
    }
}
