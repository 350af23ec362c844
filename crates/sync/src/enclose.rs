//! The attachments of a run that a target has: one after the other, each step durable before the next.

use crate::deliver::{Delivery, Desk};
use crate::target::{Enclosure, Step, Verdict};
use benchtop_store::record::Attachment;
use benchtop_store::{AttachmentStep, ReceiptKind, Store, StoreError, StoreErrorKind, TargetState};
use bytes::Bytes;

/// Most bytes of attachments to one target that are in memory at the same time, in KiB; one that is larger is there alone.
pub(crate) const MEMORY_KIB: u32 = 16 * 1024;

/// Brings every attachment to its end; then the run is confirmed. The first that does not get through ends it for now: the
/// next time it goes on where it stopped.
///
/// # Errors
/// [`StoreError`] when a receipt could not be made durable, or the disk is in trouble.
pub(crate) async fn enclose(desk: &Desk<'_>, state: &TargetState, remote_id: &str) -> Result<Delivery, StoreError> {
    for (index, attachment) in (0..).zip(&desk.sealed.record.attachments) {
        let reached = state.attachments.get(&index);
        if reached.is_some_and(|state| state.reached == AttachmentStep::Done) {
            continue;
        }
        // given back when its upload has ended
        let _room = desk.window.room.acquire_many(room_for(attachment.size)).await.ok();
        let bytes = match read(desk.store, attachment).await {
            Ok(bytes) => bytes,
            Err(error) if is_lost(error.kind()) => return Ok(desk.refused(about(attachment, &error.to_string()))),
            Err(error) => return Err(error),
        };
        let enclosure = Enclosure {
            run_id: &desk.sealed.run_id,
            remote_id,
            index,
            name: &attachment.name,
            sha256: &attachment.sha256,
            bytes,
            at: (desk.now)(),
            reached,
        };
        let mut steps = |step| {
            desk.receipt_now(match step {
                Step::Begun { remote_id } => ReceiptKind::AttachmentBegun {
                    attachment: index,
                    remote_id,
                },
                Step::Sent => ReceiptKind::AttachmentSent { attachment: index },
            })
        };
        match desk.target.attach(&enclosure, &mut steps).await? {
            Verdict::Confirmed { .. } => desk.receipt(ReceiptKind::AttachmentDone { attachment: index }).await,
            verdict @ (Verdict::Retry { .. }
            | Verdict::Park { .. }
            | Verdict::Clash { .. }
            | Verdict::Pause { .. }
            | Verdict::Uncertain { .. }) => {
                let named = verdict.in_words(|reason| about(attachment, reason));
                return desk.put_off(state, named).await;
            }
        }
    }
    Ok(desk.confirmed(remote_id.to_owned()))
}

/// What an attachment takes of the room that all share; a larger one has it alone.
fn room_for(bytes: u64) -> u32 {
    let whole = u64::from(MEMORY_KIB);
    u32::try_from(bytes.div_ceil(1024).clamp(1, whole)).unwrap_or(MEMORY_KIB)
}

/// On a thread of its own: a disk may take its time.
async fn read(store: &Store, attachment: &Attachment) -> Result<Bytes, StoreError> {
    let (own, wanted) = (store.clone(), attachment.clone());
    let reading = tokio::task::spawn_blocking(move || own.attachment_bytes(&wanted));
    let read = reading.await.unwrap_or_else(|_panicked| {
        let detail = "the thread that reads ended";
        Err(StoreError::new(
            StoreErrorKind::Io,
            "read attachments in",
            store.root(),
            detail,
        ))
    });
    read.map(Bytes::from)
}

/// Only a person can bring it back.
const fn is_lost(kind: StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::NotFound | StoreErrorKind::Damaged | StoreErrorKind::TooLarge
    )
}

fn about(attachment: &Attachment, reason: &str) -> String {
    format!("the run is there, but not its attachment {}: {reason}", attachment.name)
}
