//! A deadline for what has none of its own; the HTTP client keeps its own ones.

use std::future::Future;
use std::time::Duration;

/// What it led to; none when it took longer. Then it is dropped where it waits.
pub(crate) async fn within<T>(longest: Duration, waited_for: impl Future<Output = T> + Send) -> Option<T> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a network's deadline, as the HTTP client has its own: no test waits for it by a virtual clock"
    )]
    let ended = tokio::time::timeout(longest, waited_for).await;
    ended.ok()
}
