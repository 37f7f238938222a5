//! Waits for the request to stop: Ctrl-C, the signal of a service manager, or a terminal that closes.

use tokio_util::sync::CancellationToken;

/// Waits until the process is asked to stop.
async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::hangup()));
        if let (Ok(mut terminate), Ok(mut hangup)) = signals {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Returns a token that fires when the process is asked to stop.
pub(super) fn token() -> CancellationToken {
    let token = CancellationToken::new();
    let fired = token.clone();
    tokio::spawn(async move {
        asked().await;
        fired.cancel();
    });
    token
}
