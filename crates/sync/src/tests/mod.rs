//! Tests against real sockets and against the captured requests of the official clients.

mod assemblies;
mod attachments;
mod bench;
mod beside;
mod buckets;
mod bundles;
mod captures;
#[cfg(feature = "postgres")]
mod database;
mod doubles;
mod elsewhere;
mod equal;
mod key;
mod lost;
mod memory;
mod order;
mod outbox;
mod persons;
mod rust_sdk;
mod samples;
mod server;
mod several;
mod statuses;
mod stubborn;
mod timeouts;
mod tls;
mod weather;
