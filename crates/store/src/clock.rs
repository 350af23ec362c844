//! What the computer knows about its own clocks, beside the time that callers pass in.

use serde::{Deserialize, Serialize};

/// How far a time on this computer can be trusted, and how to order events when it cannot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClockFacts {
    /// Identifies this boot; monotonic readings compare only within one. `None` where the system has none.
    pub boot_id: Option<String>,
    /// Seconds since the boot, suspend included. `None` where the system does not tell.
    pub monotonic_s: Option<f64>,
    /// Whether UTC is synchronised; `None` where that cannot be known.
    pub utc_synchronised: Option<bool>,
}

impl ClockFacts {
    /// Asks the system. Linux only; elsewhere nothing is known.
    #[must_use]
    pub fn read() -> Self {
        read()
    }
}

#[cfg(target_os = "linux")]
fn read() -> ClockFacts {
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let since_boot = std::time::Duration::try_from(now).ok();
    // systemd-timesyncd's word for it (systemd-timesyncd.service(8)); other daemons leave no file that can be believed
    let synchronised = std::path::Path::new("/run/systemd/timesync/synchronized").exists();
    ClockFacts {
        boot_id: boot_id.map(|id| id.trim().to_owned()),
        monotonic_s: since_boot.map(|time| time.as_secs_f64()),
        utc_synchronised: synchronised.then_some(true),
    }
}

#[cfg(not(target_os = "linux"))]
fn read() -> ClockFacts {
    ClockFacts::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn monotonic_readings_rise_within_one_boot() {
        let (first, second) = (ClockFacts::read(), ClockFacts::read());
        assert_eq!(first.boot_id.as_ref().map(String::len), Some(36));
        assert_eq!(first.boot_id, second.boot_id);
        assert!(first.monotonic_s.unwrap() <= second.monotonic_s.unwrap());
    }
}
