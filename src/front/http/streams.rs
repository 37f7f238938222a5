//! Limits the open requests of one caller, streams included.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;

use super::errors::refusal_for_now;
use crate::gate::{
    Caller,
    quota::{Allocation, Quota},
};
use comfywarden_error::{Error, Kind};

/// Time limit for a stream: twice the longest wait for a job. Clients open another one.
const MAX_STREAM_AGE: Duration = Duration::from_hours(2);
/// Seconds after which a refused caller should retry.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Limits open requests by caller.
#[derive(Debug, Clone)]
pub(super) struct RequestLimit {
    most: usize,
    open: Arc<Quota<Arc<str>>>,
}

impl RequestLimit {
    /// Allows `most` open requests to each caller.
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Quota::new(most, usize::MAX) }
    }
}

/// Id of the caller of a request; empty where it is unknown.
pub(super) fn sender(request: &Request) -> Arc<str> {
    request.extensions().get::<Caller>().map_or_else(|| "".into(), Caller::shared_name)
}

/// Middleware that admits a request within its caller's limit. An event stream counts until it ends.
pub(super) async fn limit_requests(
    State(limit): State<RequestLimit>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(place) = limit.open.take(sender(&request), 1) else {
        let most = limit.most;
        let message = format!("this caller has {most} requests open; `limits.requests_per_caller` is {most}");
        let error = Error::new(Kind::RateLimited, message)
            .hint("end a stream or wait for an answer, then send the request again")
            .detail("limit", most);
        return refusal_for_now(StatusCode::TOO_MANY_REQUESTS, error, RETRY_AFTER_SECONDS);
    };
    hold_until_sent(next.run(request).await, place)
}

/// Ties the allocation to the response: an event stream keeps it until it ends, anything else is complete already.
pub(super) fn hold_until_sent(response: Response, allocation: Allocation<Arc<str>>) -> Response {
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if is_stream { response.map(|body| holding(body, allocation)) } else { response }
}

/// Wraps a stream so that it holds the allocation and ends after [`MAX_STREAM_AGE`].
fn holding(body: Body, allocation: Allocation<Arc<str>>) -> Body {
    let stream = body.into_data_stream().take_until(tokio::time::sleep(MAX_STREAM_AGE));
    Body::from_stream(stream.map(move |chunk| {
        let _held = &allocation;
        chunk
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_holds_its_place_until_it_ends_and_ends_in_time() {
        let open = Quota::<Arc<str>>::new(1, usize::MAX);
        let endless = futures::stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b": alive\n\n"))
        });
        let body = holding(Body::from_stream(endless), open.take("a".into(), 1).unwrap());
        let begun = tokio::time::Instant::now();
        let mut stream = body.into_data_stream();
        assert!(stream.next().await.is_some() && open.take("a".into(), 1).is_err());
        while stream.next().await.is_some() {}
        assert!(
            begun.elapsed() >= MAX_STREAM_AGE && begun.elapsed() < MAX_STREAM_AGE + Duration::from_secs(30)
        );
        drop(stream);
        assert!(open.take("a".into(), 1).is_ok());
    }
}
