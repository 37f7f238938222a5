//! Writes the diagnostic log: tracing events, to stderr and nowhere else, since stdout is the protocol's.

pub mod trace;

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Silences what rmcp reports of clients that went away: answers that it could no longer send are no errors.
const QUIET_DIRECTIVE: &str = "rmcp::service=off";

/// Builds the filter for `level`: a word such as `warn`, or directives such as `warn,comfywarden=debug`.
///
/// A directive for rmcp in `level` wins over the quiet default. A filter that does not parse counts as `warn`.
pub fn filter(level: &str) -> EnvFilter {
    let directives =
        if level.contains("rmcp") { level.to_owned() } else { format!("{level},{QUIET_DIRECTIVE}") };
    EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new(format!("warn,{QUIET_DIRECTIVE}")))
}

/// Starts the log. Every event passes `redact` before it is written. A second call changes nothing, so that tests may
/// start several servers.
pub fn init(level: &str, json: bool, redact: impl Fn(&str) -> String + Send + Sync + 'static) {
    let registry = tracing_subscriber::registry().with(filter(level));
    let layer = tracing_subscriber::fmt::layer().with_writer(RedactingWriter { redact, out: io::stderr });
    let started = if json {
        registry.with(layer.json().flatten_event(true)).try_init()
    } else {
        registry.with(layer.with_ansi(false)).try_init()
    };
    if started.is_err() {
        tracing::debug!("the log was already started");
    }
}

/// Writes redacted events, each as one line: dependencies log too, and their messages may quote secrets.
struct RedactingWriter<F, M> {
    redact: F,
    out: M,
}

/// The writer of one event, which arrives in one piece.
struct EventWriter<'a, F, W> {
    redact: &'a F,
    out: W,
}

impl<'a, F, M, W> MakeWriter<'a> for RedactingWriter<F, M>
where
    F: Fn(&str) -> String + 'a,
    M: Fn() -> W + 'a,
    W: io::Write,
{
    type Writer = EventWriter<'a, F, W>;

    fn make_writer(&'a self) -> Self::Writer {
        EventWriter { redact: &self.redact, out: (self.out)() }
    }
}

impl<F: Fn(&str) -> String, W: io::Write> io::Write for EventWriter<'_, F, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let line = (self.redact)(text.trim_end_matches('\n')).replace('\n', "\\n");
        self.out.write_all(format!("{line}\n").as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
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
    fn an_event_is_one_cleaned_line() {
        let mut out = Vec::new();
        let redact = |text: &str| text.replace("secret", "***");
        let mut line = EventWriter { redact: &redact, out: &mut out };
        io::Write::write_all(&mut line, b"WARN a secret\nWARN forged\n").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "WARN a ***\\nWARN forged\n");
    }

    #[test]
    fn filter_that_does_not_parse_counts_as_warn() {
        assert_eq!(filter("==").to_string(), "rmcp::service=off,warn");
    }
}
