//! Bringing a session back, and who answers on it then.

use super::ScpiInstrument;
use benchtop_instrument::{Error, Operation, SessionState};
use std::sync::Arc;

impl ScpiInstrument {
    /// Brings the session back. Who answers on a path that was lost is asked who it is, before anything else is told.
    pub(crate) async fn reconnect(&mut self) -> Result<(), Error> {
        let operation = Operation::Recover;
        let was_lost = self.session.state() == SessionState::Disconnected;
        let mut deadline = self.deadline();
        if self.is_serial() {
            // nothing but silence says that an abandoned answer will not come
            deadline = deadline.after(self.definition.slowest_answer());
        }
        match self.session.clear(deadline).await {
            Ok(()) if self.session.state() == SessionState::Ready => {}
            Ok(()) | Err(_) => self.session.recover(deadline).await?,
        }
        self.go_remote(operation).await?;
        if was_lost {
            self.identified = false;
            self.identify().await.map_err(|error| error.during(operation))?;
        }
        let definition = Arc::clone(&self.definition);
        self.send_all(operation, &definition.abort).await?;
        let deadline = self.deadline();
        // what the abandoned command left behind is known already and must not fail the next one
        let drained = definition.error_check.drain(self.session.as_mut(), deadline).await;
        drained.map(drop).map_err(|error| error.during(operation))
    }
}
