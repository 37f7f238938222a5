//! Reading the body of a request: so many bytes, at no less than so many in a second.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use super::guard::refusal;

/// How long a body may take in all.
const TOTAL: Duration = Duration::from_mins(1);
/// How long it may take before its speed counts, and how long it may stand still.
const GRACE: Duration = Duration::from_secs(10);
/// The least bytes in a second, on average.
const LEAST_PER_SECOND: u32 = 1_024;

/// The largest body of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit(pub(super) usize);

/// Why a body cannot be had.
#[derive(Debug, PartialEq, Eq)]
enum Broken {
    TooLarge,
    TooSlow,
    CutOff,
}

/// Reads the whole body before anything else runs: one that drips in holds a connection and nothing more.
pub(super) async fn read(State(limit): State<Limit>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let told =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let read = match told {
        Some(length) if limit.0 < length => Err(Broken::TooLarge),
        _ => collect(body, limit.0).await,
    };
    let (status, message) = match read {
        Ok(bytes) => return next.run(Request::from_parts(parts, bytes.into())).await,
        Err(Broken::TooLarge) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {} bytes, which is `limits.max_message_mb`", limit.0),
        ),
        Err(Broken::TooSlow) => (StatusCode::REQUEST_TIMEOUT, "the body arrives too slowly".to_owned()),
        Err(Broken::CutOff) => (StatusCode::BAD_REQUEST, "the body is not whole".to_owned()),
    };
    let mut response = refusal(status, &message);
    // What is left of the body must not be taken for the next request.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn collect(body: Body, most: usize) -> Result<Bytes, Broken> {
    let begun = Instant::now();
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let earned = u32::try_from(bytes.len()).unwrap_or(u32::MAX) / LEAST_PER_SECOND;
        let deadline = (begun + TOTAL)
            .min(Instant::now() + GRACE)
            .min(begun + GRACE + Duration::from_secs(earned.into()));
        match timeout_at(deadline, stream.next()).await {
            Err(_) => return Err(Broken::TooSlow),
            Ok(None) => return Ok(bytes.into()),
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "A request body could not be read.");
                return Err(Broken::CutOff);
            }
            Ok(Some(Ok(chunk))) if bytes.len() + chunk.len() > most => return Err(Broken::TooLarge),
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    /// A body that brings so many bytes after each pause, without end.
    fn dripping(bytes: usize, pause: Duration) -> Body {
        Body::from_stream(stream::repeat(()).then(move |()| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(vec![b' '; bytes])
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_stands_still_or_never_ends_is_given_up() {
        for (bytes, pause, seconds) in [
            (1, Duration::from_secs(1), GRACE.as_secs()),
            (600, Duration::from_secs(1), 25),
            (1 << 20, GRACE * 2, GRACE.as_secs()),
            (4_096, Duration::from_secs(1), TOTAL.as_secs()),
        ] {
            let begun = Instant::now();
            assert_eq!(collect(dripping(bytes, pause), 1 << 30).await, Err(Broken::TooSlow), "{bytes}");
            let took = begun.elapsed().as_secs();
            assert!(took <= seconds, "{bytes} bytes each {pause:?} took {took} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_but_steady_body_is_read_and_a_large_one_is_not() {
        let steady = dripping(2_048, Duration::from_secs(1)).into_data_stream().take(40);
        assert_eq!(collect(Body::from_stream(steady), 1 << 20).await.unwrap().len(), 40 * 2_048);
        assert_eq!(collect(Body::from(vec![0; 11]), 10).await, Err(Broken::TooLarge));
        assert_eq!(collect(Body::from(vec![0; 10]), 10).await.unwrap().len(), 10);
        let torn = stream::iter([Ok(vec![1_u8]), Err(std::io::Error::other("gone"))]);
        assert_eq!(collect(Body::from_stream(torn), 10).await, Err(Broken::CutOff));
    }
}
