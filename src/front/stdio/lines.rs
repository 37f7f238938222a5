//! Transport with one JSON-RPC message a line. A line that cannot be read gets an error, and the stream goes on.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, PoisonError},
};

use futures::future::BoxFuture;
use rmcp::{
    RoleServer,
    model::{ClientNotification, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::Mutex,
};

use super::scan::IdScan;

/// JSON-RPC error code for a line that is not JSON.
const PARSE_ERROR: i32 = -32_700;
/// JSON-RPC error code for JSON that is not a message.
const INVALID_REQUEST: i32 = -32_600;
/// Capacity that the buffer keeps after a long line.
const KEPT_ROOM: usize = 64 << 10;

/// Reads and writes one message a line over a pair of streams.
pub(super) struct Lines<I, O> {
    input: BufReader<I>,
    line: Vec<u8>,
    max_bytes: usize,
    /// Set while a line that is too long is passed over.
    skipped: Option<IdScan>,
    output: Arc<Mutex<Option<O>>>,
    /// Requests that are not answered yet.
    open: OpenRequests,
    /// Pending error for a line that could not be read. Receiving may be interrupted at any point; this goes on.
    refusing: Option<BoxFuture<'static, io::Result<()>>>,
}

impl<I, O> Lines<I, O>
where
    I: AsyncRead + Send + Unpin,
    O: AsyncWrite + Send + Unpin + 'static,
{
    /// Wraps the streams; a line may have `max_bytes` bytes.
    pub(super) fn new(input: I, output: O, max_bytes: usize) -> Self {
        Self {
            input: BufReader::new(input),
            line: Vec::new(),
            max_bytes,
            skipped: None,
            output: Arc::new(Mutex::new(Some(output))),
            open: OpenRequests::default(),
            refusing: None,
        }
    }

    /// Reads the next line, complete or too long; `None` at the end. Cancel safe.
    async fn next(&mut self) -> io::Result<Option<ReadLine>> {
        loop {
            let available = self.input.fill_buf().await?;
            if available.is_empty() {
                return Ok(None);
            }
            let end = available.iter().position(|byte| *byte == b'\n');
            let (part, taken) = match end {
                Some(end) => (available.get(..end).unwrap_or_default(), end + 1),
                None => (available, available.len()),
            };
            match &mut self.skipped {
                Some(scan) => scan.feed(part),
                None if self.line.len() + part.len() > self.max_bytes => {
                    let mut scan = IdScan::default();
                    scan.feed(&self.line);
                    scan.feed(part);
                    self.line = Vec::new();
                    self.skipped = Some(scan);
                }
                None => self.line.extend_from_slice(part),
            }
            self.input.consume(taken);
            if end.is_some() {
                return Ok(Some(match self.skipped.take() {
                    Some(scan) => ReadLine::TooLong(scan.id()),
                    None => ReadLine::Whole,
                }));
            }
        }
    }

    /// Parses the line; the error is the answer to send. `None` is a line to ignore.
    fn read(&self) -> Result<Option<RxJsonRpcMessage<RoleServer>>, Value> {
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        if let Ok(message) = serde_json::from_slice(line) {
            return match self.open.admit(&message) {
                Ok(()) => Ok(Some(message)),
                Err(id) => {
                    let message =
                        "a request with this id is not answered yet: every request needs an id of its own";
                    Err(refusal(INVALID_REQUEST, &id, message))
                }
            };
        }
        match serde_json::from_slice::<Value>(line) {
            // A notification that we do not know is none of our business.
            Ok(value) if value.get("id").is_none() && value.get("method").is_some_and(Value::is_string) => {
                Ok(None)
            }
            Ok(value) => Err(misfit(&value)),
            Err(_) => Err(unreadable(line)),
        }
    }

    fn refuse(&mut self, refusal: &Value) {
        let (output, text) = (Arc::clone(&self.output), format!("{refusal}\n"));
        self.refusing = Some(Box::pin(async move { write(&output, text.as_bytes()).await }));
    }
}

enum ReadLine {
    Whole,
    TooLong(Value),
}

/// Builds the error for a line that is not JSON. Where only its depth or encoding is wrong, it names the id.
fn unreadable(line: &[u8]) -> Value {
    if serde_json::from_slice::<IgnoredAny>(line).is_err() {
        return refusal(PARSE_ERROR, &Value::Null, "the line is no JSON: send one message a line");
    }
    let mut scan = IdScan::default();
    scan.feed(line);
    let message = if std::str::from_utf8(line).is_ok() {
        "the message is nested too deeply, or names a character that does not exist"
    } else {
        "the message is no UTF-8"
    };
    refusal(PARSE_ERROR, &scan.id(), message)
}

/// Builds the error for JSON that is not a message.
fn misfit(value: &Value) -> Value {
    let id = value.get("id");
    let good = id.filter(|id| id.is_string() || id.is_i64());
    let message = if value.is_array() {
        "batches are not supported: send one message a line"
    } else if id.is_some() && good.is_none() {
        "`id` must be a text or a whole number"
    } else if value.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        "`jsonrpc` must be \"2.0\""
    } else {
        "this is no JSON-RPC message: send one object with jsonrpc, id, method and params"
    };
    refusal(INVALID_REQUEST, good.unwrap_or(&Value::Null), message)
}

/// Ids of requests that are not answered yet. A second request with the same id would take the first one's answer.
#[derive(Debug, Clone, Default)]
struct OpenRequests(Arc<std::sync::Mutex<HashSet<RequestId>>>);

impl OpenRequests {
    fn with<T>(&self, act: impl FnOnce(&mut HashSet<RequestId>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Registers a received message; the error is its id when that is in use.
    fn admit(&self, message: &RxJsonRpcMessage<RoleServer>) -> Result<(), Value> {
        match message {
            JsonRpcMessage::Request(request) => {
                let is_new = self.with(|open| open.insert(request.id.clone()));
                if is_new { Ok(()) } else { Err(serde_json::to_value(&request.id).unwrap_or_default()) }
            }
            JsonRpcMessage::Notification(told) => {
                // A request that was cancelled gets no answer.
                if let ClientNotification::CancelledNotification(cancelled) = &told.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.with(|open| open.remove(id));
                }
                Ok(())
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => Ok(()),
        }
    }

    /// Releases the id of a request that is answered.
    fn answered(&self, message: &TxJsonRpcMessage<RoleServer>) {
        let id = match message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        if let Some(id) = id {
            self.with(|open| open.remove(id));
        }
    }
}

fn refusal(code: i32, id: &Value, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

async fn write<O: AsyncWrite + Unpin>(output: &Mutex<Option<O>>, bytes: &[u8]) -> io::Result<()> {
    let mut output = output.lock().await;
    let output = output.as_mut().ok_or(io::ErrorKind::NotConnected)?;
    output.write_all(bytes).await?;
    output.flush().await
}

impl<I, O> Transport<RoleServer> for Lines<I, O>
where
    I: AsyncRead + Send + Unpin,
    O: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let output = Arc::clone(&self.output);
        self.open.answered(&item);
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            write(&output, &line).await
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(refusing) = &mut self.refusing {
                let refused = refusing.await;
                self.refusing = None;
                refused.ok()?;
            }
            match self.next().await {
                Ok(Some(ReadLine::Whole)) => {
                    let read = self.read();
                    self.line.clear();
                    self.line.shrink_to(KEPT_ROOM);
                    match read {
                        Ok(Some(message)) => return Some(message),
                        Ok(None) => {}
                        Err(refusal) => self.refuse(&refusal),
                    }
                }
                Ok(Some(ReadLine::TooLong(id))) => {
                    let limit = self.max_bytes;
                    let message = format!("the message has more than {limit} bytes (limits.max_message_mb)");
                    self.refuse(&refusal(INVALID_REQUEST, &id, &message));
                }
                Ok(None) => return None,
                Err(error) => {
                    tracing::error!(%error, "The input cannot be read.");
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.lock().await.take();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
