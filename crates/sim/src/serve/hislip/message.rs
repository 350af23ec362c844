//! HiSLIP messages: a header of sixteen bytes and a payload (IVI-6.1, 2.4).

/// The longest payload that is taken.
pub(super) const MAX_PAYLOAD: usize = 256 * 1024;
/// A payload that is announced as longer than this is none.
const MAX_ANNOUNCED: u64 = 1 << 32;
const HEADER: usize = 16;

/// Message types.
pub(super) mod kind {
    pub(in super::super) const INITIALIZE: u8 = 0;
    pub(in super::super) const INITIALIZE_RESPONSE: u8 = 1;
    pub(in super::super) const FATAL_ERROR: u8 = 2;
    pub(in super::super) const ERROR: u8 = 3;
    pub(in super::super) const ASYNC_LOCK: u8 = 4;
    pub(in super::super) const ASYNC_LOCK_RESPONSE: u8 = 5;
    pub(in super::super) const DATA: u8 = 6;
    pub(in super::super) const DATA_END: u8 = 7;
    pub(in super::super) const DEVICE_CLEAR_COMPLETE: u8 = 8;
    pub(in super::super) const DEVICE_CLEAR_ACKNOWLEDGE: u8 = 9;
    pub(in super::super) const ASYNC_REMOTE_LOCAL_CONTROL: u8 = 10;
    pub(in super::super) const ASYNC_REMOTE_LOCAL_RESPONSE: u8 = 11;
    pub(in super::super) const TRIGGER: u8 = 12;
    pub(in super::super) const INTERRUPTED: u8 = 13;
    pub(in super::super) const ASYNC_INTERRUPTED: u8 = 14;
    pub(in super::super) const ASYNC_MAXIMUM_MESSAGE_SIZE: u8 = 15;
    pub(in super::super) const ASYNC_MAXIMUM_MESSAGE_SIZE_RESPONSE: u8 = 16;
    pub(in super::super) const ASYNC_INITIALIZE: u8 = 17;
    pub(in super::super) const ASYNC_INITIALIZE_RESPONSE: u8 = 18;
    pub(in super::super) const ASYNC_DEVICE_CLEAR: u8 = 19;
    pub(in super::super) const ASYNC_STATUS_QUERY: u8 = 21;
    pub(in super::super) const ASYNC_STATUS_RESPONSE: u8 = 22;
    pub(in super::super) const ASYNC_DEVICE_CLEAR_ACKNOWLEDGE: u8 = 23;
    pub(in super::super) const ASYNC_LOCK_INFO: u8 = 24;
    pub(in super::super) const ASYNC_LOCK_INFO_RESPONSE: u8 = 25;
    /// From here on types are the vendors'.
    pub(in super::super) const VENDORS: u8 = 128;
}

/// One message, without its payload's length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) control: u8,
    pub(super) parameter: u32,
    pub(super) payload: Vec<u8>,
}

/// Why a session cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fatal {
    PoorHeader = 1,
    OneChannel = 2,
    Initialization = 3,
    TooManyClients = 4,
}

/// What is wrong with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Unidentified = 0,
    Kind = 1,
    Control = 2,
    VendorsKind = 3,
    TooLarge = 4,
}

/// What came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Message(Message),
    /// A message whose payload is dropped.
    TooLarge,
    /// No message at all; what follows cannot be understood either.
    Nonsense,
}

impl Message {
    pub(super) const fn new(kind: u8, control: u8, parameter: u32) -> Self {
        Self {
            kind,
            control,
            parameter,
            payload: Vec::new(),
        }
    }

    pub(super) fn with(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    pub(super) fn fatal(fatal: Fatal) -> Self {
        let text: &[u8] = match fatal {
            Fatal::PoorHeader => b"poorly formed message header",
            Fatal::OneChannel => b"both channels must be established first",
            Fatal::Initialization => b"invalid initialization sequence",
            Fatal::TooManyClients => b"too many clients",
        };
        Self::new(kind::FATAL_ERROR, fatal as u8, 0).with(text)
    }

    pub(super) fn error(wrong: Wrong) -> Self {
        let text: &[u8] = match wrong {
            Wrong::Unidentified => b"a message that does not fit",
            Wrong::Kind => b"unrecognized message type",
            Wrong::Control => b"unrecognized control code",
            Wrong::VendorsKind => b"unrecognized vendor defined message",
            Wrong::TooLarge => b"message too large",
        };
        Self::new(kind::ERROR, wrong as u8, 0).with(text)
    }

    /// The error for a type that is not known, or not on this channel.
    pub(super) fn unknown(kind: u8) -> Self {
        Self::error(if kind >= kind::VENDORS {
            Wrong::VendorsKind
        } else {
            Wrong::Kind
        })
    }

    /// Behind what is to be sent.
    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(b"HS");
        into.extend_from_slice(&[self.kind, self.control]);
        into.extend_from_slice(&self.parameter.to_be_bytes());
        // no payload comes near the end of the numbers
        let length = u64::try_from(self.payload.len()).unwrap_or(u64::MAX);
        into.extend_from_slice(&length.to_be_bytes());
        into.extend_from_slice(&self.payload);
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }
}

/// The bytes of one channel, cut into messages.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// How much of a dropped payload has not come yet.
    dropping: u64,
}

impl Inbox {
    /// Takes bytes as they come.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        let dropped = usize::try_from(self.dropping).unwrap_or(usize::MAX).min(bytes.len());
        self.dropping -= u64::try_from(dropped).unwrap_or_default();
        bytes = bytes.get(dropped..).unwrap_or_default();
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether less than one message lies here.
    pub(super) const fn has_room(&self) -> bool {
        self.bytes.len() < HEADER + MAX_PAYLOAD
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Option<Received> {
        let (header, rest) = self.bytes.split_first_chunk::<HEADER>()?;
        let [prologue @ .., kind, control] = *header.first_chunk::<4>()?;
        let parameter = u32::from_be_bytes(*rest_of(header, 4)?);
        let announced = u64::from_be_bytes(*rest_of(header, 8)?);
        if prologue != *b"HS" || announced > MAX_ANNOUNCED {
            return Some(Received::Nonsense);
        }
        let length = usize::try_from(announced).unwrap_or(usize::MAX);
        if length > MAX_PAYLOAD {
            let rest = std::mem::take(&mut self.bytes).split_off(HEADER);
            self.dropping = announced;
            self.push(&rest);
            return Some(Received::TooLarge);
        }
        let payload = rest.get(..length)?.to_vec();
        self.bytes.drain(..HEADER + length);
        Some(Received::Message(Message {
            kind,
            control,
            parameter,
            payload,
        }))
    }
}

/// `N` bytes of the header from a place on.
fn rest_of<const N: usize>(header: &[u8; HEADER], from: usize) -> Option<&[u8; N]> {
    header.get(from..)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_are_written_however_they_are_cut() {
        let messages = [
            Message::new(kind::DATA, 1, 0xFFFF_FF00).with(b"*ID"),
            Message::new(kind::TRIGGER, 0, 2),
            Message::fatal(Fatal::PoorHeader),
        ];
        let mut bytes = Vec::new();
        for message in &messages {
            message.write(&mut bytes);
        }
        assert_eq!(bytes[..19], *b"HS\x06\x01\xFF\xFF\xFF\x00\0\0\0\0\0\0\0\x03*ID");
        for cut in 1..bytes.len() {
            let mut inbox = Inbox::default();
            let mut read = Vec::new();
            for piece in bytes.chunks(cut) {
                inbox.push(piece);
                while let Some(received) = inbox.next() {
                    read.push(received);
                }
            }
            assert_eq!(read, messages.clone().map(Received::Message));
        }
    }

    #[test]
    fn too_large_a_payload_is_dropped_and_costs_nothing() {
        let mut inbox = Inbox::default();
        inbox.push(b"HS\x06\0\0\0\0\0\0\0\0\0\x01\0\0\0abc");
        assert_eq!(inbox.next(), Some(Received::TooLarge));
        // 16 MiB were announced
        for _ in 0..16 * 1024 - 1 {
            inbox.push(&[b'x'; 1024]);
            assert_eq!((inbox.next(), inbox.bytes.capacity() < 64), (None, true));
        }
        inbox.push(&[b'x'; 1021]);
        inbox.push(&Message::new(kind::TRIGGER, 0, 0).bytes());
        assert_eq!(inbox.next(), Some(Received::Message(Message::new(kind::TRIGGER, 0, 0))));
        inbox.push(b"GET / HTTP/1.1\r\n");
        assert_eq!(inbox.next(), Some(Received::Nonsense));
    }
}
