//! Progress on its way to the caller: monotone, and at most four reports a second.

use std::sync::Mutex;

use tokio::{
    sync::mpsc,
    time::{Duration, Instant},
};

use comfywarden_policy::untrusted;

/// One report.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Percent of the whole job, 0 to 100; never falls within a call.
    pub percent: f64,
    /// Current step, for people.
    pub message: String,
}

/// Receiver of a call's progress. Reports are dropped rather than waited for.
#[derive(Debug, Default)]
pub struct Sink {
    out: Option<mpsc::Sender<Update>>,
    last: Mutex<Option<Last>>,
}

#[derive(Debug, Clone)]
struct Last {
    at: Instant,
    percent: f64,
    node: String,
}

/// Maximum number of characters of a message.
const MAX: usize = 500;
/// Rise of the percent when nothing but the node is new.
const RISE: f64 = 0.01;
/// The shortest time between two reports. With the last one, which does not wait, that makes four a second at most.
const PAUSE: Duration = Duration::from_millis(334);

impl Sink {
    /// A sink nobody listens to.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reports go to `out`.
    pub fn to(out: mpsc::Sender<Update>) -> Self {
        Self { out: Some(out), last: Mutex::new(None) }
    }

    /// Reports `percent` unless it would go back or repeat. False when it came too soon after the last report.
    pub fn report(&self, percent: f64, message: impl Into<String>) -> bool {
        self.report_node(percent, "", message)
    }

    /// Reports the node at work. Another node than before is news although the percent did not rise; as clients want
    /// it to rise with every report, it rises a little.
    pub fn report_node(&self, percent: f64, node: &str, message: impl Into<String>) -> bool {
        let Some(out) = &self.out else { return true };
        let now = Instant::now();
        let Ok(mut last) = self.last.lock() else { return true };
        let mut percent = rounded(percent.clamp(0.0, 100.0));
        if let Some(last) = last.as_ref() {
            if percent <= last.percent && (node == last.node || last.percent >= 100.0) {
                return true;
            }
            if now.duration_since(last.at) < PAUSE {
                return false;
            }
            if percent <= last.percent {
                percent = rounded(last.percent + RISE);
                if percent >= 100.0 {
                    return true;
                }
            }
        }
        if out.try_send(Update { percent, message: safe(message) }).is_ok() {
            *last = Some(Last { at: now, percent, node: node.to_owned() });
        }
        true
    }

    /// Returns when the next report is not too soon.
    pub async fn next_slot(&self) {
        let last = self.last.lock().ok().and_then(|last| last.as_ref().map(|last| last.at));
        if let Some(at) = last {
            tokio::time::sleep_until(at + PAUSE).await;
        }
    }

    /// The last report, sent whatever the pause says.
    pub fn finish(&self, message: impl Into<String>) {
        let Some(out) = &self.out else { return };
        let Ok(mut last) = self.last.lock() else { return };
        if last.as_ref().is_none_or(|last| last.percent < 100.0)
            && out.try_send(Update { percent: 100.0, message: safe(message) }).is_ok()
        {
            *last = Some(Last { at: Instant::now(), percent: 100.0, node: String::new() });
        }
    }
}

fn rounded(percent: f64) -> f64 {
    (percent * 100.0).round() / 100.0
}

/// Names of nodes and classes come from elsewhere.
fn safe(message: impl Into<String>) -> String {
    let message: String = message.into().chars().take(MAX).collect();
    untrusted::defuse(&message).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reports_are_monotone_and_four_a_second() {
        let (out, mut seen) = mpsc::channel(64);
        let sink = Sink::to(out);

        for percent in [1.0, 2.0, 1.5] {
            sink.report(percent, "step");
        }
        tokio::time::advance(Duration::from_millis(340)).await;
        for percent in [0.5, 1.0, 50.0, 60.0] {
            sink.report(percent, "step");
        }
        drop(sink);

        let mut percents = Vec::new();
        while let Some(update) = seen.recv().await {
            percents.push(update.percent);
        }
        assert_eq!(percents, [1.0, 50.0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_has_four_reports_at_most_with_the_last_one() {
        let (out, mut seen) = mpsc::channel(64);
        let sink = Sink::to(out);
        for step in 0..999 {
            sink.report(f64::from(step) / 100.0, "step");
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        sink.finish("over");
        drop(sink);
        let mut count = 0;
        while seen.recv().await.is_some() {
            count += 1;
        }
        assert_eq!(count, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn another_node_is_news_although_the_percent_did_not_rise() {
        let (out, mut seen) = mpsc::channel(64);
        let sink = Sink::to(out);
        assert!(sink.report_node(28.000_000_000_000_004, "3", "KSampler: step 2 of 2"));
        assert!(!sink.report_node(28.0, "8", "VAEDecode"));
        sink.next_slot().await;
        assert!(sink.report_node(28.0, "8", "VAEDecode"));
        sink.next_slot().await;
        assert!(sink.report_node(28.0, "8", "VAEDecode"));
        drop(sink);
        let mut told = Vec::new();
        while let Some(update) = seen.recv().await {
            told.push((update.percent, update.message));
        }
        assert_eq!(told, [(28.0, "KSampler: step 2 of 2".to_owned()), (28.01, "VAEDecode".to_owned())]);
    }

    #[tokio::test]
    async fn a_message_is_bounded_whatever_its_letters() {
        let (out, mut seen) = mpsc::channel(1);
        Sink::to(out).report(1.0, format!("x{}", "é".repeat(5_000)));
        assert!(seen.recv().await.unwrap().message.chars().count() <= MAX);
    }
}
