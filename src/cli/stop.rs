//! When to stop: Ctrl-C, or the signal of a service manager. Once is enough.

use tokio_util::sync::CancellationToken;

/// Waits until the process is asked to stop.
async fn asked() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// A token that fires when the process is asked to stop.
pub(super) fn token() -> CancellationToken {
    let token = CancellationToken::new();
    let fired = token.clone();
    tokio::spawn(async move {
        asked().await;
        fired.cancel();
    });
    token
}
