//! Waiting for an instrument.

use crate::{attachment::Shared, device::Wait};
use benchtop_instrument::Moment;
use std::sync::Arc;
use tokio::net::TcpStream;

/// What a look at an instrument came to.
pub(super) enum Look<T> {
    Found(T),
    NotYet(Wait),
}

/// Looks whenever something may have changed until something is found; nothing if that was not so by the deadline.
pub(super) async fn until<T>(
    shared: &Arc<Shared>,
    deadline: Moment,
    mut look: impl FnMut() -> Look<T> + Send,
) -> Option<T> {
    loop {
        let mut changed = std::pin::pin!(Arc::clone(&shared.changed).notified_owned());
        // from here on a change is noticed, so none is missed between the look and the wait
        changed.as_mut().enable();
        let moment = match look() {
            Look::Found(found) => return Some(found),
            Look::NotYet(Wait::Until(moment)) => moment.min(deadline),
            Look::NotYet(Wait::ForChange) => deadline,
        };
        if shared.clock.now() >= deadline {
            return None;
        }
        tokio::select! {
            biased;
            () = changed => {}
            () = shared.clock.sleep_until(moment) => {}
        }
    }
}

/// Ends when the client hangs up. Not if it has sent more than was read: then that comes first.
pub(super) async fn left(stream: &TcpStream) {
    if stream.peek(&mut [0]).await.is_ok_and(|length| length > 0) {
        std::future::pending::<()>().await;
    }
}
