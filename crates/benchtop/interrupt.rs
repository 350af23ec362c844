//! Ctrl-C, SIGTERM and SIGHUP, as the runner wants to hear of them.

use benchtop_run::Interrupt;
use tokio::sync::watch;

/// Starts to listen. The first signal abandons the step, the second makes safe at once; later ones change nothing.
pub(crate) fn listen() -> watch::Receiver<Interrupt> {
    Interrupts::listen().wanted
}

/// What signals want, again and again: a loop goes on behind an interrupted run.
pub(crate) struct Interrupts {
    pub(crate) wanted: watch::Receiver<Interrupt>,
    wants: watch::Sender<Interrupt>,
    over: watch::Receiver<bool>,
}

impl Interrupts {
    /// Starts to listen.
    pub(crate) fn listen() -> Self {
        let (wants, wanted) = watch::channel(Interrupt::None);
        let (ends, over) = watch::channel(false);
        let heard = wants.clone();
        // heard from here on: a signal that comes before would end the process where it stands
        let mut signals = Signals::new();
        tokio::spawn(async move {
            loop {
                let is_ctrl_c = signals.next().await;
                if !is_ctrl_c {
                    ends.send_replace(true);
                }
                heard.send_modify(|wanted| {
                    *wanted = match *wanted {
                        Interrupt::None => Interrupt::Abandon,
                        Interrupt::Abandon | Interrupt::SafeNow => Interrupt::SafeNow,
                    };
                });
            }
        });
        Self { wanted, wants, over }
    }

    /// Forgets what was wanted of the run that is over. False when the system wants the process to end.
    pub(crate) fn go_on(&self) -> bool {
        let goes_on = !*self.over.borrow();
        if goes_on {
            self.wants.send_replace(Interrupt::None);
        }
        goes_on
    }
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

    /// True for Ctrl-C.
    async fn next(&mut self) -> bool {
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
            () = one(&mut self.interrupt) => true,
            () = one(&mut self.terminate) => false,
            () = one(&mut self.hang_up) => false,
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

    async fn next(&mut self) -> bool {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        true
    }
}
