//! `viRead` itself: visa-rs keeps to itself why a read ended, and nothing else tells whether a message that just filled the
//! buffer is over.
#![expect(
    unsafe_code,
    reason = "visa-rs hands no completion code of a read over, so the library is called here"
)]

use super::worker::Trouble;
use visa_rs::{Instrument, enums::status::ErrorCode, session::AsRawSs};

/// The buffer was full before the message was over (VPP-4.3.2, section 6.1.1).
const BUFFER_FULL: i32 = 0x3FFF_0006;

/// Reads into `chunk`: how many bytes came, and whether the read ended only because there was no more room.
///
/// # Errors
/// What the library answered; that it answered with a status which VPP-4.3.2 does not have, or with more bytes than there was
/// room for.
pub(super) fn read(instrument: &Instrument, chunk: &mut [u8]) -> Result<(usize, bool), Trouble> {
    let room = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
    let mut count = 0;
    // SAFETY: the session is open for as long as `instrument` is borrowed, `chunk` has room for `room` bytes, and `count` is a
    // place for a number; none of them is kept by the library
    let status = unsafe { visa_sys::viRead(instrument.as_raw_ss(), chunk.as_mut_ptr(), room, &raw mut count) };
    if status < 0 {
        return Err(ErrorCode::try_from(status).map_or_else(
            |_| Trouble::Panicked(format!("viRead answered with the status {status:#010X}")),
            Trouble::Status,
        ));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > chunk.len() {
        let message = format!("viRead says that it put {count} bytes where {} have room", chunk.len());
        return Err(Trouble::Panicked(message));
    }
    Ok((count, status == BUFFER_FULL))
}
