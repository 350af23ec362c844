//! `prompt`, `exec`, `query`, `send` and `expect`: the steps in which something is said.

mod exec;
mod extract;
pub(super) mod keys;
mod link;
mod prompt;

pub(super) use exec::exec;
pub(super) use link::{expect, query, send};
pub(super) use prompt::prompt;
