//! How much of this server one caller may hold at once: open requests, streams included, and sessions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use futures::StreamExt as _;

use super::guard::refusal;
use crate::app::Caller;

/// How long a stream lives, whatever it carries. Twice as long as the longest wait for a job; clients open another.
const LIFE: Duration = Duration::from_hours(2);
/// When a refused caller should try again, in seconds.
const LOOK_AGAIN: HeaderValue = HeaderValue::from_static("1");

/// Open requests by caller.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    open: Mutex<HashMap<String, usize>>,
}

/// One open request. Dropping it makes room for another.
#[derive(Debug)]
struct Place {
    streams: Arc<Streams>,
    caller: String,
}

impl Streams {
    /// So many for each caller.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    fn enter(self: &Arc<Self>, caller: &str) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { streams: Arc::clone(self), caller: caller.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.caller) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.caller)),
        }
    }
}

/// Lets a request in when its caller has room. An event stream keeps its place until it ends, and ends in time.
pub(super) async fn count(State(streams): State<Arc<Streams>>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().map_or("", Caller::id).to_owned();
    let Some(place) = streams.enter(&caller) else {
        let message = format!(
            "this caller has {most} requests open; `limits.requests_per_caller` is {most}",
            most = streams.most
        );
        let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, &message);
        response.headers_mut().insert(header::RETRY_AFTER, LOOK_AGAIN);
        return response;
    };
    let response = next.run(request).await;
    let is_stream = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if is_stream { response.map(|body| held(body, place)) } else { response }
}

/// The same stream, which holds a place and has an end.
fn held(body: Body, place: Place) -> Body {
    let stream = body.into_data_stream().take_until(tokio::time::sleep(LIFE));
    Body::from_stream(stream.map(move |chunk| {
        let _held = &place;
        chunk
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;

    use super::*;

    #[test]
    fn each_caller_has_so_many_places_and_leaves_nothing_behind() {
        let streams = Streams::new(2);
        let first = streams.enter("a").unwrap();
        let second = streams.enter("a").unwrap();
        assert!(streams.enter("a").is_none());
        assert!(streams.enter("b").is_some());
        drop(first);
        assert!(streams.enter("a").is_some());
        drop(second);
        assert!(streams.open.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_holds_its_place_until_it_ends_and_ends_in_time() {
        let streams = Streams::new(1);
        let endless = futures::stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            Ok::<_, std::io::Error>(Bytes::from_static(b": alive\n\n"))
        });
        let body = held(Body::from_stream(endless), streams.enter("a").unwrap());
        let begun = tokio::time::Instant::now();
        let mut stream = body.into_data_stream();
        assert!(stream.next().await.is_some() && streams.enter("a").is_none());
        while stream.next().await.is_some() {}
        assert!(begun.elapsed() >= LIFE && begun.elapsed() < LIFE + Duration::from_secs(30));
        drop(stream);
        assert!(streams.enter("a").is_some());
    }
}
