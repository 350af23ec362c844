//! What has left a command's group, on Linux: it is known by who its parents are, and by a variable that every command passes on to
//! what it starts.
//!
//! A process escapes only where it has done three things: moved to a group of its own, let its parents end, and started with an
//! environment that it cleared.

use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    hash::{BuildHasher, RandomState},
    os::fd::OwnedFd,
    sync::atomic::{AtomicU64, Ordering},
};

/// The variable that a command passes on.
pub(super) const MARK: &str = "BENCHTOP_COMMAND";

/// How often it is looked for what was started meanwhile.
const PASSES: usize = 50;

/// A mark that no other command has, of this process or of another.
pub(super) fn new_mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let chance = RandomState::new().hash_one(number);
    format!("{}-{number}-{chance:016x}", getpid().as_raw_nonzero())
}

/// Everything that descends from a process whose descendants have not ended, held so that no number comes to mean another.
pub(super) fn descendants(of: Pid) -> Vec<OwnedFd> {
    let mut children: BTreeMap<i32, Vec<Pid>> = BTreeMap::new();
    for pid in processes() {
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut waiting = vec![of];
    while let Some(pid) = waiting.pop() {
        for child in children.remove(&pid.as_raw_nonzero().get()).unwrap_or_default() {
            // still this process: another of its number has another parent
            if let Ok(held) = pidfd_open(child, PidfdFlags::empty())
                && parent(child) == Some(pid.as_raw_nonzero().get())
            {
                found.push(held);
            }
            waiting.push(child);
        }
    }
    found
}

/// Kills these, and whatever carries the mark: again and again, until nothing new is found.
pub(super) fn kill(descendants: &[OwnedFd], mark: &str) {
    descendants.iter().for_each(end);
    let marked = format!("{MARK}={mark}");
    let mut killed = BTreeSet::new();
    for _ in 0..PASSES {
        let before = killed.len();
        for pid in processes() {
            let number = pid.as_raw_nonzero().get();
            if killed.contains(&number) || pid == getpid() {
                continue;
            }
            // held before it is looked at: what was looked at is what is killed
            let Ok(held) = pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            // of other users' processes it is not to be read, and they are not of this command
            let environment = fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            if variables.any(|variable| variable == marked.as_bytes()) {
                end(&held);
                killed.insert(number);
            }
        }
        if killed.len() == before {
            return;
        }
    }
}

fn end(process: &OwnedFd) {
    match pidfd_send_signal(process, Signal::KILL) {
        // it may have ended by itself
        Ok(()) | Err(_) => {}
    }
}

fn processes() -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Pid::from_raw).collect()
}

/// The fourth field of `stat`, behind a name in which anything may stand (`proc_pid_stat(5)`).
fn parent(of: Pid) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", of.as_raw_nonzero())).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}
