//! Reads request bodies, with limits on size and speed, and on the bytes in memory of one
//! caller and of all.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use super::{
    errors::{refusal, refusal_for_now},
    streams::{hold_until_sent, sender},
};
use crate::{
    config::Limits,
    gate::quota::{Allocation, Quota, QuotaExceeded},
};
use comfywarden_error::{Error, Kind};

/// Time limit for a whole body.
const MAX_DURATION: Duration = Duration::from_mins(1);
/// Time before the speed of a body counts, and the longest pause within it.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Lowest average speed.
const MIN_BYTES_PER_SECOND: u32 = 1_024;
/// Bytes of each body that are not counted: calls without a file go on while others upload. Connections bound the sum.
const UNCOUNTED: usize = 64 << 10;
/// Seconds after which a caller with too many bytes in memory should retry.
const RETRY_AFTER_SECONDS: u64 = 2;

/// Limits the size of one body, and of all bodies in memory.
#[derive(Debug, Clone)]
pub(super) struct BodyLimits {
    limits: Limits,
    quota: Arc<Quota<Arc<str>>>,
}

impl BodyLimits {
    /// Takes the configured limits; nothing is in use yet.
    pub(super) fn new(limits: Limits) -> Self {
        let quota = Quota::new(limits.body_bytes_per_caller(), limits.body_bytes_in_total());
        Self { limits, quota }
    }
}

/// Error of reading a body.
#[derive(Debug, PartialEq, Eq)]
enum BodyError {
    TooLarge,
    TooSlow,
    CutOff,
    QuotaExceeded(QuotaExceeded),
}

/// Reads the whole body before anything else runs: one that drips in holds a connection and nothing more. What was in
/// it stays in memory as long as its call runs, so its part of the room is free again when the answer is.
pub(super) async fn read(State(body_limits): State<BodyLimits>, request: Request, next: Next) -> Response {
    let sender = sender(&request);
    let (parts, body) = request.into_parts();
    let told =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let most = body_limits.limits.max_message_bytes();
    let read = match told {
        Some(length) if most < length => Err(BodyError::TooLarge),
        _ => match body_limits.quota.take(sender, counted(told.unwrap_or(0))) {
            Ok(mut allocation) => collect(body, most, &mut allocation).await.map(|bytes| (bytes, allocation)),
            Err(full) => Err(BodyError::QuotaExceeded(full)),
        },
    };
    let mut response = match read {
        Ok((bytes, allocation)) => {
            return hold_until_sent(next.run(Request::from_parts(parts, bytes.into())).await, allocation);
        }
        Err(error) => error.response(&body_limits.limits),
    };
    // What is left of the body must not be taken for the next request.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Bytes of a body of this length that count against the quota.
fn counted(length: usize) -> usize {
    length.saturating_sub(UNCOUNTED)
}

impl BodyError {
    fn response(self, limits: &Limits) -> Response {
        match self {
            Self::TooLarge => {
                let (most, key) = (limits.max_message_bytes(), limits.max_message_mb);
                let message =
                    format!("the body is larger than {most} bytes; `limits.max_message_mb` is {key}");
                let error = Error::invalid_input(message)
                    .hint("send less, or the operator raises `limits.max_message_mb`")
                    .detail("most_bytes", most);
                refusal(StatusCode::PAYLOAD_TOO_LARGE, &error)
            }
            Self::TooSlow => {
                let message = "the body arrives too slowly: it may take 60 s, rest for 10 s, and must bring 1 KiB a second";
                let error = Error::new(Kind::Timeout, message).hint("send it again, without pauses");
                refusal(StatusCode::REQUEST_TIMEOUT, &error)
            }
            Self::CutOff => {
                let error = Error::invalid_input("the body is not whole")
                    .hint("send as many bytes as Content-Length says, or proper chunks");
                refusal(StatusCode::BAD_REQUEST, &error)
            }
            Self::QuotaExceeded(full) => quota_exceeded(full, limits),
        }
    }
}

fn quota_exceeded(full: QuotaExceeded, limits: &Limits) -> Response {
    let (status, kind, whose, taken, key, most) = match full {
        QuotaExceeded::PerHolder(own) => (
            StatusCode::TOO_MANY_REQUESTS,
            Kind::RateLimited,
            "this caller's requests",
            own,
            "bodies_per_caller_mb",
            limits.body_bytes_per_caller() >> 20,
        ),
        QuotaExceeded::Total(all) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Kind::Unavailable,
            "all requests",
            all,
            "bodies_in_total_mb",
            limits.body_bytes_in_total() >> 20,
        ),
    };
    let message = format!(
        "the bodies of {whose} have {taken} bytes in memory, and this one does not fit; `limits.{key}` is {most}"
    );
    let error = Error::new(kind, message)
        .hint(format!("send large files one after another, or the operator raises `limits.{key}`"))
        .detail("limit", most);
    refusal_for_now(status, error, RETRY_AFTER_SECONDS)
}

async fn collect(body: Body, most: usize, allocation: &mut Allocation<Arc<str>>) -> Result<Bytes, BodyError> {
    let begun = Instant::now();
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let earned = u32::try_from(bytes.len()).unwrap_or(u32::MAX) / MIN_BYTES_PER_SECOND;
        let deadline = (begun + MAX_DURATION)
            .min(Instant::now() + MAX_PAUSE)
            .min(begun + MAX_PAUSE + Duration::from_secs(earned.into()));
        let chunk = match timeout_at(deadline, stream.next()).await {
            Err(_) => return Err(BodyError::TooSlow),
            Ok(None) => return Ok(bytes.into()),
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "A request body could not be read.");
                return Err(BodyError::CutOff);
            }
            Ok(Some(Ok(chunk))) => chunk,
        };
        let length = bytes.len() + chunk.len();
        if length > most {
            return Err(BodyError::TooLarge);
        }
        // A length that was told is paid for; what comes in chunks pays as it comes.
        allocation
            .grow(counted(length).saturating_sub(allocation.amount()))
            .map_err(BodyError::QuotaExceeded)?;
        bytes.extend_from_slice(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    async fn all_of(body: Body, most: usize) -> Result<Bytes, BodyError> {
        let mut allocation = Quota::<Arc<str>>::new(usize::MAX, usize::MAX).take("a".into(), 0).unwrap();
        collect(body, most, &mut allocation).await
    }

    /// Streams `bytes` bytes after each pause, without end.
    fn dripping(bytes: usize, pause: Duration) -> Body {
        Body::from_stream(stream::repeat(()).then(move |()| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(vec![b' '; bytes])
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_stands_still_or_never_ends_is_given_up() {
        for (bytes, pause, seconds) in [
            (1, Duration::from_secs(1), MAX_PAUSE.as_secs()),
            (600, Duration::from_secs(1), 25),
            (1 << 20, MAX_PAUSE * 2, MAX_PAUSE.as_secs()),
            (4_096, Duration::from_secs(1), MAX_DURATION.as_secs()),
        ] {
            let begun = Instant::now();
            assert_eq!(all_of(dripping(bytes, pause), 1 << 30).await, Err(BodyError::TooSlow), "{bytes}");
            let took = begun.elapsed().as_secs();
            assert!(took <= seconds, "{bytes} bytes each {pause:?} took {took} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_but_steady_body_is_read_and_a_large_one_is_not() {
        let steady = dripping(2_048, Duration::from_secs(1)).into_data_stream().take(40);
        assert_eq!(all_of(Body::from_stream(steady), 1 << 20).await.unwrap().len(), 40 * 2_048);
        assert_eq!(all_of(Body::from(vec![0; 11]), 10).await, Err(BodyError::TooLarge));
        assert_eq!(all_of(Body::from(vec![0; 10]), 10).await.unwrap().len(), 10);
        let torn = stream::iter([Ok(vec![1_u8]), Err(std::io::Error::other("gone"))]);
        assert_eq!(all_of(Body::from_stream(torn), 10).await, Err(BodyError::CutOff));
    }
    #[tokio::test(start_paused = true)]
    async fn a_body_in_chunks_takes_room_as_it_comes_and_small_ones_take_none() {
        let quota = Quota::<Arc<str>>::new(1 << 20, usize::MAX);
        let mut small = quota.take("a".into(), counted(UNCOUNTED)).unwrap();
        collect(Body::from(vec![0; UNCOUNTED]), 1 << 30, &mut small).await.unwrap();
        assert_eq!(small.amount(), 0);
        let mut allocation = quota.take("a".into(), 0).unwrap();
        let steady = dripping(64 << 10, Duration::from_secs(1));
        let error = collect(steady, 1 << 30, &mut allocation).await.unwrap_err();
        assert_eq!(
            (error, allocation.amount()),
            (BodyError::QuotaExceeded(QuotaExceeded::PerHolder(1 << 20)), 1 << 20)
        );
    }
}
