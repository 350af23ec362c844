//! The commands that every instrument has.
//!
//! IEEE 488.2, 10.1 (mandatory common commands) and SCPI-99 volume 1, 4.2.1 (required commands).

use crate::parser::Forms;

/// What a mandatory command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    ClearStatus,
    EventEnable,
    Events,
    Identify,
    OperationComplete,
    Reset,
    ServiceEnable,
    StatusByte,
    SelfTest,
    Wait,
    NextError,
    NextEvent,
    Save,
    Recall,
    Version,
    Preset,
    QuestionableEvents,
    QuestionableCondition,
    QuestionableEnable,
    OperationEvents,
    OperationCondition,
    OperationEnable,
    MeasurementEvents,
    MeasurementCondition,
    MeasurementEnable,
    ClearErrors,
    ErrorCount,
    ErrorCode,
}

/// What only some have, by the names that a `sim.toml` gives them.
pub(super) const NAMED: &[(&str, Forms, Standard)] = &[
    ("next_error", Forms::Query, Standard::NextError),
    ("next_event", Forms::Query, Standard::NextEvent),
    ("save", Forms::Set, Standard::Save),
    ("recall", Forms::Set, Standard::Recall),
    ("error_code", Forms::Query, Standard::ErrorCode),
    ("error_count", Forms::Query, Standard::ErrorCount),
    ("clear_errors", Forms::Set, Standard::ClearErrors),
    ("measurement_events", Forms::Query, Standard::MeasurementEvents),
    ("measurement_condition", Forms::Query, Standard::MeasurementCondition),
    ("measurement_enable", Forms::Both, Standard::MeasurementEnable),
];

pub(super) const STANDARD: &[(&str, Forms, Standard)] = &[
    ("*CLS", Forms::Set, Standard::ClearStatus),
    ("*ESE", Forms::Both, Standard::EventEnable),
    ("*ESR", Forms::Query, Standard::Events),
    ("*IDN", Forms::Query, Standard::Identify),
    ("*OPC", Forms::Both, Standard::OperationComplete),
    ("*RST", Forms::Set, Standard::Reset),
    ("*SRE", Forms::Both, Standard::ServiceEnable),
    ("*STB", Forms::Query, Standard::StatusByte),
    ("*TST", Forms::Query, Standard::SelfTest),
    ("*WAI", Forms::Set, Standard::Wait),
    ("SYSTem:ERRor[:NEXT]", Forms::Query, Standard::NextError),
    ("SYSTem:VERSion", Forms::Query, Standard::Version),
    ("STATus:PRESet", Forms::Set, Standard::Preset),
    (
        "STATus:QUEStionable[:EVENt]",
        Forms::Query,
        Standard::QuestionableEvents,
    ),
    (
        "STATus:QUEStionable:CONDition",
        Forms::Query,
        Standard::QuestionableCondition,
    ),
    ("STATus:QUEStionable:ENABle", Forms::Both, Standard::QuestionableEnable),
    ("STATus:OPERation[:EVENt]", Forms::Query, Standard::OperationEvents),
    ("STATus:OPERation:CONDition", Forms::Query, Standard::OperationCondition),
    ("STATus:OPERation:ENABle", Forms::Both, Standard::OperationEnable),
];
