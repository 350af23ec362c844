//! What the runner wants kept, put away: [`benchtop_run::Attachments`] by a store.

use crate::{
    disk::{Dir, DiskFile},
    error::{StoreError, StoreErrorKind},
    store::Store,
};
use async_trait::async_trait;
use benchtop_run::{Attachments, Content, Kept, NotKept};
use std::{
    fmt::Display,
    path::{Component, Path},
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
        Content::File { folder, path } => store.attach(&mut &open(folder, path).map_err(NotKept)?, name, most),
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

/// Opens what a command has written, step by step from its folder: a link could lead to a file of somebody else's, and a pipe
/// or a device would never end.
fn open(folder: &Path, path: &Path) -> Result<DiskFile, String> {
    let shown = folder.join(path);
    let refuse = |reason: &dyn Display| format!("{}: {reason}", shown.display());
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => names.push(name.to_str().ok_or_else(|| refuse(&"its name is no text"))?),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(refuse(&format!("it does not lie in {}", folder.display())));
            }
        }
    }
    let Some((file, above)) = names.split_last() else {
        return Err(refuse(&"it is not a regular file"));
    };
    let mut dir = Dir::open(folder).map_err(|error| refuse(&error.detail()))?;
    for name in above {
        let inside = dir.existing_child(name);
        dir = inside.map_err(|error| refuse(&format!("{name}: {}", of_a_folder(&error))))?;
    }
    dir.open_anothers(file).map_err(|error| refuse(&error.detail()))
}

/// What a folder is not that a link stands for: opened as a folder, the link itself is none.
fn of_a_folder(error: &StoreError) -> String {
    match error.kind() {
        StoreErrorKind::Damaged => "it is a symbolic link, or no folder".to_owned(),
        StoreErrorKind::Full
        | StoreErrorKind::ReadOnly
        | StoreErrorKind::Permission
        | StoreErrorKind::NotFound
        | StoreErrorKind::Locked
        | StoreErrorKind::Conflict
        | StoreErrorKind::Newer
        | StoreErrorKind::TooLarge
        | StoreErrorKind::Invalid
        | StoreErrorKind::Io => error.detail().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit;
    use std::{
        fs::{self, File},
        io::Write,
    };

    fn of(folder: &Path, path: &str) -> Content {
        Content::File {
            folder: folder.to_owned(),
            path: path.into(),
        }
    }

    #[tokio::test]
    async fn a_file_and_the_same_bytes_are_kept_once_under_their_digest() {
        let (folder, store) = testkit::store();
        let keeper: &dyn Attachments = &store;
        // FIPS 180-2, appendix B.1
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let below = folder.path().join("out");
        fs::create_dir(&below).unwrap();
        for folder in [folder.path(), &below] {
            let mut file = File::create(folder.join("written")).unwrap();
            file.write_all(b"abc").unwrap();
        }
        let files = ["written", "./written", "out/written"].map(|path| of(folder.path(), path));
        for content in files.into_iter().chain([Content::Bytes(b"abc".to_vec())]) {
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
        let error = keeper
            .keep("x", of(folder.path(), "missing"), 10)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains("missing: No such file"), "{error}");
        fs::create_dir(folder.path().join("empty")).unwrap();
        for path in ["empty", "."] {
            let error = keeper.keep("x", of(folder.path(), path), 10).await.unwrap_err();
            assert!(error.to_string().contains("is not a regular file"), "{error}");
        }
        assert_eq!(fs::read_dir(store.attachments()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_leads_to_another_file_is_refused_by_name_and_so_is_one_on_the_way() {
        use std::os::unix::fs::symlink;
        let (folder, store) = testkit::store();
        let keeper: &dyn Attachments = &store;
        let (ours, anothers) = (folder.path().join("ours"), folder.path().join("anothers"));
        fs::create_dir(&ours).unwrap();
        fs::create_dir(&anothers).unwrap();
        File::create(anothers.join("secret"))
            .unwrap()
            .write_all(b"secret")
            .unwrap();
        symlink(anothers.join("secret"), ours.join("pw.log")).unwrap();
        symlink(&anothers, ours.join("out")).unwrap();
        for (path, expected) in [
            ("pw.log", "ours/pw.log: it is a symbolic link"),
            ("out/secret", "ours/out/secret: out: it is a symbolic link"),
            ("../anothers/secret", "it does not lie in"),
        ] {
            let error = keeper.keep("x", of(&ours, path), 100).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(fs::read_dir(store.attachments()).unwrap().count(), 0);
        // the folder itself may be reached by a link: its owner chose it
        let linked = folder.path().join("linked");
        symlink(&anothers, &linked).unwrap();
        let kept = keeper.keep("x", of(&linked, "secret"), 100).await.unwrap();
        assert_eq!(kept.size, 6);
    }
}
