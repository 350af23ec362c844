//! HMAC-SHA256 (RFC 2104), for signatures.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const BLOCK: usize = 64;

/// The code of a message under a key.
pub(crate) fn hmac(key: &[u8], message: &[&[u8]]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    let hashed: [u8; 32];
    let short = match key.len() > BLOCK {
        true => {
            hashed = Sha256::digest(key).into();
            hashed.as_slice()
        }
        false => key,
    };
    block.iter_mut().zip(short).for_each(|(to, from)| *to = *from);
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let mut inner = Sha256::new_with_prefix(padded(0x36));
    message.iter().for_each(|part| inner.update(part));
    let mut outer = Sha256::new_with_prefix(padded(0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4231() {
        for (key, message, expected) in [
            (
                vec![0x0b; 20],
                "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            let (start, end) = message.as_bytes().split_at(3);
            assert_eq!(hex(&hmac(&key, &[start, end])), expected);
        }
    }
}
