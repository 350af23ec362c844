//! An answer that is there at once is taken before the thread sleeps for it: to be woken takes longer than a simulator, or an
//! instrument with a quick processor, needs to answer.

use benchtop_instrument::Clock;
use socket2::SockRef;
use std::{
    io::{self, Read},
    thread,
    time::Duration,
};
use tokio::net::TcpStream;

/// How often an answer is looked for. A look takes about half a microsecond.
const LOOKS: usize = 50;
/// What came later than this did not come soon: the processor was somebody else's meanwhile.
const MOMENT: Duration = Duration::from_micros(100);
/// How many answers are not looked for after one that did not come soon.
const SLOW: usize = 15;

/// Whether the next answer of a socket is looked for.
#[derive(Debug, Default)]
pub(crate) struct Soon {
    passed_over: usize,
}

impl Soon {
    /// What came within a moment; nothing where that is to be waited for. Gives way to other threads between two looks. Nothing is
    /// lost when nothing is given.
    pub(crate) fn read(
        &mut self,
        clock: &dyn Clock,
        stream: &TcpStream,
        chunk: &mut [u8],
    ) -> Option<io::Result<usize>> {
        if self.passed_over > 0 {
            self.passed_over -= 1;
            return None;
        }
        let begun = clock.now();
        let found = (0..LOOKS).find_map(|_| look(stream, chunk));
        if found.is_none() || clock.now().since(begun) > MOMENT {
            self.passed_over = SLOW;
        }
        found
    }
}

fn look(stream: &TcpStream, chunk: &mut [u8]) -> Option<io::Result<usize>> {
    match read_now(stream, chunk) {
        Err(error) if would_block(&error) => {
            thread::yield_now();
            None
        }
        read => Some(read),
    }
}

/// What lies in the socket by now. The runtime is not asked: it knows only what it saw when it last looked.
pub(crate) fn read_now(stream: &TcpStream, chunk: &mut [u8]) -> io::Result<usize> {
    let socket = SockRef::from(stream);
    (&*socket).read(chunk)
}

pub(crate) fn would_block(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write, mem::MaybeUninit, net};

    /// Ends when something lies there, or the end of the connection.
    fn arrived(stream: &TcpStream) {
        let clock = benchtop_instrument::RealClock::new();
        let deadline = clock.now().after(Duration::from_secs(10));
        while SockRef::from(stream).peek(&mut [MaybeUninit::uninit()]).is_err() {
            assert!(clock.now() < deadline, "nothing came");
            thread::yield_now();
        }
    }

    #[tokio::test]
    async fn what_is_there_is_taken_and_what_did_not_come_is_not_looked_for_the_next_times() {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut theirs, _address) = listener.accept().unwrap();
        theirs.set_nodelay(true).unwrap();
        let clock = benchtop_instrument::VirtualClock::default();
        let mut chunk = [0; 64];
        let mut soon = Soon::default();
        let mut read = || soon.read(&clock, &ours, &mut chunk).map(Result::unwrap);
        for _ in 0..3 {
            theirs.write_all(b"+1.5\n").unwrap();
            arrived(&ours);
            assert_eq!(read(), Some(5));
        }
        assert_eq!(read(), None);
        theirs.write_all(b"+2.5E0\n").unwrap();
        arrived(&ours);
        for _ in 0..SLOW {
            assert_eq!(read(), None);
        }
        assert_eq!(read(), Some(7));
        drop(theirs);
        arrived(&ours);
        assert_eq!(read(), Some(0), "the end of the connection is told");
    }
}
