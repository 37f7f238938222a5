//! Pauses that grow, with a random part so that many clients do not return at once.

use std::time::Duration;

/// A growing pause between a first and a longest value.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Starts at `first`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause to make now: between half and the whole of a value that doubles each time.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let whole = self.next.min(self.longest);
        self.next = whole.saturating_mul(2);
        let spread = uuid::Uuid::new_v4().as_bytes().first().copied().unwrap_or(0);
        whole / 2 + (whole / 2).mul_f64(f64::from(spread) / 255.0)
    }

    /// Starts anew.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_starts_anew() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(300));
        for whole in [100, 200, 300, 300] {
            let pause = backoff.next_pause();
            assert!((ms(whole / 2)..=ms(whole)).contains(&pause), "{pause:?} of {whole}");
        }
        backoff.reset();
        assert!(backoff.next_pause() <= ms(100));
    }
}
