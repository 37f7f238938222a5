//! Errors between the client and ComfyUI, and their translation for callers.

use std::time::Duration;

use super::{PromptId, rejection::Rejection};
use comfywarden_error::{self, Kind};

/// The result of a question to ComfyUI.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the ComfyUI client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client cannot be built from this configuration.
    #[error("{0}")]
    Config(String),
    /// An argument cannot be sent.
    #[error("{0}")]
    InvalidInput(String),
    /// No connection.
    #[error("cannot reach ComfyUI at {url}: {reason}")]
    Unreachable {
        /// Address that was tried, without secrets.
        url: String,
        /// Reason that the network gave.
        reason: String,
        /// False when there was no connection, so that nothing can have been sent.
        sent: bool,
    },
    /// A connection, but no answer in time.
    #[error("ComfyUI at {url} did not answer {what} within {} s", after.as_secs())]
    Timeout {
        /// Address that was tried, without secrets.
        url: String,
        /// The question.
        what: &'static str,
        /// Time limit that passed.
        after: Duration,
    },
    /// An answer with an error status.
    #[error("ComfyUI answered {what} with status {status}{}", colon(text))]
    Status {
        /// The question.
        what: &'static str,
        /// The status code.
        status: u16,
        /// The start of its text, without paths.
        text: String,
    },
    /// An answer past the cap.
    #[error("the answer of ComfyUI to {what} is larger than {limit} bytes")]
    TooLarge {
        /// The question.
        what: &'static str,
        /// The cap.
        limit: usize,
    },
    /// An answer that is not what it should be.
    #[error("the answer of ComfyUI to {what} cannot be read: {reason}")]
    Malformed {
        /// The question.
        what: &'static str,
        /// Difference from what was expected.
        reason: String,
    },
    /// An extension of ComfyUI refused what it was asked.
    #[error("ComfyUI refused {what}: {text}")]
    Refused {
        /// The question.
        what: &'static str,
        /// Its reason, without paths.
        text: String,
    },
    /// ComfyUI refused a workflow.
    #[error("{0}")]
    Rejected(Box<Rejection>),
    /// There is no such thing on the server.
    #[error("{message}")]
    NotFound {
        /// Message that names what is missing.
        message: String,
        /// Hint where to look instead.
        next: &'static str,
    },
    /// A file that cannot be written on this machine.
    #[error("the file cannot be written on this machine: {0}")]
    Local(String),
    /// A submit without an answer whose fate could not be found out.
    #[error("ComfyUI did not confirm prompt {prompt_id}, and it is not known whether it took it: {reason}")]
    Unconfirmed {
        /// Its id, under which it may run.
        prompt_id: PromptId,
        /// Last failure.
        reason: String,
    },
}

fn colon(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Hint that makes the answer to this request smaller.
fn smaller(what: &str) -> &'static str {
    if what.starts_with("GET /view") {
        "ask for less: a preview instead of the file"
    } else if ["GET /queue", "GET /history", "GET /api/jobs"].iter().any(|start| what.starts_with(start)) {
        "ComfyUI's queue or history holds very large workflows: clear what is not needed, or ask for a smaller page"
    } else {
        "ComfyUI does not send that much there: check that `comfyui.url` is ComfyUI itself"
    }
}

const NAME_THE_URL: &str =
    "check that ComfyUI runs and that `comfyui.url` in the configuration, or COMFYUI_URL, is its address";

impl From<Error> for comfywarden_error::Error {
    fn from(inner: Error) -> Self {
        let message = inner.to_string();
        match inner {
            Error::Config(_) => Self::new(Kind::InvalidInput, message).hint("correct the `comfyui` section of the configuration"),
            Error::InvalidInput(_) => Self::new(Kind::InvalidInput, message),
            Error::Local(_) => Self::new(Kind::Internal, message).hint("see whether the disk is full"),
            Error::Unreachable { reason, .. } => {
                let certificate = reason.contains("certificate");
                Self::new(Kind::Unavailable, message).hint(if certificate {
                    "the certificate is not trusted: install its authority on this machine, or set `comfyui.tls_verify: false` (COMFYUI_TLS_VERIFY) if you trust the network"
                } else {
                    NAME_THE_URL
                })
            }
            Error::Timeout { .. } => Self::new(Kind::Timeout, message)
                .hint("ComfyUI may be busy; try again, or raise `comfyui.timeout_read` (COMFYUI_TIMEOUT_READ)"),
            Error::Status { status, .. } => {
                let edge = Self::new(Kind::Upstream, message).detail("status", status);
                match status {
                    401 | 403 => edge.hint("ComfyUI, or a proxy before it, wants a credential: set `comfyui.auth`"),
                    404 | 405 => edge.hint("this ComfyUI lacks the route; check the path in `comfyui.url`, or update ComfyUI"),
                    300..=399 => edge.hint("set `comfyui.url` to the address that it leads to, if that is ComfyUI"),
                    413 => edge.hint("ComfyUI's own limit is smaller: start it with a larger --max-upload-size, or send less"),
                    429 => edge.hint("something before ComfyUI limits requests; try again later"),
                    502..=504 => edge.hint("a proxy before ComfyUI answers for it; check that ComfyUI runs behind `comfyui.url`"),
                    _ => edge.hint("ComfyUI's own log says why; try again once, or report it to whoever runs ComfyUI"),
                }
            }
            Error::TooLarge { what, limit } => {
                Self::new(Kind::Upstream, message).detail("limit_bytes", limit).hint(smaller(what))
            }
            Error::Malformed { .. } => Self::new(Kind::Upstream, message)
                .hint("check that `comfyui.url` is ComfyUI itself and not a login page or another program"),
            Error::Refused { .. } => Self::new(Kind::Upstream, message).hint("ComfyUI's own log says more"),
            Error::Rejected(rejection) => rejection.into_edge(),
            Error::NotFound { next, .. } => Self::new(Kind::NotFound, message).hint(next),
            Error::Unconfirmed { prompt_id, .. } => Self::new(Kind::Unavailable, message)
                .detail("prompt_id", prompt_id.as_str())
                .hint("do not submit again at once: ask for the job by this prompt_id when ComfyUI answers again"),
        }
    }
}
