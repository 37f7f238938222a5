//! One WebSocket connection to ComfyUI.

use futures::{SinkExt as _, StreamExt as _};
use http::{Request, header};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
    tungstenite::{Error as SocketError, Message, client::IntoClientRequest as _, protocol::WebSocketConfig},
};

use super::{ClientId, Error, Result, endpoint::Endpoint, http::Transport};

/// The first message, so that previews carry their prompt.
const FEATURE_FLAGS: &str = r#"{"type":"feature_flags","data":{"supports_preview_metadata":true}}"#;
/// Frames are read in pieces of this size; the default of the library would be 128 KiB for a mostly quiet line.
const READ_BUFFER: usize = 16 << 10;

/// An open connection.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a connection under this name and says what we support.
    pub(crate) async fn open(transport: &Transport, name: &ClientId) -> Result<Self> {
        let limit = transport.config.connect_timeout;
        match tokio::time::timeout(limit, Self::handshake(transport, name)).await {
            Ok(opened) => opened,
            Err(_) => Err(unreachable(transport, format!("no WebSocket within {} s", limit.as_secs()))),
        }
    }

    async fn handshake(transport: &Transport, name: &ClientId) -> Result<Self> {
        let request = request(transport, name)?;
        let limits = &transport.config.limits;
        let settings = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(limits.binary_frame.max(limits.text_frame)))
            .max_frame_size(Some(limits.binary_frame.max(limits.text_frame)));
        let connector = match transport.config.base_url.scheme() {
            "https" => Connector::Rustls(transport.tls()?),
            _ => Connector::Plain,
        };
        let connected = connect_async_tls_with_config(request, Some(settings), true, Some(connector)).await;
        let (mut stream, _) = connected.map_err(|e| unreachable(transport, reason(&e)))?;
        let flags = stream.send(Message::text(FEATURE_FLAGS)).await;
        flags.map_err(|e| unreachable(transport, reason(&e)))?;
        Ok(Self(stream))
    }

    /// The next message. `None` when the connection is over, however it ended.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        match self.0.next().await {
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(message)) => Some(message),
        }
    }

    /// Asks the other side for a sign of life.
    pub(crate) async fn ping(&mut self) -> bool {
        self.0.send(Message::Ping(bytes::Bytes::new())).await.is_ok()
    }
}

fn request(transport: &Transport, name: &ClientId) -> Result<Request<()>> {
    let mut url = transport.url(&Endpoint::Socket { client_id: name.as_str() })?;
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    let failed = || Error::Config("comfyui.url: cannot be turned into a WebSocket address".into());
    url.set_scheme(scheme).map_err(|()| failed())?;
    let mut request = url.as_str().into_client_request().map_err(|_| failed())?;
    transport.credential.add_header(request.headers_mut());
    let agent = header::HeaderValue::from_static(concat!("comfywarden/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, agent);
    Ok(request)
}

fn unreachable(transport: &Transport, reason: String) -> Error {
    Error::Unreachable { url: transport.display_url(), reason, sent: false }
}

/// The library's words, but never an address: its query may hold a credential.
fn reason(error: &SocketError) -> String {
    match error {
        SocketError::Http(answer) => {
            format!("the WebSocket was refused with status {}", answer.status().as_u16())
        }
        SocketError::Url(_) => "the address is not one of a WebSocket".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::comfy::{Auth, ClientConfig};

    #[test]
    fn the_handshake_carries_prefix_name_and_credential() {
        let base = url::Url::parse("https://host/comfy/").unwrap();
        let auth = Auth::Header { name: "X-API-Key".into(), value: "k".into() };
        let config = ClientConfig { auth, ..ClientConfig::at(base) };
        let transport = Transport::new(Arc::new(config)).unwrap();
        let request = request(&transport, &ClientId::numbered("me", 7)).unwrap();
        assert_eq!(request.uri().to_string(), "wss://host/comfy/ws?clientId=me-7");
        assert_eq!(request.headers().get("x-api-key").unwrap(), "k");
        assert!(!request.headers().contains_key("origin"));
    }
}
