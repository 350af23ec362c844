//! What the runner wants kept, put away: [`benchtop_run::Attachments`] by a store.

use crate::{error::StoreErrorKind, store::Store};
use async_trait::async_trait;
use benchtop_run::{Attachments, Content, Kept, NotKept};
use std::{
    fs::{self, File},
    path::Path,
};

#[async_trait]
impl Attachments for Store {
    async fn keep(&self, name: &str, content: Content, most: u64) -> Result<Kept, NotKept> {
        let (store, name) = (self.clone(), name.to_owned());
        let keeping = tokio::task::spawn_blocking(move || keep(&store, &name, &content, most));
        keeping.await.map_err(|error| NotKept(error.to_string()))?
    }
}

fn keep(store: &Store, name: &str, content: &Content, most: u64) -> Result<Kept, NotKept> {
    let attached = match content {
        Content::File(path) => store.attach(&mut open(path).map_err(NotKept)?, name, most),
        Content::Bytes(bytes) => store.attach(&mut bytes.as_slice(), name, most),
    };
    match attached {
        Ok(attached) => Ok(Kept {
            size: attached.size,
            sha256: attached.sha256,
        }),
        Err(error) if error.kind() == StoreErrorKind::TooLarge => {
            Err(NotKept(format!("it is larger than {most} bytes")))
        }
        Err(error) => Err(NotKept(error.to_string())),
    }
}

/// Opens what a command has written; a pipe or a device would never end.
fn open(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let facts = fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if !facts.is_file() {
        return Err(format!("{shown} is not a regular file"));
    }
    File::open(path).map_err(|error| format!("{shown}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use std::io::Write;

    #[tokio::test]
    async fn a_file_and_the_same_bytes_are_kept_once_under_their_digest() {
        let (folder, store) = testkit::store();
        let keeper: &dyn Attachments = &store;
        // FIPS 180-2, appendix B.1
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let path = folder.path().join("written");
        File::create(&path).unwrap().write_all(b"abc").unwrap();
        for content in [Content::File(path), Content::Bytes(b"abc".to_vec())] {
            let kept = keeper.keep("written", content, 3).await.unwrap();
            assert_eq!((kept.size, kept.sha256.as_str()), (3, sha256));
        }
        assert_eq!(fs::read(store.attachments().join(sha256)).unwrap(), b"abc");
        assert_eq!(fs::read_dir(store.attachments()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_is_too_large_or_no_file_is_refused_and_leaves_nothing() {
        let (folder, store) = testkit::store();
        let keeper: &dyn Attachments = &store;
        let large = keeper
            .keep("x", Content::Bytes(vec![0; 100_000]), 99_999)
            .await
            .unwrap_err();
        assert_eq!(large.to_string(), "it is larger than 99999 bytes");
        let missing = folder.path().join("missing");
        let error = keeper
            .keep("x", Content::File(missing), 10)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("missing: No such file"), "{error}");
        let error = keeper
            .keep("x", Content::File(folder.path().to_owned()), 10)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("is not a regular file"), "{error}");
        assert_eq!(fs::read_dir(store.attachments()).unwrap().count(), 0);
    }
}
