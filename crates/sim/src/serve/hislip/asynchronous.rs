//! The asynchronous channel: what must not wait behind messages.

use super::{
    channel::Channel,
    message::{Fatal, MAX_PAYLOAD, Message, Received, Wrong, kind},
    session::Session,
};
use crate::{
    device::Wait,
    serve::{
        lock::{Locking, Released},
        wait::{Look, left, until},
    },
};
use benchtop_instrument::Moment;
use std::{io, sync::Arc, time::Duration};

/// How long the synchronous channel may lag behind: it is another connection, so what was sent there first may come later.
/// Some clients name the message that they send next; for these the time is up in vain.
const LAG: Duration = Duration::from_millis(10);
/// The longest name of a shared lock.
const MAX_KEY: usize = 256;
/// The header that a client may count as part of its maximum.
const HEADER: usize = 16;

/// Serves the channel until it ends.
pub(super) async fn serve(session: &Session, mut channel: Channel) -> io::Result<()> {
    channel
        .send(&Message::new(kind::ASYNC_INITIALIZE_RESPONSE, 0, 0))
        .await?;
    loop {
        let mut changed = std::pin::pin!(Arc::clone(&session.shared.changed).notified_owned());
        changed.as_mut().enable();
        let interrupted = session.state().interrupted.take();
        if let Some(message) = interrupted {
            channel.send(&Message::new(kind::ASYNC_INTERRUPTED, 0, message)).await?;
        }
        let reply = match channel.inbox.next() {
            None => {
                tokio::select! {
                    biased;
                    read = channel.read() => read?,
                    () = changed => {}
                }
                continue;
            }
            Some(Received::Nonsense) => return channel.send(&Message::fatal(Fatal::PoorHeader)).await,
            Some(Received::TooLarge) => Some(Message::error(Wrong::TooLarge)),
            Some(Received::Message(message)) if message.kind == kind::FATAL_ERROR => return Ok(()),
            Some(Received::Message(message)) => tokio::select! {
                reply = handle(session, &message) => reply,
                () = left(&channel.stream) => return Ok(()),
            },
        };
        if let Some(reply) = reply {
            channel.send(&reply).await?;
        }
    }
}

async fn handle(session: &Session, message: &Message) -> Option<Message> {
    match message.kind {
        kind::ASYNC_MAXIMUM_MESSAGE_SIZE => Some(maximum(session, message)),
        kind::ASYNC_STATUS_QUERY => {
            if !session.state().overlapped {
                catch_up(session, message.parameter).await;
            }
            session.state().acknowledged(message.control);
            let byte = wait(session, FOR_EVER, || {
                let mut state = session.state();
                state.attachment.work();
                let underway = state.is_underway(message.parameter);
                state.attachment.status_byte(underway)
            });
            let byte = byte.await?;
            Some(Message::new(kind::ASYNC_STATUS_RESPONSE, byte, 0))
        }
        kind::ASYNC_DEVICE_CLEAR => {
            wait(session, FOR_EVER, || session.state().clear().then_some(())).await?;
            // the synchronous channel drops from now on what comes
            session.shared.changed.notify_waiters();
            let preferred = session.modes.preferred();
            Some(Message::new(kind::ASYNC_DEVICE_CLEAR_ACKNOWLEDGE, preferred, 0))
        }
        kind::ASYNC_LOCK => Some(match message.control {
            0 => release(session, message.parameter).await,
            1 => lock(session, message).await,
            _ => Message::error(Wrong::Control),
        }),
        kind::ASYNC_LOCK_INFO => {
            let (exclusive, holders) = session.holder.census();
            let holders = u32::try_from(holders).unwrap_or(u32::MAX);
            Some(Message::new(
                kind::ASYNC_LOCK_INFO_RESPONSE,
                u8::from(exclusive),
                holders,
            ))
        }
        // there is no front panel to lock
        kind::ASYNC_REMOTE_LOCAL_CONTROL => Some(match message.control {
            0..=6 => Message::new(kind::ASYNC_REMOTE_LOCAL_RESPONSE, 0, 0),
            _ => Message::error(Wrong::Control),
        }),
        kind::ERROR => None,
        kind => Some(Message::unknown(kind)),
    }
}

const FOR_EVER: Moment = Moment::from_start(Duration::MAX);

/// Looks until there is something, or the deadline passes.
async fn wait<T>(session: &Session, deadline: Moment, mut look: impl FnMut() -> Option<T> + Send) -> Option<T> {
    until(&session.shared, deadline, || match look() {
        Some(found) => Look::Found(found),
        None => Look::NotYet(Wait::ForChange),
    })
    .await
}

/// Lets the synchronous channel come to a message.
async fn catch_up(session: &Session, message: u32) {
    let deadline = session.shared.clock.now().after(LAG);
    wait(session, deadline, || {
        (!session.state().is_behind(message)).then_some(())
    })
    .await;
}

fn maximum(session: &Session, message: &Message) -> Message {
    let Some(most) = message.payload.first_chunk::<8>().copied().map(u64::from_be_bytes) else {
        return Message::error(Wrong::Unidentified);
    };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    session.state().most = most.saturating_sub(HEADER).max(1);
    let ours = u64::try_from(MAX_PAYLOAD).unwrap_or(u64::MAX).to_be_bytes();
    Message::new(kind::ASYNC_MAXIMUM_MESSAGE_SIZE_RESPONSE, 0, 0).with(&ours)
}

async fn lock(session: &Session, message: &Message) -> Message {
    let patience = Duration::from_millis(u64::from(message.parameter));
    let deadline = session.shared.clock.now().after(patience);
    let key = &message.payload;
    if key.len() > MAX_KEY {
        return Message::new(kind::ASYNC_LOCK_RESPONSE, 3, 0);
    }
    let locked = wait(session, deadline, || {
        let locking = if key.is_empty() {
            session.holder.lock()
        } else {
            session.holder.lock_shared(key)
        };
        match locking {
            Locking::Granted => Some(1),
            Locking::Held => Some(3),
            Locking::Busy => None,
        }
    });
    Message::new(kind::ASYNC_LOCK_RESPONSE, locked.await.unwrap_or(0), 0)
}

/// Releases a lock once what was sent under it has come.
async fn release(session: &Session, message: u32) -> Message {
    catch_up(session, message).await;
    let released = match session.holder.release() {
        Released::Exclusive => 1,
        Released::Shared => 2,
        Released::Nothing => 3,
    };
    Message::new(kind::ASYNC_LOCK_RESPONSE, released, 0)
}
