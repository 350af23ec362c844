//! Status reporting: the error queue and the registers of IEEE 488.2 chapter 11 and SCPI-99 chapter 20.
//!
//! - A full error queue keeps its oldest entries; the last place says -350 until one is read.
//! - Reading an event register clears it; `*CLS` clears events and errors, never enables.

mod error;
mod queue;
mod register;

pub(crate) use error::*;
pub(crate) use queue::ErrorQueue;
pub(crate) use register::Register;

/// Standard event status: everything overlapped is finished, after `*OPC`.
pub(crate) const OPERATION_COMPLETE: u8 = 1;
/// Standard event status: a -400 error.
pub(crate) const QUERY_ERROR: u8 = 4;
/// Standard event status: an error of the instrument itself.
pub(crate) const DEVICE_ERROR: u8 = 8;
/// Standard event status: a -200 error.
pub(crate) const EXECUTION_ERROR: u8 = 16;
/// Standard event status: a -100 error.
pub(crate) const COMMAND_ERROR: u8 = 32;
/// Standard event status: switched on since it was last read.
pub(crate) const POWER_ON: u8 = 128;

const MEASUREMENT_SUMMARY: u8 = 1;
const ERRORS_WAITING: u8 = 4;
const QUESTIONABLE_SUMMARY: u8 = 8;
const MESSAGE_AVAILABLE: u8 = 16;
const EVENT_SUMMARY: u8 = 32;
pub(crate) const MASTER_SUMMARY: u8 = 64;
const OPERATION_SUMMARY: u8 = 128;

/// The registers that all clients of an instrument share.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) events: u8,
    pub(crate) event_enable: u8,
    pub(crate) service_enable: u8,
    pub(crate) questionable: Register,
    pub(crate) operation: Register,
    /// What Keithley keeps beside the two of SCPI-99.
    pub(crate) measurement: Register,
}

impl Default for Status {
    /// As after power-on.
    fn default() -> Self {
        Self {
            events: POWER_ON,
            event_enable: 0,
            service_enable: 0,
            questionable: Register::default(),
            operation: Register::default(),
            measurement: Register::default(),
        }
    }
}

impl Status {
    /// What `*CLS` does to them.
    pub(crate) fn clear_events(&mut self) {
        self.events = 0;
        self.questionable.take_events();
        self.operation.take_events();
        self.measurement.take_events();
    }

    /// What `STATus:PRESet` does to them.
    pub(crate) fn preset(&mut self) {
        self.questionable.enable = 0;
        self.operation.enable = 0;
        self.measurement.enable = 0;
    }

    /// The status byte as one client sees it: errors and unread answers are its own.
    pub(crate) fn byte(&self, errors_waiting: bool, message_available: bool) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let summary = bit(errors_waiting, ERRORS_WAITING)
            | bit(self.measurement.summary(), MEASUREMENT_SUMMARY)
            | bit(self.questionable.summary(), QUESTIONABLE_SUMMARY)
            | bit(message_available, MESSAGE_AVAILABLE)
            | bit(self.events & self.event_enable != 0, EVENT_SUMMARY)
            | bit(self.operation.summary(), OPERATION_SUMMARY);
        summary | bit(summary & self.service_enable != 0, MASTER_SUMMARY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enabled_event_reaches_the_master_summary() {
        let mut status = Status::default();
        status.clear_events();
        assert_eq!(status.byte(false, false), 0);
        status.events |= UNDEFINED_HEADER.event_bit();
        assert_eq!(status.byte(true, true), ERRORS_WAITING | MESSAGE_AVAILABLE);
        status.event_enable = COMMAND_ERROR;
        status.service_enable = EVENT_SUMMARY;
        assert_eq!(status.byte(false, false), EVENT_SUMMARY | MASTER_SUMMARY);
        status.clear_events();
        assert_eq!(status.byte(false, false), 0);
    }

    #[test]
    fn errors_set_the_bit_of_their_hundred() {
        for (error, bit) in [
            (UNDEFINED_HEADER, COMMAND_ERROR),
            (DATA_OUT_OF_RANGE, EXECUTION_ERROR),
            (QUEUE_OVERFLOW, DEVICE_ERROR),
            (QUERY_INTERRUPTED, QUERY_ERROR),
            (MEASURING, DEVICE_ERROR),
        ] {
            assert_eq!(error.event_bit(), bit, "{error:?}");
        }
    }
}
