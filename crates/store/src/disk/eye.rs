//! Where the tests look at the disk: every call that the store makes passes here.
//!
//! Outside the tests of this crate there is nothing here but the call itself. In them a watch may refuse it, as a broken
//! disk would, and writes it down, so that a power cut after any of them can be played.

use std::{io, path::Path};

/// A name in a folder. Its path is put together only for those who want to know.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "read by the watch of the tests"))]
pub(crate) struct Entry<'a> {
    pub(super) folder: &'a Path,
    pub(super) name: &'a str,
}

#[cfg(test)]
impl Entry<'_> {
    pub(crate) fn path(self) -> std::path::PathBuf {
        self.folder.join(self.name)
    }
}

/// A call, with all that is needed to play it again on a model of a disk.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "read by the watch of the tests"))]
pub(crate) enum Call<'a> {
    MakeDir { entry: Entry<'a> },
    OpenDir,
    Create { entry: Entry<'a>, file: u64 },
    Open { entry: Entry<'a>, file: u64 },
    Read,
    Write { file: u64, bytes: &'a [u8] },
    Cut { file: u64, length: u64 },
    SyncFile { file: u64 },
    Lock,
    Rename { from: Entry<'a>, to: Entry<'a> },
    Remove { entry: Entry<'a> },
    Look,
    SyncDir { path: &'a Path },
    SyncEverything,
    List,
    Space,
}

/// What looks on; nothing, outside tests.
#[cfg(not(test))]
#[derive(Clone, Debug, Default)]
pub(crate) struct Eye(());

#[cfg(not(test))]
impl Eye {
    #[expect(clippy::unused_self, reason = "the form that the tests share")]
    pub(crate) fn around<T>(&self, _call: Call<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        act()
    }

    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the form that the tests share"
    )]
    pub(crate) fn shortened<'b>(&self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        Ok(bytes)
    }

    #[expect(clippy::unused_self, reason = "the form that the tests share")]
    pub(crate) const fn pretended(&self) -> Option<crate::ground::FileSystem> {
        None
    }

    #[expect(clippy::unused_self, reason = "the form that the tests share")]
    pub(crate) const fn locks_lie(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "the form that the tests share")]
    pub(crate) const fn keeps_no_modes(&self) -> bool {
        false
    }
}

#[cfg(test)]
pub(crate) use watched::Eye;
#[cfg(test)]
mod watched {
    use super::{Call, io};
    use crate::testkit::watch::Watch;
    use std::sync::Arc;

    #[derive(Clone, Debug, Default)]
    pub(crate) struct Eye(Option<Arc<Watch>>);

    impl Eye {
        pub(crate) fn of(watch: &Arc<Watch>) -> Self {
            Self(Some(Arc::clone(watch)))
        }

        pub(crate) fn around<T>(&self, call: Call<'_>, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
            let Some(watch) = &self.0 else { return act() };
            watch.before(call)?;
            let done = act()?;
            watch.after(call);
            Ok(done)
        }

        /// The bytes that one write takes.
        pub(crate) fn shortened<'b>(&self, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
            self.0.as_ref().map_or(Ok(bytes), |watch| watch.shortened(bytes))
        }

        /// The file system that the store is to take this one for.
        pub(crate) fn pretended(&self) -> Option<crate::ground::FileSystem> {
            self.0.as_ref()?.pretended()
        }

        /// True on a file system that gives one lock to many.
        pub(crate) fn locks_lie(&self) -> bool {
            self.0.as_ref().is_some_and(|watch| watch.locks_lie())
        }

        /// True on a file system that has one mode for every file.
        pub(crate) fn keeps_no_modes(&self) -> bool {
            self.0.as_ref().is_some_and(|watch| watch.keeps_no_modes())
        }
    }
}
