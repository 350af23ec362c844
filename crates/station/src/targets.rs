//! Where the records go: the `[[sync.targets]]` of a station file, as written.

use crate::file::read_timeout;
use crate::keys::{SYNC, TARGET};
use benchtop_notation::{Diagnostics, Document, Span, Spanned, Table};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

/// One `[[sync.targets]]`, as written; what the words mean is for `sync` to know.
#[derive(Clone, Debug)]
pub struct TargetEntry {
    /// Its name in receipts and messages.
    pub name: Spanned<String>,
    /// `tofupilot-v2` and so on.
    pub kind: Spanned<String>,
    /// Where it is.
    pub url: Spanned<String>,
    /// True when simulated runs may go there.
    pub accept_simulated: bool,
    /// Procedure id of ours to the target's.
    pub procedures: BTreeMap<String, Spanned<String>>,
    /// A private certificate authority, as written.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// A file with the API key, as written.
    pub api_key_file: Option<Spanned<PathBuf>>,
    /// The region of an object store.
    pub region: Option<String>,
    /// The proxy to go through.
    pub proxy: Option<Spanned<String>>,
    /// For a connection.
    pub connect_timeout: Option<Duration>,
    /// Between two pieces of an answer.
    pub idle_timeout: Option<Duration>,
    /// For one whole request.
    pub total_timeout: Option<Duration>,
    /// Where it stands in the file.
    pub span: Span,
}

/// The targets of a station file, whatever else is wrong with it: those that have a name, a kind and a URL. `file` is how messages
/// call it.
#[must_use]
pub fn targets(file: &str, text: &str) -> Vec<TargetEntry> {
    // what is wrong with their form is said by whoever reads the whole file
    let mut said_elsewhere = Diagnostics::new();
    Document::parse(file, text)
        .map(|document| read(&document.root_of_any_keys(), &mut said_elsewhere))
        .unwrap_or_default()
}

pub(crate) fn read(root: &Table<'_>, sink: &mut Diagnostics) -> Vec<TargetEntry> {
    let sync = root.table(sink, "sync", &SYNC.names());
    let tables = sync.and_then(|sync| sync.tables(sink, "targets", &TARGET.names()));
    let targets: Vec<TargetEntry> = tables
        .iter()
        .flatten()
        .filter_map(|table| read_target(table, sink))
        .collect();
    let mut names = BTreeSet::new();
    for target in &targets {
        if !names.insert(target.name.value.clone()) {
            sink.error(
                &target.name.span,
                &format!("two targets are called `{}`", target.name.value),
            );
        }
    }
    targets
}

fn read_target(table: &Table<'_>, sink: &mut Diagnostics) -> Option<TargetEntry> {
    let name = table.require_string(sink, "name");
    let kind = table.require_string(sink, "kind");
    let url = table.require_string(sink, "url");
    let mut procedures = BTreeMap::new();
    if let Some(map) = table.map(sink, "procedures") {
        for (id, value) in map.entries() {
            if let Some(text) = value.string(sink) {
                procedures.insert(id.value, text);
            }
        }
    }
    let path = |text: Spanned<String>| text.map(PathBuf::from);
    let mut time = |key: &str| {
        let magnitude = table.magnitude(sink, key)?;
        read_timeout(sink, &magnitude)
    };
    let (connect_timeout, idle_timeout) = (time("connect_timeout"), time("idle_timeout"));
    let total_timeout = time("total_timeout");
    Some(TargetEntry {
        name: name?,
        kind: kind?,
        url: url?,
        accept_simulated: table.bool(sink, "accept_simulated").is_some_and(|accept| accept.value),
        procedures,
        ca_file: table.string(sink, "ca_file").map(path),
        api_key_file: table.string(sink, "api_key_file").map(path),
        region: table.string(sink, "region").map(|text| text.value),
        proxy: table.string(sink, "proxy"),
        connect_timeout,
        idle_timeout,
        total_timeout,
        span: table.span().clone(),
    })
}
