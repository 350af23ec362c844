//! `[[functions.<name>.accuracy]]`.

use super::SOURCE_KEY;
use benchtop_instrument::{CalibrationInterval, Coverage};
use benchtop_notation::{Key, Keys, Shape};

/// One figure for all columns, or one for each.
const FIGURE: Shape = Shape::Either(&[Shape::Number, Shape::List(&Shape::Number)]);

pub(crate) static ACCURACY: Keys = Keys {
    title: "accuracy",
    keys: &[
        SOURCE_KEY.required(),
        Key::new(
            "coverage",
            Shape::Word(|| Coverage::ALL.iter().map(|(word, _)| *word).collect()),
            "What the figures are: limits, or uncertainties with k = 2 or 3.",
        )
        .required(),
        Key::new("columns", Shape::Tables(&COLUMN), "The calibration intervals.").required(),
        Key::new(
            "rows",
            Shape::Tables(&ROW),
            "The ranges, with a figure for each column.",
        )
        .required(),
        Key::new(
            "coefficient",
            Shape::Table(&BAND),
            "How far the temperature coefficients reach.",
        ),
        Key::new(
            "includes_resolution",
            Shape::Boolean,
            "The step of the display is in the figures and not counted once more.",
        ),
        Key::new("warm_up", Shape::Quantity, "How long the meter must have been on."),
        Key::new("autozero", Shape::Boolean, "Autozero must be on."),
        Key::new("null", Shape::Boolean, "A null reading must have been subtracted."),
        Key::new("without_null", Shape::Quantity, "What is added where none was."),
        Key::new("nplc", Shape::Tables(&NPLC), "What shorter integration adds."),
    ],
};

pub(crate) static COLUMN: Keys = Keys {
    title: "accuracy column",
    keys: &[
        Key::new(
            "interval",
            Shape::Word(|| CalibrationInterval::ALL.iter().map(|(word, _)| *word).collect()),
            "The calibration interval.",
        )
        .required(),
        Key::new("low", Shape::Quantity, "The lowest temperature at which it holds.").required(),
        Key::new("high", Shape::Quantity, "The highest.").required(),
    ],
};

pub(crate) static BAND: Keys = Keys {
    title: "band",
    keys: &[
        Key::new("low", Shape::Quantity, "Its lower end.").required(),
        Key::new("high", Shape::Quantity, "Its upper end.").required(),
    ],
};

pub(crate) static ROW: Keys = Keys {
    title: "accuracy row",
    keys: &[
        Key::new(
            "full_scale",
            Shape::Quantity,
            "The range that it is about; all, if left out.",
        ),
        Key::new(
            "maximum",
            Shape::Quantity,
            "Up to which reading it holds; as far as the range reads, if left out.",
        ),
        Key::new(
            "frequency",
            Shape::Table(&BAND),
            "Of ac: the frequencies at which it holds.",
        ),
        Key::new("percent_of_reading", FIGURE, "As printed; 10 ppm are 0.001."),
        Key::new("percent_of_range", FIGURE, "As printed; 10 ppm are 0.001."),
        Key::new("counts", FIGURE, "Counts of the display."),
        Key::new("count", Shape::Quantity, "How much one count is."),
        Key::new("offset", Shape::Quantity, "A fixed amount."),
        Key::new(
            "coefficient",
            Shape::Table(&ROW_COEFFICIENT),
            "What each degree outside the temperatures of the column adds.",
        ),
        Key::new(
            "nplc",
            Shape::Tables(&NPLC),
            "What shorter integration adds on this range.",
        ),
    ],
};

pub(crate) static ROW_COEFFICIENT: Keys = Keys {
    title: "temperature coefficient",
    keys: &[
        Key::new("percent_of_reading", Shape::Number, "Of the reading, for each degree."),
        Key::new("percent_of_range", Shape::Number, "Of the range, for each degree."),
    ],
};

pub(crate) static NPLC: Keys = Keys {
    title: "integration",
    keys: &[
        Key::new("cycles", Shape::Number, "From so many power-line cycles on.").required(),
        Key::new("percent_of_range", Shape::Number, "What it adds, of the range."),
        Key::new("offset", Shape::Quantity, "A fixed amount that it adds."),
    ],
};
