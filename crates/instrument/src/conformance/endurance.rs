//! The endurance suite: sessions that lose their peer, come back and end leave nothing behind in their process.

use super::{
    SessionRig, Violation, broken,
    session::{SILENCE, SOON, query},
};
use crate::{Clock, ClockExt, Session};
use std::{
    fmt, fs,
    process::{Command, Stdio},
    time::Duration,
};

/// Turns of the suite; `BENCHTOP_SOAK` multiplies them.
const TURNS: usize = 50;
/// Turns before anything is counted: what a process opens once is open then.
const WARM_UP: usize = 10;
/// Names the test whose process this is.
const ALONE: &str = "BENCHTOP_ALONE";
/// How long a count must stay what it is to count: what has ended gives back what it held a moment later.
const CALM: Duration = Duration::from_millis(150);
/// An idle thread for blocking calls ends so soon, so that none of those is counted.
const IDLE_THREADS: Duration = Duration::from_millis(50);

/// Opens sessions, hangs up on them or stays silent, recovers them, and closes or drops them.
///
/// At the end the process holds no more descriptors and threads than after the first turns. Where the system does not say how
/// many there are (`/proc`), only the turns are made.
///
/// Counting needs a process of its own: `test` is the full name of the calling test, which is run again alone, in a process of
/// the same binary. Gives what was counted, in words. To be called outside a runtime.
///
/// # Errors
/// The first [`Violation`].
pub fn endurance(test: &str, rig: &dyn SessionRig) -> Result<String, Violation> {
    let rule = "the suite has a process of its own";
    if std::env::var(ALONE).is_ok_and(|name| name == test) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_keep_alive(IDLE_THREADS)
            .enable_all()
            .build()
            .map_err(|error| broken(rule, error.to_string()))?;
        return runtime.block_on(turns(rig));
    }
    let alone = std::env::current_exe().and_then(|binary| {
        Command::new(binary)
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(ALONE, test)
            .stdin(Stdio::null())
            .output()
    });
    let output = alone.map_err(|error| broken(rule, error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.lines().find(|line| line.contains(COUNTED)) {
        // the test's name may stand in the same line
        Some(line) if output.status.success() => Ok(line.rsplit(" ... ").next().unwrap_or(line).to_owned()),
        Some(_) | None => Err(broken(
            rule,
            format!("{test}: {said}{}", String::from_utf8_lossy(&output.stderr)),
        )),
    }
}

/// Stands in the line that a process of its own says.
const COUNTED: &str = "lost, recovered and ended";

async fn turns(rig: &dyn SessionRig) -> Result<String, Violation> {
    let soak = std::env::var("BENCHTOP_SOAK").ok().and_then(|soak| soak.parse().ok());
    let turns = TURNS.saturating_mul(soak.unwrap_or(1));
    for number in 0..WARM_UP {
        turn(rig, number).await?;
    }
    let clock = rig.clock();
    let before = settled(clock.as_ref()).await;
    for number in 0..turns {
        turn(rig, number).await?;
    }
    let after = settled(clock.as_ref()).await;
    let counted = format!("{turns} sessions {COUNTED}: {before} before, {after} after");
    if after.descriptors > before.descriptors || after.threads > before.threads {
        return Err(broken("a session leaves nothing behind", counted));
    }
    Ok(counted)
}

async fn turn(rig: &dyn SessionRig, number: usize) -> Result<(), Violation> {
    let rule = "a session can be lost and recovered again and again";
    let clock = rig.clock();
    let (mut session, mut far) = rig.open().await;
    query(rig, &mut session, far.as_mut(), "ONE?", &[b"1\n"]).await?;
    let hangs_up = number.is_multiple_of(2);
    session
        .write(b"LOST?", clock.now().after(SOON))
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    far.receive().await;
    if hangs_up {
        far.hang_up().await;
    }
    let patience = if hangs_up && rig.notices_a_closed_peer() {
        SOON
    } else {
        SILENCE / 10
    };
    if session.read(clock.now().after(patience)).await.is_ok() {
        return Err(broken(rule, "a lost peer answered"));
    }
    session
        .recover(clock.now().after(SOON))
        .await
        .map_err(|error| broken(rule, error.to_string()))?;
    query(rig, &mut session, far.as_mut(), "TWO?", &[b"2\n"]).await?;
    if (number / 2).is_multiple_of(2) {
        session.close().await.map_err(|error| broken(rule, error.to_string()))?;
    }
    Ok(())
}

/// What this process holds, where the system says so.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Held {
    descriptors: Option<usize>,
    threads: Option<usize>,
}

impl Held {
    fn now() -> Self {
        let count = |folder: &str| Some(fs::read_dir(folder).ok()?.count());
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.descriptors, self.threads) {
            (Some(descriptors), Some(threads)) => write!(f, "{descriptors} descriptors and {threads} threads"),
            (_, _) => f.write_str("what nobody counts here"),
        }
    }
}

/// What is held once that has not changed for a while.
async fn settled(clock: &dyn Clock) -> Held {
    let deadline = clock.now().after(SOON);
    let mut held = Held::now();
    loop {
        clock.sleep(CALM).await;
        let now = Held::now();
        if now == held || clock.now() >= deadline {
            return now;
        }
        held = now;
    }
}
