//! What we send that nobody recorded, with the reason.

/// Headers as `message` writes them, blanks between, and why nobody recorded them.
pub(super) type Exempt = (&'static str, &'static str);

/// What we send to any model that no client of the recording sends to some.
pub(super) const COMMON: &[Exempt] = &[
    (
        "*CLS *IDN? *OPC? *RST *TRG",
        "IEEE 488.2, section 10: every one of them has these, and a client in a test of its author's needs none",
    ),
    (
        "ABOR SYST:ERR?",
        "SCPI-1999, sections 24.2 and 21.8: a client that never gives up and never asks whether it was understood",
    ),
];

/// What we send to a model that no client of the recording sends to it.
pub(super) const OURS: &[(&str, &[Exempt])] = &[
    (
        "HP34401A",
        &[
            (
                "CONF:CONT CONF:CURR CONF:CURR:AC CONF:DIOD CONF:FREQ CONF:FRES CONF:PER CONF:RES CONF:VOLT CONF:VOLT:AC",
                "its client selects a function with FUNC; CONF presets it besides (guide p.119, p.120)",
            ),
            (
                "CALC:AVER:AVER? CALC:AVER:COUN? CALC:AVER:MAX? CALC:AVER:MIN? CALC:FUNC CALC:STAT",
                "its client has no math (guide p.124)",
            ),
            (
                "CURR:AC:RANG CURR:AC:RANG:AUTO CURR:AC:RANG? CURR:RANG CURR:RANG:AUTO CURR:RANG? FRES:RANG FRES:RANG:AUTO \
FRES:RANG? RES:RANG RES:RANG:AUTO RES:RANG? VOLT:AC:RANG VOLT:AC:RANG:AUTO VOLT:AC:RANG?",
                "the range is recorded of dc volts only (guide p.106)",
            ),
            (
                "PER:VOLT:RANG:AUTO",
                "the range of the input is recorded of frequency only (guide p.106)",
            ),
            (
                "FETC?",
                "recorded where nothing was read before, which is error -230 (guide p.115)",
            ),
        ],
    ),
    (
        "Keithley2000",
        &[
            (
                "CONF:CONT CONF:CURR CONF:CURR:AC CONF:DIOD CONF:FREQ CONF:PER CONF:RES CONF:VOLT",
                "its client selects every function so, and is recorded with two of them",
            ),
            (
                "CURR:AC:DET:BAND CURR:AC:RANG CURR:AC:RANG:AUTO CURR:NPLC CURR:RANG CURR:RANG:AUTO FREQ:APER FREQ:APER? \
FRES:NPLC FRES:RANG FRES:RANG:AUTO PER:APER PER:APER? RES:NPLC RES:RANG RES:RANG:AUTO VOLT:AC:DET:BAND \
VOLT:AC:RANG:AUTO VOLT:NPLC",
                "its client has them, and is not recorded with them (PyMeasure keithley2000.py)",
            ),
            (
                "CURR:AC:AVER CURR:AC:REF:STAT CURR:AVER CURR:REF:STAT FREQ:REF:STAT FRES:AVER FRES:REF:STAT PER:REF:STAT \
RES:AVER RES:REF:STAT VOLT:AC:REF:STAT VOLT:AVER VOLT:REF:STAT",
                "its client turns filter and reference on and off, and is recorded with one filter",
            ),
            (
                "FETC? FORM:ELEM INIT SAMP:COUN SYST:AZER TRIG:DEL TRIG:SOUR",
                "another client's: QCoDeS Keithley_2000.py",
            ),
        ],
    ),
    (
        "Keithley2182",
        &[
            (
                "FORM:ELEM INIT:CONT SAMP:COUN TRIG:COUN TRIG:DEL TRIG:SOUR",
                "its client takes the trigger as it finds it; the sources of `keithley/2182` have these",
            ),
            (
                "SYST:AZER VOLT:CHAN1:DFIL:STAT VOLT:CHAN1:LPAS:STAT VOLT:CHAN1:RANG:AUTO VOLT:CHAN1:REF:STAT",
                "its client takes filters, reference and autozero as it finds them, and its autorange has no channel",
            ),
        ],
    ),
    (
        "Keithley2400",
        &[
            (
                "FUNC",
                "its client measures all at once (SENS:FUNC:ALL); one alone is a reading of one number (QCoDeS)",
            ),
            (
                "SOUR:VOLT:MODE",
                "its client sets no level in fixed mode, but for sweeps (manual chapter 18)",
            ),
        ],
    ),
    (
        "KeithleyDAQ6510",
        &[
            (
                "ROUT:CLOS ROUT:CLOS? ROUT:OPEN:ALL ROUT:TERM?",
                "its client is recorded without a card",
            ),
            (
                "COUN FORM:DATA FUNC READ? RES:AVER RES:AZER RES:NPLC RES:RANG RES:RANG:AUTO RES:RANG? RES:REL:STAT \
VOLT:AVER VOLT:AZER VOLT:INP VOLT:NPLC VOLT:RANG VOLT:RANG:AUTO VOLT:RANG? VOLT:REL:STAT",
                "its client is recorded with dc amperes only, which the card has not",
            ),
        ],
    ),
    (
        "KeithleyDMM6500",
        &[
            (
                "CAP:RANG CAP:RANG:AUTO CAP:RANG? CAP:REL:STAT DIOD:BIAS:LEV DIOD:NPLC FREQ:APER FREQ:REL:STAT \
FREQ:THR:RANG:AUTO FRES:NPLC PER:APER PER:REL:STAT PER:THR:RANG:AUTO RES:NPLC VOLT:AC:DET:BAND \
VOLT:AC:RANG:AUTO VOLT:NPLC",
                "its client has them, and is recorded with the question at most (PyMeasure keithleyDMM6500.py)",
            ),
            (
                "CURR:AC:AVER CURR:AC:REL:STAT CURR:AVER FRES:AVER FRES:AZER FRES:REL:STAT RES:AVER RES:AZER RES:REL:STAT \
VOLT:AC:AVER VOLT:AC:REL:STAT VOLT:AVER VOLT:AZER VOLT:REL:STAT",
                "its client sets them of whatever is selected, and is recorded with dc amperes",
            ),
            ("COUN FORM:DATA VOLT:INP", "another client's: fixate keithley_6500.py"),
            (
                "READ? TRAC:CLE TRAC:DATA? TRAC:STAT:AVER? TRAC:STAT:MAX? TRAC:STAT:MIN? TRAC:STAT:STDD?",
                "its client never names a buffer; another one does: fixate keithley_6500.py",
            ),
        ],
    ),
];
