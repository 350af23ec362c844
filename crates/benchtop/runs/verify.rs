//! `benchtop runs verify`.

use super::{args::VerifyArguments, failed, open};
use crate::{
    exit::{Exit, Failure},
    terminal::{self, BAD, GOOD, Line, PLAIN, QUIET},
};
use benchtop_store::Verified;

const KEY_DIGITS: usize = 64;

pub(super) fn verify(arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let is_key = |key: &String| key.len() == KEY_DIGITS && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    let key = arguments.key.as_ref().map(|key| key.to_ascii_lowercase());
    if key.as_ref().is_some_and(|key| !is_key(key)) {
        return Err(Failure::refused(
            "--key: a public key has 64 hex digits, as `benchtop runs key` prints it",
        ));
    }
    let (store, recovery) = open(&arguments.store)?;
    let verified = store
        .verify(key.as_deref(), &mut |finding| {
            let text = finding.to_string();
            let (word, rest) = text.split_once(':').unwrap_or((&text, ""));
            terminal::say(&Line::new().column(BAD, word, 12).add(PLAIN, rest.trim_start()));
        })
        .map_err(failed)?;
    sum_up(&verified);
    let well = verified.findings == 0 && recovery.failed.is_empty();
    Ok(if well { Exit::Success } else { Exit::Error })
}

fn sum_up(verified: &Verified) {
    let Verified {
        records,
        unchained,
        elsewhere,
        pruned,
        head,
        keys,
        quarantined,
        findings,
    } = verified;
    let mut text = format!("{records} records as they were sealed; the chain ends at {head}");
    for (count, words) in [
        (*pruned, "pruned"),
        (*elsewhere, "brought from another store"),
        (*unchained, "from before there was a chain"),
        (u64::try_from(*quarantined).unwrap_or(u64::MAX), "in quarantine"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {words}"));
        }
    }
    let (style, word) = match findings {
        0 => (GOOD, "verified"),
        _ => (BAD, "NOT VERIFIED"),
    };
    terminal::say(&Line::new().add(style, word).add(PLAIN, &format!("  {text}")));
    for (key, count) in keys {
        terminal::say(&Line::new().add(QUIET, &format!("          {count} signed with {key}")));
    }
}
