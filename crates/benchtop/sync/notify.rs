//! Telling systemd how the service is (`sd_notify(3)`): ready, what it does, that it ends. Without systemd, nothing.

/// Tells the service manager; one that does not listen is no trouble of ours.
#[cfg(target_os = "linux")]
pub(super) fn notify(state: &str) {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let bytes = path.as_encoded_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let sent = address.and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
    drop(sent);
}

/// Tells the service manager; there is none here.
#[cfg(not(target_os = "linux"))]
pub(super) fn notify(_state: &str) {}
