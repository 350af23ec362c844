//! `set = { ... }`.

use super::Vocabulary;
use benchtop_notation::{Key, Keys, Shape};

pub(super) static SET_KEYS: Keys = Keys {
    title: "set",
    keys: &[
        Key::new(
            "instrument",
            Shape::Text,
            "The instrument to set, as it is called under [instruments].",
        )
        .required(),
        Key::new(
            "channel",
            Shape::Either(&[Shape::Integer(1), Shape::Text]),
            "The output channel: its number or the name that the station gives it; 1 if left out.",
        ),
        Key::new("voltage_level", Shape::Quantity, "The voltage, such as \"5 V\"."),
        Key::new(
            "current_limit",
            Shape::Quantity,
            "The largest current that the supply gives.",
        ),
        Key::new(
            "ovp_level",
            Shape::Quantity,
            "The voltage at which overvoltage protection trips; above the voltage level.",
        ),
        Key::new(
            "ocp_enabled",
            Shape::Boolean,
            "Over-current protection on or off: on, it takes the output off when the current limit is reached.",
        ),
        Key::new("output_enabled", Shape::Boolean, "The output on or off."),
        Key::new(
            "hot",
            Shape::Boolean,
            "Allows a large change of level while the output is on.",
        ),
        Key::new(
            "expect_regulation",
            Shape::Word(|| vec!["cv", "cc"]),
            "What the output must hold once it is on: its voltage (cv) or its current (cc); otherwise the unit fails.",
        ),
        Key::new(
            "settle",
            Shape::Quantity,
            "How long `expect_regulation` watches the output after it was turned on; one look if left out.",
        ),
        Key::new(
            "close",
            Shape::List(&Shape::Either(&[Shape::Integer(1), Shape::Text])),
            "The channels of a switch that close: numbers, \"@101\", or names that the station gives them.",
        ),
        Key::new(
            "open",
            Shape::List(&Shape::Either(&[Shape::Integer(1), Shape::Text])),
            "The channels of a switch that open, before any closes.",
        ),
        Key::new(
            "exclusive",
            Shape::Boolean,
            "Opens every channel of the switch that does not close.",
        ),
    ],
};

pub(in crate::parse) static SET: Vocabulary = Vocabulary::of(&SET_KEYS);
