//! Lines of standard input for whoever wants the next one: scans and answers of one operator.

use crate::terminal;
use tokio::{sync::Mutex, task::JoinHandle};

/// Reads a line when somebody wants one. Nothing can end a read of a terminal but its line: where who wanted it gave up, the
/// next one gets it.
#[derive(Debug, Default)]
pub(crate) struct Typed(Mutex<Option<JoinHandle<Option<String>>>>);

impl Typed {
    /// The next line without the blanks around it; `None` at the end of the input.
    pub(crate) async fn line(&self) -> Option<String> {
        let mut reading = self.0.lock().await;
        let read = reading.get_or_insert_with(|| tokio::task::spawn_blocking(terminal::read_line));
        let line = read.await.ok().flatten();
        *reading = None;
        line
    }
}
