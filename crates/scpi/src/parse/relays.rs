//! `[switch]`: the relays of a switch.

use super::{Source, check_source, read_channel, require_template};
use crate::{definition::RelaysDefinition, keys};
use benchtop_notation::{Diagnostics, Table};

/// Nothing where it is not written, or wrong; that was said.
pub(super) fn read_relays(root: &Table<'_>, sink: &mut Diagnostics, sources: &[Source]) -> Option<RelaysDefinition> {
    let table = root.table(sink, "switch", &keys::RELAYS.names())?;
    check_source(&table, sink, sources);
    let items = table.require_items(sink, "channels");
    let mut channels = Vec::new();
    for item in items.unwrap_or_default() {
        let Some(channel) = read_channel(sink, &item) else {
            continue;
        };
        if channels.contains(&channel) {
            sink.error(item.span(), &format!("channel {channel} stands here twice"));
        } else {
            channels.push(channel);
        }
    }
    channels.sort_unstable();
    if channels.is_empty() {
        sink.error(table.span(), "a switch without a channel");
    }
    let [close, open, open_all] = ["close", "open", "open_all"].map(|key| require_template(&table, sink, key));
    let row = table.require_table(sink, "closed", &keys::CLOSED.names())?;
    let [query, closed, opened] = ["query", "closed", "open"].map(|key| require_template(&row, sink, key));
    let (closed, opened) = (closed?, opened?);
    if closed.text() == opened.text() {
        sink.error(row.span(), "a channel that is closed answers as one that is open does");
    }
    Some(RelaysDefinition {
        channels,
        close: close?,
        open: open?,
        open_all: open_all?,
        query: query?,
        closed,
        opened,
    })
}
