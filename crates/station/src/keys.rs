//! Every key of a station file, with what it means: what the reader takes, and what the JSON Schema for editors is made of.

use benchtop_instrument::{Distribution, Function, HislipMode};
use benchtop_notation::{Key, Keys, Shape};
use benchtop_scpi::LineChanges;
use benchtop_sim::BENCH_KEYS;

/// What a station file may hold, for editors.
#[must_use]
pub fn keys() -> &'static Keys {
    &ROOT
}

/// What a bench file may hold, for editors: what the simulator reads, and what the station reads beside it.
#[must_use]
pub fn bench_keys() -> &'static Keys {
    &BENCH
}

const SIMULATED: &[Key; 8] = &BENCH_KEYS;

static BENCH: Keys = Keys {
    title: "bench file",
    keys: &[
        SIMULATED[0],
        SIMULATED[1],
        SIMULATED[2],
        SIMULATED[3],
        SIMULATED[4],
        SIMULATED[5],
        SIMULATED[6],
        SIMULATED[7],
        Key::new(
            "station",
            Shape::Table(&BENCH_STATION),
            "What a station file would say of the bench.",
        ),
        CONTRIBUTIONS,
        SLOTS,
    ],
};

pub(crate) static BENCH_STATION: Keys = Keys {
    title: "station of a bench",
    keys: &[AMBIENT_KEY],
};

const TEMPERATURE: Shape = Shape::Either(&[Shape::Quantity, Shape::Table(&AMBIENT)]);

const AMBIENT_KEY: Key = Key::new(
    "ambient",
    TEMPERATURE,
    "The ambient temperature: \"23 degC\", or the instrument and channel that measure it when a run begins.",
);

const CONTRIBUTIONS: Key = Key::new(
    "contributions",
    Shape::Tables(&CONTRIBUTION),
    "What the bench itself adds to the uncertainty of measurements: leads, dividers, shunts.",
);

const SLOTS: Key = Key::new(
    "slots",
    Shape::Named(&SLOT),
    "The slots of the fixture, by name: `run --slot A=SN1 --slot B=SN2` tests a unit in each at once.",
);

pub(crate) static ROOT: Keys = Keys {
    title: "station file",
    keys: &[
        Key::new("station", Shape::Table(&STATION), "The bench as a whole.").required(),
        Key::new(
            "instruments",
            Shape::Named(&INSTRUMENT),
            "The instruments, by the names that procedures call them.",
        ),
        Key::new(
            "procedures",
            Shape::Named(&ALLOWED),
            "The procedures that test units here, by id; any other runs only with --purpose engineering. All, if left out.",
        ),
        Key::new(
            "parameters",
            Shape::Map(&Shape::Either(&[Shape::Text, Shape::Number, Shape::Boolean])),
            "What procedures may ask of this station: numbers, quantities in quotes, texts, true or false.",
        ),
        CONTRIBUTIONS,
        Key::new(
            "consoles",
            Shape::Named(&CONSOLE),
            "The unit's own links, by the names that procedures call them.",
        ),
        SLOTS,
        Key::new("store", Shape::Table(&STORE), "Where the records are kept."),
        Key::new(
            "sync",
            Shape::Table(&SYNC),
            "Where the records go when there is a connection.",
        ),
        Key::new(
            "visa",
            Shape::Table(&VISA),
            "The VISA library, for instruments that are reached through one.",
        ),
    ],
};

pub(crate) static STATION: Keys = Keys {
    title: "station",
    keys: &[
        Key::new("id", Shape::Text, "The bench's name in the records.").required(),
        Key::new("fixture_id", Shape::Text, "The mechanics that hold the unit."),
        Key::new("location", Shape::Text, "Where the bench stands."),
        Key::new(
            "mains",
            Shape::Word(|| vec!["50 Hz", "60 Hz"]),
            "The power line's frequency, for the records.",
        ),
        AMBIENT_KEY,
        Key::new(
            "calibration",
            Shape::Word(|| vec!["refuse", "warn"]),
            "What an overdue calibration does to a run; it refuses it if left out.",
        ),
        Key::new(
            "safe_order",
            Shape::List(&Shape::Text),
            "The order in which instruments are made safe; those not named follow, sources first.",
        ),
    ],
};

pub(crate) static INSTRUMENT: Keys = Keys {
    title: "station instrument",
    keys: &[
        Key::new("driver", Shape::Text, "The definition that drives it, such as keysight/34461a.").required(),
        Key::new("resource", Shape::Text, "Where it is: TCPIP0::10.0.0.7::5025::SOCKET, ASRL/dev/ttyUSB0::INSTR, TCPIP0::10.0.0.7::hislip0::INSTR, REPLAY::file::name.").required(),
        Key::new("serial_number", Shape::Text, "The serial number that must answer to *IDN?; another one refuses the run."),
        Key::new("asset_id", Shape::Text, "Your own number for it."),
        Key::new("calibrated_on", Shape::Date, "The day of its last calibration."),
        Key::new("calibration_due", Shape::Date, "The day until which its calibration holds."),
        Key::new("warm_up", Shape::Quantity, "How long it has been on at least when a run begins, such as \"1 h\"."),
        Key::new("certificate", Shape::Text, "The certificate of its last calibration."),
        Key::new("read_only", Shape::Boolean, "`instruments scan --station` never opens it."),
        Key::new("shared", Shape::Boolean, "Others use it too: it is not reset. Of a source only the `channels` named here are used and made safe."),
        Key::new("exclusive", Shape::Boolean, "Others are kept out: its lock is taken when it is opened, waited for as long as for an answer, and given back at the end. Over VXI-11, HiSLIP and VISA (where it keeps out the sessions of the same library)."),
        Key::new("channels", Shape::Map(&Shape::Integer(1)), "What its channels are called in procedures, such as { vcc = 101 }."),
        Key::new("timeout", Shape::Quantity, "How long to wait for an answer, instead of what its definition says."),
        Key::new(
            "hislip_mode",
            Shape::Word(|| HislipMode::ALL.iter().map(|(word, _)| *word).collect()),
            "The mode that its HiSLIP session must have; synchronised where the instrument has it, if left out.",
        ),
        Key::new("serial", Shape::Table(&SERIAL), "Its serial line, where it differs from what the definition says."),
    ],
};

pub(crate) static ALLOWED: Keys = Keys {
    title: "allowed procedure",
    keys: &[
        Key::new("version", Shape::Text, "The version that is allowed; any, if left out."),
        Key::new(
            "sha256",
            Shape::Text,
            "The digest that its records hold as procedure_sha256; any, if left out.",
        ),
    ],
};

pub(crate) static AMBIENT: Keys = Keys {
    title: "ambient temperature",
    keys: &[
        Key::new("instrument", Shape::Text, "Which instrument measures it.").required(),
        Key::new("channel", Shape::Integer(1), "On which channel; 1 if left out."),
    ],
};

pub(crate) static CONTRIBUTION: Keys = Keys {
    title: "contribution",
    keys: &[
        Key::new("name", Shape::Text, "What it is, for people: leads, divider, shunt.").required(),
        Key::new(
            "value",
            Shape::Quantity,
            "How large: \"20 uV\", or \"0.02 %\" of what is read.",
        )
        .required(),
        Key::new(
            "distribution",
            Shape::Word(|| Distribution::ALL.iter().map(|(word, _)| *word).collect()),
            "What that figure is: limits (rectangular, triangular, arcsine) or an uncertainty (k1, k2, k3).",
        )
        .required(),
        Key::new("instrument", Shape::Text, "Only to what this instrument measures."),
        Key::new(
            "function",
            Shape::Word(|| Function::ALL.iter().map(|(word, _)| *word).collect()),
            "Only to this function.",
        ),
        Key::new("measurement", Shape::Text, "Only to the measurement of this name."),
    ],
};

pub(crate) static CONSOLE: Keys = Keys {
    title: "station console",
    keys: &[
        Key::new(
            "resource",
            Shape::Text,
            "Where it is: a serial port, /dev/ttyUSB1, or a TCP socket, TCPIP0::10.0.0.9::23::SOCKET.",
        ),
        Key::new(
            "argv",
            Shape::List(&Shape::Text),
            "A command whose standard input and output it is, with its arguments; it works in this file's folder.",
        ),
        Key::new(
            "serial",
            Shape::Table(&SERIAL),
            "Its serial line; 115200 baud, 8 data bits and no parity if left out.",
        ),
    ],
};

pub(crate) static SLOT: Keys = Keys {
    title: "slot",
    keys: &[
        Key::new(
            "fixture_id",
            Shape::Text,
            "The mechanics that hold its unit; the station's if left out.",
        ),
        Key::new(
            "channels",
            Shape::Map(&Shape::Either(&[Shape::Integer(1), Shape::Text])),
            "Its own channels, by what procedures call them: { \"psu.1\" = 3, \"dmm.vcc\" = \"@103\" }. The others it has in common with all slots.",
        ),
        Key::new(
            "instruments",
            Shape::Map(&Shape::Text),
            "Instruments and consoles of this file that stand for the procedure's in this slot: { uart = \"uart_b\" }.",
        ),
    ],
};

pub(crate) static SERIAL: Keys = Keys {
    title: "serial line",
    keys: LineChanges::KEYS,
};

pub(crate) static STORE: Keys = Keys {
    title: "store",
    keys: &[
        Key::new(
            "root",
            Shape::Text,
            "The folder of the records; a relative one is beside this file.",
        )
        .required(),
        Key::new(
            "signing_key",
            Shape::Text,
            "A key file that `benchtop runs key` made: records are signed with it. A relative one is beside this file.",
        ),
        Key::new(
            "shared",
            Shape::Boolean,
            "The records are for the group of their folder too: folders of mode 2770, files of mode 0660. For their owner only, if left out.",
        ),
        Key::new(
            "warn_below_mb",
            Shape::Integer(1),
            "Below so many free megabytes every run warns; below room for 200 runs like it, if left out.",
        ),
        Key::new(
            "refuse_below_mb",
            Shape::Integer(1),
            "Below so many free megabytes no run starts; one that needs more than there is never does.",
        ),
    ],
};

pub(crate) static VISA: Keys = Keys {
    title: "visa",
    keys: &[Key::new(
        "library",
        Shape::Text,
        "The VISA library: a name that the system looks up, or a path; a relative one is beside this file.",
    )
    .required()],
};

pub(crate) static SYNC: Keys = Keys {
    title: "sync",
    keys: &[Key::new(
        "targets",
        Shape::Tables(&TARGET),
        "Each place that records go to.",
    )],
};

pub(crate) static TARGET: Keys = Keys {
    title: "target",
    keys: &[
        Key::new("name", Shape::Text, "Its name in receipts and messages.").required(),
        Key::new(
            "kind",
            Shape::Text,
            "What it is: tofupilot-v2, tofupilot-v1, webhook, directory, s3, postgres.",
        )
        .required(),
        Key::new("url", Shape::Text, "Where it is; for a directory, its path.").required(),
        Key::new("accept_simulated", Shape::Boolean, "Simulated runs may go there too."),
        Key::new(
            "procedures",
            Shape::Map(&Shape::Text),
            "Our procedure ids to the target's.",
        ),
        Key::new("ca_file", Shape::Text, "A private certificate authority, PEM."),
        Key::new(
            "api_key_file",
            Shape::Text,
            "A file of mode 0600 with the API key, or with what a webhook or an object store signs with.",
        ),
        Key::new(
            "region",
            Shape::Text,
            "The region of an object store; us-east-1 if left out.",
        ),
        Key::new(
            "proxy",
            Shape::Text,
            "The proxy to go through, instead of the environment's: http://10.0.0.1:3128.",
        ),
        Key::new(
            "connect_timeout",
            Shape::Quantity,
            "How long to wait for a connection; 10 s if left out.",
        ),
        Key::new(
            "idle_timeout",
            Shape::Quantity,
            "How long to wait for the next piece of an answer; 30 s if left out.",
        ),
        Key::new(
            "total_timeout",
            Shape::Quantity,
            "How long one request may take; 60 s if left out.",
        ),
    ],
};
