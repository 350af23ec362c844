//! Ctrl-C, SIGTERM and SIGHUP, as the runner wants to hear of them.

use benchtop_run::Interrupt;
use tokio::sync::watch;

/// Starts to listen. The first signal abandons the step, the second makes safe at once; later ones change nothing.
pub(crate) fn listen() -> watch::Receiver<Interrupt> {
    let (wants, interrupt) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        let mut signals = Signals::new();
        loop {
            signals.next().await;
            wants.send_modify(|wanted| {
                *wanted = match *wanted {
                    Interrupt::None => Interrupt::Abandon,
                    Interrupt::Abandon | Interrupt::SafeNow => Interrupt::SafeNow,
                };
            });
        }
    });
    interrupt
}

#[cfg(unix)]
struct Signals {
    interrupt: Option<tokio::signal::unix::Signal>,
    terminate: Option<tokio::signal::unix::Signal>,
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // a signal that cannot be listened for keeps its default action, which is to end the process
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
            hang_up: signal(SignalKind::hangup()).ok(),
        }
    }

    async fn next(&mut self) {
        async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
            let received = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            if received.is_none() {
                std::future::pending::<()>().await;
            }
        }
        tokio::select! {
            () = one(&mut self.interrupt) => {}
            () = one(&mut self.terminate) => {}
            () = one(&mut self.hang_up) => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    const fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
