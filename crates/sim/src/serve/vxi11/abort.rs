//! The abort channel: ends what a link is waiting in.

use super::{ABORT, VERSION, link::Links};
use crate::serve::rpc::{Answer, Call, Program, Writer};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Abort(pub(super) Arc<Links>);

impl Program for Abort {
    async fn call(&mut self, call: Call<'_>) -> Answer {
        let mut arguments = call.arguments;
        match (call.program, call.version, call.procedure) {
            (ABORT, VERSION, 0) => Answer::Results(Writer::default()),
            (ABORT, VERSION, 1) => match arguments.int() {
                Some(link) => Answer::Results(
                    Writer::default().word(self.0.abort(link).err().map_or(0, super::link::Code::number)),
                ),
                None => Answer::GarbageArguments,
            },
            (ABORT, VERSION, _) => Answer::NoSuchProcedure,
            (ABORT, _, _) => Answer::OtherVersion(VERSION),
            _ => Answer::NoSuchProgram,
        }
    }
}
