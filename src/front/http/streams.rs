//! How much of this server one caller may hold at once: open requests, streams included.

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

/// How long a stream lives, whatever it carries. Twice as long as the longest wait for a job; clients open another.
const MAX_STREAM_AGE: Duration = Duration::from_hours(2);
/// When a refused caller should try again, in seconds.
const RETRY_AFTER_SECONDS: u64 = 1;

/// Open requests by caller.
#[derive(Debug, Clone)]
pub(super) struct RequestLimit {
    most: usize,
    open: Arc<Quota<Arc<str>>>,
}

impl RequestLimit {
    /// So many for each caller.
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Quota::new(most, usize::MAX) }
    }
}

/// Who sent a request, where that is known.
pub(super) fn sender(request: &Request) -> Arc<str> {
    request.extensions().get::<Caller>().map_or_else(|| "".into(), Caller::shared_id)
}

/// Lets a request in when its caller has room. An event stream keeps its place until it ends, and ends in time.
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

/// The same answer. An event stream keeps the allocation until it ends; everything else is made already.
pub(super) fn hold_until_sent(response: Response, allocation: Allocation<Arc<str>>) -> Response {
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if is_stream { response.map(|body| holding(body, allocation)) } else { response }
}

/// The same stream, which holds a allocation and has an end.
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
