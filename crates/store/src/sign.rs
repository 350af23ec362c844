//! The station's key: an Ed25519 signature over a record's digest says which station sealed it.
//!
//! The digest in a record proves freedom from accidents. A signature proves more, to whoever knows the station's public
//! key from elsewhere: without the key file nobody makes or alters a record that verifies.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    integrity::hex,
};
use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, io::Write, path::Path};

/// How a key file begins; the secret follows in hex.
const FORMAT: &str = "benchtop.station-key/1 ";
const SECRET_BYTES: usize = 32;
/// What is signed is this and the digest in hex, so that no signature of anything else can be taken for one.
const RECORD: &str = "benchtop record ";
/// The same for what stands in the chain for records that were pruned.
const CHECKPOINT: &str = "benchtop checkpoint ";
const MOST_BYTES: u64 = 4096;

/// A station's signature, as it stands in a record's `integrity` member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Signature {
    /// `ed25519`.
    pub alg: String,
    /// The public key, in hex.
    pub key: String,
    /// The signature, in hex.
    pub hex: String,
}

/// The key with which a station signs.
pub struct StationKey(Ed25519KeyPair);

impl fmt::Debug for StationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StationKey({})", self.public())
    }
}

impl StationKey {
    /// Makes a new key and keeps it in a new file of mode 0600, durably.
    ///
    /// # Errors
    /// [`StoreErrorKind::Conflict`] when the file is there already; what the disk said.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let (folder, name) = place(path)?;
        let mut secret = [0; SECRET_BYTES];
        SystemRandom::new().fill(&mut secret).map_err(|_unspecified| {
            let detail = "the system gave no random numbers";
            StoreError::new(StoreErrorKind::Io, "make a key for", path, detail)
        })?;
        let key = pair(&secret, path)?;
        let file = folder.create_new(&name)?;
        let failed = |operation, error| StoreError::io(operation, path, error);
        writeln!(&file, "{FORMAT}{}", hex(&secret)).map_err(|error| failed("write", error))?;
        file.sync_all().map_err(|error| failed("sync", error))?;
        folder.sync()?;
        Ok(Self(key))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// [`StoreErrorKind::Permission`] when others can read it; [`StoreErrorKind::Damaged`] when it is no key file.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let (folder, name) = place(path)?;
        let file = folder.open_read(&name)?;
        let facts = file
            .metadata()
            .map_err(|error| StoreError::io("look at", path, error))?;
        if let Some(mode) = crate::disk::readable_by_others(&facts) {
            let detail = format!("a station key has mode {mode:04o}; others can read it: chmod 600");
            return Err(StoreError::new(StoreErrorKind::Permission, "open", path, detail));
        }
        let bytes = folder.read_file(&file, &name, MOST_BYTES)?;
        let text = String::from_utf8_lossy(&bytes);
        let secret = text.trim_end().strip_prefix(FORMAT).and_then(unhex);
        let secret = secret.filter(|secret| secret.len() == SECRET_BYTES).ok_or_else(|| {
            let detail = "it is not a station key: `benchtop runs key FILE` makes one";
            StoreError::new(StoreErrorKind::Damaged, "read", path, detail)
        })?;
        pair(&secret, path).map(Self)
    }

    #[cfg(test)]
    pub(crate) fn of_seed(secret: [u8; SECRET_BYTES]) -> Self {
        pair(&secret, Path::new("seed")).map(Self).unwrap()
    }

    /// The public key in hex: what whoever verifies must know from elsewhere.
    #[must_use]
    pub fn public(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    pub(crate) fn sign(&self, digest: &str) -> Signature {
        self.sign_text(&format!("{RECORD}{digest}"))
    }

    /// Signs what a checkpoint says.
    pub(crate) fn sign_checkpoint(&self, words: &str) -> Signature {
        self.sign_text(&format!("{CHECKPOINT}{words}"))
    }

    fn sign_text(&self, text: &str) -> Signature {
        Signature {
            alg: "ed25519".to_owned(),
            key: self.public(),
            hex: hex(self.0.sign(text.as_bytes()).as_ref()),
        }
    }
}

impl Signature {
    /// True when the holder of the key signed this digest.
    pub(crate) fn is_of(&self, digest: &str) -> bool {
        self.is_of_text(&format!("{RECORD}{digest}"))
    }

    /// True when the holder of the key signed a checkpoint that says this.
    pub(crate) fn is_of_checkpoint(&self, words: &str) -> bool {
        self.is_of_text(&format!("{CHECKPOINT}{words}"))
    }

    fn is_of_text(&self, text: &str) -> bool {
        let (Some(key), Some(signature)) = (unhex(&self.key), unhex(&self.hex)) else {
            return false;
        };
        let key = UnparsedPublicKey::new(&ED25519, key);
        self.alg == "ed25519" && key.verify(text.as_bytes(), &signature).is_ok()
    }
}

fn pair(secret: &[u8], path: &Path) -> Result<Ed25519KeyPair, StoreError> {
    Ed25519KeyPair::from_seed_unchecked(secret)
        .map_err(|error| StoreError::new(StoreErrorKind::Damaged, "read", path, error.to_string()))
}

fn place(path: &Path) -> Result<(Dir, String), StoreError> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        let detail = "it is not the path of a file";
        StoreError::new(StoreErrorKind::Invalid, "open", path, detail)
    })?;
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => Path::new("."),
    };
    Ok((Dir::open(folder)?, name.to_owned()))
}

/// The bytes of lower-case hex; `None` for anything else.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::plant;

    #[test]
    fn a_key_signs_and_only_its_signature_of_that_digest_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("station.key");
        let key = StationKey::create(&path).unwrap();
        let digest = "ab".repeat(32);
        let signature = key.sign(&digest);
        assert!(signature.is_of(&digest));
        assert!(!signature.is_of(&"ac".repeat(32)));
        let read = StationKey::read(&path).unwrap();
        assert_eq!(read.sign(&digest), signature, "the file holds the whole key");
        let other = StationKey::create(&folder.path().join("other.key")).unwrap();
        let forged = Signature {
            key: other.public(),
            ..signature.clone()
        };
        assert!(!forged.is_of(&digest));
        for broken in ["", "zz", "abc", "AB"] {
            let hex = broken.to_owned();
            assert!(
                !Signature {
                    hex,
                    ..signature.clone()
                }
                .is_of(&digest),
                "{broken}"
            );
        }
        assert_eq!(StationKey::create(&path).unwrap_err().kind(), StoreErrorKind::Conflict);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{key:?}").contains(text.trim_end().strip_prefix(FORMAT).unwrap()));
    }

    #[test]
    #[cfg(unix)]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("station.key");
        StationKey::create(&path).unwrap();
        let mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        mode(0o640);
        assert_eq!(StationKey::read(&path).unwrap_err().kind(), StoreErrorKind::Permission);
        mode(0o600);
        for text in ["", "benchtop.station-key/1 00", "benchtop.station-key/2 "] {
            plant(&path, text.as_bytes());
            assert_eq!(
                StationKey::read(&path).unwrap_err().kind(),
                StoreErrorKind::Damaged,
                "{text}"
            );
        }
    }
}
