//! Following the chain from its beginning to its head. Pure: no disk.

use super::Finding;
use crate::chain::{Checkpoint, Head};
use std::collections::BTreeMap;

/// A record, as the chain sees it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) position: u64,
    pub(super) previous: Option<String>,
    pub(super) digest: String,
    pub(super) file: String,
}

/// How many positions were pruned, and what is wrong. Records beyond the head were sealed meanwhile and are left out.
pub(super) fn follow(links: Vec<Link>, checkpoints: &[Checkpoint], head: Option<&Head>) -> (u64, Vec<Finding>) {
    let last = head.map_or(0, |head| head.position);
    let mut places: BTreeMap<u64, Vec<Link>> = BTreeMap::new();
    let mut by_digest: BTreeMap<String, u64> = BTreeMap::new();
    for link in links.into_iter().filter(|link| link.position <= last) {
        by_digest.insert(link.digest.clone(), link.position);
        places.entry(link.position).or_default().push(link);
    }
    let pieces: BTreeMap<u64, &Checkpoint> = checkpoints.iter().map(|piece| (piece.from, piece)).collect();
    let mut findings = Vec::new();
    let mut pruned = 0_u64;
    // where we stand, and the digest of what stands there, as far as it is known: nothing stands at 0
    let (mut at, mut known) = (0_u64, Some(None));
    while at < last {
        let next = at.saturating_add(1);
        let checkpoint = pieces.range(..=next).next_back().map(|(_, piece)| *piece);
        let checkpoint = checkpoint.filter(|piece| piece.to >= next);
        if let Some(checkpoint) = checkpoint {
            let meets = known.as_ref().is_none_or(|known| *known == checkpoint.previous);
            if checkpoint.from == next && !meets {
                let file = format!("the checkpoint of {} to {}", checkpoint.from, checkpoint.to);
                findings.push(Finding::Broken { position: next, file });
            }
            pruned = pruned.saturating_add(checkpoint.to.saturating_sub(at));
            (at, known) = (checkpoint.to, Some(Some(checkpoint.digest.clone())));
            continue;
        }
        let Some(here) = places.get(&next) else {
            let later = places.range(next..).next().map(|(position, _)| *position);
            let piece = pieces.range(next..).next().map(|(from, _)| *from);
            let beyond = later.into_iter().chain(piece).min().unwrap_or(last.saturating_add(1));
            let to = beyond.saturating_sub(1);
            findings.push(Finding::Missing { from: next, to });
            (at, known) = (to, None);
            continue;
        };
        findings.extend(
            here.iter()
                .filter_map(|link| misplaced(link, known.as_ref(), &by_digest)),
        );
        if here.len() > 1 {
            let files = here.iter().map(|link| link.file.clone()).collect();
            findings.push(Finding::Doubled { position: next, files });
        }
        at = next;
        known = match here.as_slice() {
            [only] => Some(Some(only.digest.clone())),
            _ => None,
        };
    }
    if let (Some(head), Some(known)) = (head, known)
        && at == last
        && known.as_ref() != Some(&head.digest)
    {
        let file = head.name.to_string();
        findings.push(Finding::Broken { position: last, file });
    }
    (pruned, findings)
}

/// What is wrong with how a record names the one before it.
fn misplaced(link: &Link, known: Option<&Option<String>>, by_digest: &BTreeMap<String, u64>) -> Option<Finding> {
    if known.is_none_or(|known| *known == link.previous) {
        return None;
    }
    let (position, file) = (link.position, link.file.clone());
    let follows = link.previous.as_ref().and_then(|previous| by_digest.get(previous));
    Some(match follows {
        Some(follows) => Finding::Reordered {
            position,
            file,
            follows: *follows,
        },
        None => Finding::Broken { position, file },
    })
}
