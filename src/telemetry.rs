//! The diagnostic log: tracing events, written to stderr and nowhere else, since stdout is the protocol's.

pub mod trace;

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A client that goes away is no error: rmcp reports the answers it could no longer send.
const QUIET: &str = "rmcp::service=off";

/// The filter for `level`: a word such as `warn`, or directives such as `warn,comfywarden=debug`.
///
/// What is said about rmcp in `level` wins over the quiet default. A filter that does not parse counts as `warn`.
pub fn filter(level: &str) -> EnvFilter {
    let directives = if level.contains("rmcp") { level.to_owned() } else { format!("{level},{QUIET}") };
    EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new(format!("warn,{QUIET}")))
}

/// Starts the log. A second call changes nothing, so that tests may start several servers.
pub fn init(level: &str, json: bool) {
    let registry = tracing_subscriber::registry().with(filter(level));
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let started = if json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry.with(layer.with_ansi(false)).try_init()
    };
    if started.is_err() {
        tracing::debug!("the log was already started");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disconnects_are_quiet_unless_asked_for() {
        assert_eq!(filter("warn").to_string(), "rmcp::service=off,warn");
        assert_eq!(filter("warn,rmcp=debug").to_string(), "rmcp=debug,warn");
    }

    #[test]
    fn filter_that_does_not_parse_counts_as_warn() {
        assert_eq!(filter("==").to_string(), "rmcp::service=off,warn");
    }
}
