//! The errors that a SCPI instrument reports about what it was sent.
//!
//! Numbers and texts are those of SCPI-99 volume 2, chapter 21.8; the texts are quoted by the Truevolt guide too. The
//! positive ones are those of HP's multimeters. A model whose manual has other ones says so in its `[errors]`.

/// One entry of an error queue: `-113,"Undefined header"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScpiError {
    pub(crate) code: i16,
    pub(crate) text: &'static str,
}

impl ScpiError {
    /// The bit of the standard event status register that this error sets (IEEE 488.2, 11.5.1).
    pub(crate) const fn event_bit(self) -> u8 {
        match self.code {
            -199..=-100 => super::COMMAND_ERROR,
            -299..=-200 => super::EXECUTION_ERROR,
            -499..=-400 => super::QUERY_ERROR,
            _ => super::DEVICE_ERROR,
        }
    }

    /// Whether the instrument could not make out what was meant; the rest of the message is then discarded.
    pub(crate) const fn is_command_error(self) -> bool {
        matches!(self.code, -199..=-100)
    }
}

/// Writes the table below.
macro_rules! errors {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        $(pub(crate) const $name: ScpiError = ScpiError { code: $code, text: $text };)*
    };
}

errors! {
    NO_ERROR = 0, "No error";
    INVALID_CHARACTER = -101, "Invalid character";
    SYNTAX_ERROR = -102, "Syntax error";
    INVALID_SEPARATOR = -103, "Invalid separator";
    DATA_TYPE_ERROR = -104, "Data type error";
    GET_NOT_ALLOWED = -105, "GET not allowed";
    PARAMETER_NOT_ALLOWED = -108, "Parameter not allowed";
    MISSING_PARAMETER = -109, "Missing parameter";
    HEADER_SEPARATOR_ERROR = -111, "Header separator error";
    PROGRAM_MNEMONIC_TOO_LONG = -112, "Program mnemonic too long";
    UNDEFINED_HEADER = -113, "Undefined header";
    HEADER_SUFFIX_OUT_OF_RANGE = -114, "Header suffix out of range";
    INVALID_CHARACTER_IN_NUMBER = -121, "Invalid character in number";
    EXPONENT_TOO_LARGE = -123, "Exponent too large";
    TOO_MANY_DIGITS = -124, "Too many digits";
    NUMERIC_DATA_NOT_ALLOWED = -128, "Numeric data not allowed";
    INVALID_SUFFIX = -131, "Invalid suffix";
    SUFFIX_TOO_LONG = -134, "Suffix too long";
    SUFFIX_NOT_ALLOWED = -138, "Suffix not allowed";
    INVALID_CHARACTER_DATA = -141, "Invalid character data";
    CHARACTER_DATA_TOO_LONG = -144, "Character data too long";
    CHARACTER_DATA_NOT_ALLOWED = -148, "Character data not allowed";
    INVALID_STRING_DATA = -151, "Invalid string data";
    INVALID_BLOCK_DATA = -161, "Invalid block data";
    STRING_DATA_NOT_ALLOWED = -158, "String data not allowed";
    BLOCK_DATA_NOT_ALLOWED = -168, "Block data not allowed";
    INVALID_EXPRESSION = -171, "Invalid expression";
    EXPRESSION_DATA_NOT_ALLOWED = -178, "Expression data not allowed";
    TRIGGER_IGNORED = -211, "Trigger ignored";
    INIT_IGNORED = -213, "Init ignored";
    TRIGGER_DEADLOCK = -214, "Trigger deadlock";
    SETTINGS_CONFLICT = -221, "Settings conflict";
    DATA_OUT_OF_RANGE = -222, "Data out of range";
    ILLEGAL_PARAMETER_VALUE = -224, "Illegal parameter value";
    DATA_CORRUPT_OR_STALE = -230, "Data corrupt or stale";
    SYSTEM_ERROR = -310, "System error";
    QUEUE_OVERFLOW = -350, "Queue overflow";
    INPUT_BUFFER_OVERRUN = -363, "Input buffer overrun";
    QUERY_INTERRUPTED = -410, "Query INTERRUPTED";
    QUERY_UNTERMINATED = -420, "Query UNTERMINATED";
    QUERY_DEADLOCKED = -430, "Query DEADLOCKED";
    QUERY_UNTERMINATED_AFTER_INDEFINITE = -440, "Query UNTERMINATED after indefinite response";
    MEASURING = 263, "Not able to execute while instrument is measuring";
    SERIAL_ONLY = 514, "Command allowed only with RS-232";
    INSUFFICIENT_MEMORY = 531, "Insufficient memory";
    RESOLUTION_TOO_FINE = 532, "Cannot achieve requested resolution";
    OVERLOAD_AS_REFERENCE = 540, "Cannot use overload as math reference";
    BUFFER_FULL = 4915, "Attempting to store past capacity of reading buffer";
    IN_LOCAL = 550, "Command not allowed in local";
}
