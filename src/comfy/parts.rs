//! Files read piece by piece: a large one never lies in memory as a whole.

use bytes::Bytes;
use http::header;
use reqwest::Response;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Client, Error, OutputRef, Result, endpoint::Endpoint, images};

/// A piece of a file, and what is known of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The piece; shorter than asked for where the file ends.
    pub bytes: Bytes,
    /// The size of the whole file.
    pub total: u64,
    /// Time of the last change, as HTTP writes it.
    pub modified: Option<String>,
}

impl Client {
    /// Reads at most `most` bytes of a file, from byte `from` on. A piece past the end is empty.
    pub async fn view_part(&self, file: &OutputRef, from: u64, most: usize) -> Result<FilePart> {
        let endpoint = images::view_endpoint(file);
        let last = from.saturating_add(most.max(1) as u64) - 1;
        let mut response = self.open_view(&endpoint, file, Some((from, last))).await?;
        let text_of = |name| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let range: Option<String> = text_of(header::CONTENT_RANGE);
        let modified = text_of(header::LAST_MODIFIED);
        let status = response.status().as_u16();
        let total = range.as_deref().and_then(|range| range.rsplit_once('/')?.1.parse().ok());
        if status == 416 {
            return Ok(FilePart { bytes: Bytes::new(), total: total.unwrap_or(from), modified });
        }
        let unclear = |reason: &str| Error::Malformed { what: endpoint.name(), reason: reason.to_owned() };
        if status == 206 {
            let total = total.ok_or_else(|| unclear("a piece of a file without the size of the whole"))?;
            let bytes = self.inner.transport.collect(&endpoint, response, most).await?.body;
            return Ok(FilePart { bytes, total, modified });
        }
        // A server, or a proxy before it, may not know ranges and send the whole file; its start serves as well.
        if from > 0 {
            return Err(unclear("the server sends files only as a whole"));
        }
        let total = response.content_length().ok_or_else(|| unclear("a file without its size"))?;
        let mut bytes = bytes::BytesMut::new();
        while bytes.len() < most {
            let chunk = response.chunk().await.map_err(|e| self.inner.transport.failure(&endpoint, e))?;
            let Some(chunk) = chunk else { break };
            bytes.extend_from_slice(chunk.get(..chunk.len().min(most - bytes.len())).unwrap_or_default());
        }
        Ok(FilePart { bytes: bytes.freeze(), total, modified })
    }

    /// Writes a file of at most `most` bytes to `to`, as it comes. Gives its size.
    pub async fn view_into(
        &self,
        file: &OutputRef,
        to: &mut (impl AsyncWrite + Unpin + Send),
        most: u64,
    ) -> Result<u64> {
        let endpoint = images::view_endpoint(file);
        let too_large =
            || Error::TooLarge { what: endpoint.name(), limit: usize::try_from(most).unwrap_or(usize::MAX) };
        let mut response = self.open_view(&endpoint, file, None).await?;
        if response.content_length().is_some_and(|announced| announced > most) {
            return Err(too_large());
        }
        let mut written = 0_u64;
        while let Some(chunk) =
            response.chunk().await.map_err(|e| self.inner.transport.failure(&endpoint, e))?
        {
            written = written.saturating_add(chunk.len() as u64);
            if written > most {
                return Err(too_large());
            }
            to.write_all(&chunk).await.map_err(|e| Error::Local(e.to_string()))?;
        }
        to.flush().await.map_err(|e| Error::Local(e.to_string()))?;
        Ok(written)
    }

    /// A file about to be read, wherever the server keeps it.
    async fn open_view(
        &self,
        endpoint: &Endpoint<'_>,
        file: &OutputRef,
        range: Option<(u64, u64)>,
    ) -> Result<Response> {
        let transport = &self.inner.transport;
        let mut response = transport.open(endpoint, range).await?;
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        if let Some(url) =
            images::cloud_redirect(&self.inner.config.base_url, response.status().as_u16(), location)
        {
            response = transport.open_elsewhere(endpoint, url, range).await?;
        }
        match response.status().as_u16() {
            200 | 206 => Ok(response),
            416 if range.is_some() => Ok(response),
            404 => Err(images::missing(file)),
            _ => Err(transport.collect(endpoint, response, endpoint.answer_limit()).await?.refusal(endpoint)),
        }
    }
}
