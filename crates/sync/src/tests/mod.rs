//! Tests against real sockets and against the captured requests of the official clients.

mod bench;
mod captures;
mod key;
mod lost;
mod order;
mod outbox;
mod samples;
mod server;
mod statuses;
