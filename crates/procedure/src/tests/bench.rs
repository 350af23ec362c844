//! The instruments that bind tests are held against. Ranges and bounds follow the models' data sheets closely enough.

use crate::{Ambient, LogicalName, Meter, Metrology, Slot, SlotChannel, Span};
use benchtop_instrument::{
    Bounds, Capabilities, Class, Decimal, Function, FunctionCapability, OutputCapability, Quantity, Range,
    ResolutionCapability, SamplingCapability, Trigger,
};
use benchtop_notation::Spanned;
use std::collections::BTreeMap;

/// Two meters, a scanner, a supply with three outputs, a plain one, one that measures nothing and has a channel that is no output, the
/// unit's own link and a switch.
pub(crate) fn instruments() -> BTreeMap<LogicalName, Capabilities> {
    let meter = meter();
    [
        ("dmm", meter.clone()),
        ("ammeter", meter),
        ("scanner", scanner()),
        (
            "psu",
            supply("Keysight E36312A", &["6.18", "25.75", "25.75"], Some("28")),
        ),
        ("plain_psu", supply("Acme PS1", &["30"], None)),
        ("half_psu", half_supply()),
        ("uart", console()),
        ("mux", switch()),
    ]
    .into_iter()
    .map(|(name, capabilities)| (LogicalName(name.to_owned()), capabilities))
    .collect()
}

/// Slot A, whose channels are as procedures write them, and slot B, which has some of its own, and an instrument that stands for
/// another.
pub(crate) fn slots() -> BTreeMap<String, Slot> {
    let own = [
        ("mux", "vcc", 102),
        ("psu", "2", 3),
        ("scanner", "101", 102),
        ("scanner", "vcc", 102),
    ];
    let channels = own.map(|(instrument, channel, number)| {
        let channel = SlotChannel {
            instrument: LogicalName(instrument.to_owned()),
            channel: channel.to_owned(),
        };
        (channel, Spanned::new(number, Span::of_file("station.toml")))
    });
    let named = |name: &str| LogicalName(name.to_owned());
    let stands_in = Spanned::new(named("plain_psu"), Span::of_file("station.toml"));
    let slot = Slot {
        channels: channels.into(),
        instruments: [(named("spare_psu"), stands_in)].into(),
    };
    [("A".to_owned(), Slot::default()), ("B".to_owned(), slot)].into()
}

/// A bench that says nothing of how well its instruments measure.
pub(crate) fn metrology() -> Metrology {
    let meter = |(name, capabilities)| {
        let meter = Meter {
            capabilities,
            calibrated_on: None,
            calibration_due: None,
            warm_up: None,
        };
        (name, meter)
    };
    Metrology {
        ambient: Ambient::Unknown,
        instruments: instruments().into_iter().map(meter).collect(),
        contributions: Vec::new(),
    }
}

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}

/// A range with 20 % over-range and a millionth of it as its step.
fn range(full_scale: &str) -> Range {
    let full_scale = quantity(full_scale);
    let of = |factor: &str| {
        let factor: Decimal = factor.parse().unwrap();
        Quantity::new(full_scale.value.checked_mul(factor).unwrap(), full_scale.unit)
    };
    Range {
        full_scale,
        maximum: of("1.2"),
        resolution: Some(of("1e-6")),
    }
}

fn function(channels: &[u32], ranges: &[&str], nplc: &[&str]) -> FunctionCapability {
    FunctionCapability {
        channels: channels.to_vec(),
        ranges: ranges.iter().map(|text| range(text)).collect(),
        autorange: channels == [1],
        nplc: nplc.iter().map(|text| text.parse().unwrap()).collect(),
        nplc_default: None,
        needs_output: false,
        choices: benchtop_instrument::ChoiceCapability {
            autozero: channels == [1] && !nplc.is_empty(),
            input_impedance: ranges.contains(&"1000 V"),
        },
        accuracy: Vec::new(),
        sampling: sampling(channels == [1] && !nplc.is_empty()),
    }
}

/// Of the 34461A as its definition has it; of the others, nothing to choose.
fn sampling(is_rich: bool) -> SamplingCapability {
    if !is_rich {
        return SamplingCapability::default();
    }
    let part = |text: &str| text.parse().unwrap();
    SamplingCapability {
        aperture: None,
        resolution: Some(ResolutionCapability {
            finest: part("3e-7"),
            coarsest: part("1e-4"),
        }),
        triggers: vec![Trigger::External, Trigger::Bus],
        statistics: true,
    }
}

fn meter() -> Capabilities {
    let nplc = &["0.02", "0.2", "1", "10", "100"];
    Capabilities {
        class: Class::Dmm,
        driver: "keysight/34461a".to_owned(),
        model: "Keysight 34461A".to_owned(),
        channels: vec![1],
        functions: BTreeMap::from([
            (
                Function::DcVoltage,
                function(&[1], &["100 mV", "1 V", "10 V", "100 V", "1000 V"], nplc),
            ),
            (
                Function::AcVoltage,
                function(&[1], &["100 mV", "1 V", "10 V", "100 V", "750 V"], &[]),
            ),
            (
                Function::DcCurrent,
                function(&[1], &["100 uA", "1 mA", "10 mA", "100 mA", "1 A", "3 A"], nplc),
            ),
            (
                Function::Resistance,
                function(&[1], &["100 Ohm", "1 kOhm", "1 MOhm", "100 MOhm"], nplc),
            ),
            (Function::Continuity, function(&[1], &[], &[])),
        ]),
        outputs: BTreeMap::new(),
        channel_names: BTreeMap::new(),
        switched: Vec::new(),
        overrange: None,
    }
}

fn console() -> Capabilities {
    Capabilities {
        class: Class::Console,
        channel_names: BTreeMap::new(),
        switched: Vec::new(),
        overrange: None,
        driver: String::new(),
        model: "console".to_owned(),
        channels: Vec::new(),
        functions: BTreeMap::new(),
        outputs: BTreeMap::new(),
    }
}

fn scanner() -> Capabilities {
    Capabilities {
        class: Class::Dmm,
        driver: "keithley/daq6510".to_owned(),
        model: "Keithley DAQ6510".to_owned(),
        channels: vec![101, 102, 121],
        functions: BTreeMap::from([
            (Function::DcVoltage, function(&[101, 102], &["10 V"], &[])),
            (Function::DcCurrent, function(&[121], &["1 A"], &[])),
        ]),
        outputs: BTreeMap::new(),
        channel_names: BTreeMap::from([("vcc".to_owned(), 101), ("aux".to_owned(), 102)]),
        switched: Vec::new(),
        overrange: None,
    }
}

fn supply(model: &str, volts: &[&str], ovp: Option<&str>) -> Capabilities {
    let bounds = |maximum: &str, unit: &str| Bounds {
        minimum: quantity(&format!("0 {unit}")),
        maximum: quantity(&format!("{maximum} {unit}")),
        resolution: quantity(&format!("1 m{unit}")),
    };
    let channels: Vec<u32> = (1..).take(volts.len()).collect();
    let outputs = channels.iter().zip(volts).map(|(channel, volts)| {
        let output = OutputCapability {
            voltage_level: bounds(volts, "V"),
            current_limit: bounds("1.03", "A"),
            ovp_level: ovp.map(|ovp| bounds(ovp, "V")),
            ocp_enabled: ovp.is_some(),
        };
        (*channel, output)
    });
    Capabilities {
        class: Class::DcPower,
        driver: "test/supply".to_owned(),
        model: model.to_owned(),
        outputs: outputs.collect(),
        functions: BTreeMap::from([
            (Function::DcVoltage, function(&channels, &[], &[])),
            (Function::DcCurrent, function(&channels, &[], &[])),
        ]),
        channels,
        channel_names: BTreeMap::from([("board".to_owned(), 1)]),
        switched: Vec::new(),
        overrange: None,
    }
}

fn half_supply() -> Capabilities {
    Capabilities {
        functions: BTreeMap::new(),
        channels: vec![1, 2],
        ..supply("Acme PS2", &["30"], None)
    }
}

fn switch() -> Capabilities {
    let channels = vec![101, 102, 103];
    Capabilities {
        class: Class::Switch,
        driver: "test/switch".to_owned(),
        model: "Acme SW3".to_owned(),
        channels: channels.clone(),
        functions: BTreeMap::new(),
        outputs: BTreeMap::new(),
        channel_names: BTreeMap::from([("vcc".to_owned(), 101)]),
        switched: channels,
        overrange: None,
    }
}
