//! `healthcheck`: asks the server of this machine whether it lives, for containers that hold no other program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use reqwest::{Client, header::HOST, redirect};

use super::failure::{FAILED, Failure};
use super::output::{complain, say};
use crate::config::{Config, Remote};
use crate::error::Error;

/// Whoever asks wants an answer soon.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let remote = &config.transport.remote;
    if !remote.enabled {
        say("comfywarden is configured for standard input and output: there is no door to ask at")?;
        return Ok(());
    }
    let url = address(remote);
    let client = Client::builder()
        .timeout(PATIENCE)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| Error::internal("cannot make an HTTP client").source(error))?;
    // A name that the server answers to; its own address may not be among them.
    let host = remote.allowed_hosts.first().map_or("localhost", String::as_str);
    match client.get(&url).header(HOST, host).send().await {
        Ok(answer) if answer.status().is_success() => Ok(say(&format!("{url} answers"))?),
        Ok(answer) => {
            complain(&format!("{url} answers with {}", answer.status()));
            Err(Failure::Answered(FAILED))
        }
        Err(error) => {
            complain(&format!("{url} does not answer: {error}"));
            Err(Failure::Answered(FAILED))
        }
    }
}

/// The place to ask; an address that means every interface is asked on loopback.
fn address(remote: &Remote) -> String {
    let port = remote.port;
    match remote.host.parse::<IpAddr>() {
        Ok(ip) if ip == IpAddr::from(Ipv4Addr::UNSPECIFIED) => format!("http://127.0.0.1:{port}/healthz"),
        Ok(ip) if ip == IpAddr::from(Ipv6Addr::UNSPECIFIED) => format!("http://[::1]:{port}/healthz"),
        Ok(IpAddr::V6(ip)) => format!("http://[{ip}]:{port}/healthz"),
        _ => format!("http://{}:{port}/healthz", remote.host),
    }
}
