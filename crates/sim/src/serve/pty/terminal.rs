//! The operating system's pseudoterminals.

use super::{LineSettings, Parity};
use rustix::{
    fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{ControlModes, InputModes, OptionalActions, tcgetattr, tcsetattr},
};
use std::{
    ffi::OsString,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStringExt, fs::symlink},
    },
    path::{Path, PathBuf},
};
use tokio::{
    io::Join,
    net::unix::pipe::{Receiver, Sender},
};

/// The instrument's end.
pub(super) type Terminal = Join<Receiver, Sender>;

/// The clients' end, held open so that the instrument's stays usable while no client has it.
#[derive(Debug)]
pub(super) struct Line(OwnedFd);

/// A new pseudoterminal, raw: both its ends, and where clients find it.
pub(super) fn open() -> io::Result<(Terminal, Line, PathBuf)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let path = PathBuf::from(OsString::from_vec(ptsname(&ours, Vec::new())?.into_bytes()));
    let theirs = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    let mut settings = tcgetattr(&theirs)?;
    settings.make_raw();
    settings.set_speed(9600)?;
    tcsetattr(&theirs, OptionalActions::Now, &settings)?;
    fcntl_setfl(&ours, fcntl_getfl(&ours)? | OFlags::NONBLOCK)?;
    // tokio has no terminals; its pipes read and write any file that does not block
    let reading = Receiver::from_owned_fd_unchecked(ours.try_clone()?)?;
    let writing = Sender::from_owned_fd_unchecked(ours)?;
    Ok((tokio::io::join(reading, writing), Line(theirs), path))
}

impl Line {
    pub(super) fn settings(&self) -> io::Result<LineSettings> {
        let settings = tcgetattr(&self.0)?;
        let (control, input) = (settings.control_modes, settings.input_modes);
        let size = control & ControlModes::CSIZE;
        let data_bits = [(ControlModes::CS5, 5), (ControlModes::CS6, 6), (ControlModes::CS7, 7)]
            .into_iter()
            .find_map(|(mode, bits)| (size == mode).then_some(bits));
        Ok(LineSettings {
            baud: settings.output_speed(),
            data_bits: data_bits.unwrap_or(8),
            parity: match (
                control.contains(ControlModes::PARENB),
                control.contains(ControlModes::PARODD),
            ) {
                (false, _) => Parity::None,
                (true, false) => Parity::Even,
                (true, true) => Parity::Odd,
            },
            stop_bits: if control.contains(ControlModes::CSTOPB) { 2 } else { 1 },
            xon_xoff: input.intersects(InputModes::IXON | InputModes::IXOFF),
            rts_cts: control.contains(ControlModes::CRTSCTS),
        })
    }
}

/// A symbolic link to a pseudoterminal, removed when dropped.
#[derive(Debug)]
pub(super) struct LinkAt {
    link: PathBuf,
    target: PathBuf,
}

impl LinkAt {
    pub(super) fn create(link: &Path, target: &Path) -> io::Result<Self> {
        if fs::read_link(link).is_ok_and(|old| old.parent() == target.parent()) {
            fs::remove_file(link)?;
        }
        symlink(target, link)?;
        Ok(Self {
            link: link.to_owned(),
            target: target.to_owned(),
        })
    }
}

impl Drop for LinkAt {
    fn drop(&mut self) {
        if fs::read_link(&self.link).is_ok_and(|target| target == self.target) {
            // nobody is left to be told if it cannot be removed
            drop(fs::remove_file(&self.link));
        }
    }
}
