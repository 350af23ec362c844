//! Tests against real sockets and against the captured requests of the official clients.

mod assemblies;
mod attachments;
mod bench;
mod beside;
mod bundles;
mod captures;
mod doubles;
mod elsewhere;
mod key;
mod lost;
mod order;
mod outbox;
mod persons;
mod samples;
mod server;
mod statuses;
mod stubborn;
mod tls;
