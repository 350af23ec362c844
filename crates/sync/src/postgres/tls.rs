//! The connection: plain on this machine, TLS everywhere else.

use crate::config::{TargetConfig, TargetError};
use crate::http::tls_client;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How the server is reached.
pub(super) enum Connect {
    /// On this machine.
    Plain,
    /// Elsewhere.
    Tls(MakeRustlsConnect),
}

impl Connect {
    /// # Errors
    /// [`TargetError`] for a CA file that cannot be used.
    pub(super) fn new(config: &TargetConfig, at_home: bool) -> Result<Self, TargetError> {
        match at_home {
            true => Ok(Self::Plain),
            false => Ok(Self::Tls(MakeRustlsConnect::new(tls_client(config)?))),
        }
    }

    /// Connects; what comes over the connection is taken care of until it closes.
    pub(super) async fn client(&self, server: &Config) -> Result<Client, Error> {
        match self {
            Self::Plain => {
                let (client, connection) = server.connect(NoTls).await?;
                // its end shows in the client
                tokio::spawn(async move { drop(connection.await) });
                Ok(client)
            }
            Self::Tls(tls) => {
                let (client, connection) = server.connect(tls.clone()).await?;
                tokio::spawn(async move { drop(connection.await) });
                Ok(client)
            }
        }
    }
}
