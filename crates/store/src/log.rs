//! Small append-only files of one kind of line, beside the records: checkpoints, clocks. Checksummed like a journal.

use crate::{
    disk::Dir,
    error::{StoreError, StoreErrorKind},
    line::{self, Lines, Tail},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::Write;

const MOST_BYTES: u64 = 1 << 30;

/// Such a file, by its name and the format that its first line says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    pub(crate) file: &'static str,
    pub(crate) format: &'static str,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
}

impl Log {
    /// Appends entries, durably. The caller holds a lock under which alone it is written.
    ///
    /// A torn tail is cut. A file that is damaged before its end is an error, and nothing is written. After an error
    /// nothing of the entries stays, as far as the disk lets it be taken away.
    pub(crate) fn append<T: Serialize + DeserializeOwned>(self, root: &Dir, entries: &[T]) -> Result<(), StoreError> {
        let failed = |operation, error| StoreError::io(operation, root.path_of(self.file), error);
        let file = root.open_append(self.file)?;
        let bytes = root.read_file(&file, self.file, MOST_BYTES)?;
        let lines = line::read(&bytes);
        self.parse::<T>(root, &lines)?;
        let whole = u64::try_from(lines.length).unwrap_or(u64::MAX);
        if let Tail::Torn { .. } = lines.tail {
            file.set_len(whole).map_err(|error| failed("cut", error))?;
        }
        let is_new = lines.json.is_empty();
        let mut jsons = Vec::new();
        if is_new {
            let format = self.format.to_owned();
            jsons.push(serde_json::to_string(&Header { format }));
        }
        jsons.extend(entries.iter().map(serde_json::to_string));
        let (mut text, mut checksum) = (String::new(), lines.last.clone());
        for json in jsons {
            let json = json.map_err(|error| failed("write", error.into()))?;
            let (line, next) = line::encode(&checksum, &json);
            text.push_str(&line);
            checksum = next;
        }
        let written = (&file)
            .write_all(text.as_bytes())
            .map_err(|error| failed("write", error))
            .and_then(|()| file.sync_data().map_err(|error| failed("sync", error)))
            // also when another made it: it may have died before this step
            .and_then(|()| root.sync());
        written.inspect_err(|_failed| match is_new {
            // it is written anew then, and not believed for a second sync that succeeds
            true => root.discard(self.file),
            false => drop(file.set_len(whole)),
        })
    }

    /// Every entry; none where there is no file.
    pub(crate) fn read<T: DeserializeOwned>(self, root: &Dir) -> Result<Vec<T>, StoreError> {
        match root.read(self.file, MOST_BYTES) {
            Ok(bytes) => self.parse(root, &line::read(&bytes)),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn parse<T: DeserializeOwned>(self, root: &Dir, lines: &Lines<'_>) -> Result<Vec<T>, StoreError> {
        let refuse = |kind, detail: String| StoreError::new(kind, "read", root.path_of(self.file), detail);
        if let Tail::Damaged { bytes } = lines.tail {
            let detail = format!("the last {bytes} bytes are not what was written");
            return Err(refuse(StoreErrorKind::Damaged, detail));
        }
        let mut json = lines.json.iter();
        let Some(header) = json.next() else {
            return Ok(Vec::new());
        };
        let newer = |error: serde_json::Error| refuse(StoreErrorKind::Newer, error.to_string());
        let header: Header = serde_json::from_str(header).map_err(newer)?;
        if header.format != self.format {
            let detail = format!("its format is `{}`", header.format);
            return Err(refuse(StoreErrorKind::Newer, detail));
        }
        json.map(|json| serde_json::from_str(json).map_err(newer)).collect()
    }
}
