//! Carries the trace of a caller's request to ComfyUI and into the records of the call.

use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Option<Arc<str>>;
}

/// Runs `work` as part of the trace that `traceparent` names. A value that is no W3C trace parent names none.
pub async fn within<F: Future>(traceparent: Option<&str>, work: F) -> F::Output {
    let trace = traceparent.filter(|value| is_trace(value)).map(Arc::from);
    CURRENT.scope(trace, work).await
}

/// Returns the trace parent of the current request.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Clone::clone).ok().flatten()
}

/// Returns whether the value is version, trace id, parent id and flags in lower-case hexadecimal; ids of zeros name nothing.
fn is_trace(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else { return false };
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let named = |part: &str| part.bytes().any(|b| b != b'0');
    hex(version, 2)
        && *version != "ff"
        && hex(trace, 32)
        && named(trace)
        && hex(parent, 16)
        && named(parent)
        && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn only_a_trace_parent_is_passed_on() {
        assert_eq!(within(Some(GOOD), async { current() }).await.as_deref(), Some(GOOD));
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for bad in ["", "x", &GOOD.to_uppercase(), &GOOD[1..], &format!("{GOOD}\r\nx: y"), zeros] {
            assert_eq!(within(Some(bad), async { current() }).await, None, "{bad}");
        }
        assert_eq!(current(), None);
    }
}
