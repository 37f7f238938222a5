//! HTTP clients for the tests. TLS has no provider until somebody names one, in tests as in the program.

use rmcp::transport::{
    StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
};

/// Builds an HTTP client.
pub(crate) fn http_client() -> reqwest::Client {
    // An error says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Opens MCP over Streamable HTTP.
pub(crate) fn transport(
    config: StreamableHttpClientTransportConfig,
) -> StreamableHttpClientTransport<reqwest::Client> {
    StreamableHttpClientTransport::with_client(http_client(), config)
}
