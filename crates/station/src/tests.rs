//! Station files: what is read, and what is refused, all in one go.

mod locks;
#[cfg(unix)]
mod prompts;

use crate::{CalibrationRule, Catalogue, Entry, Origin, Said, Station, StationParameter, parse};
use benchtop_instrument::{Class, RealClock};
use benchtop_procedure::{Ambient, LogicalName};
use std::path::Path;

fn shipped(model: &str) -> Entry {
    let file = format!("instruments/{model}/driver.toml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&file);
    Entry {
        text: std::fs::read_to_string(path).unwrap().into(),
        file,
        origin: Origin::Shipped,
    }
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    for model in ["keysight/34461a", "keysight/e36312a"] {
        catalogue.drivers.insert(model.to_owned(), shipped(model));
    }
    catalogue
}

#[test]
fn the_shipped_station_file_is_read_and_resolves() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/stations/bench-7.toml");
    let file = parse("bench-7.toml", &std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(
        (file.id.as_str(), file.calibration),
        ("BENCH-7", CalibrationRule::Refuse)
    );
    assert_eq!(file.targets[0].procedures.len(), 1);
    assert!(!file.targets[0].accept_simulated);
    let station = Station::real(&file, &catalogue(), RealClock::shared()).unwrap();
    let capabilities = station.capabilities();
    assert_eq!(capabilities[&LogicalName("psu".to_owned())].class, Class::DcPower);
    let order: Vec<String> = station.safe_order().iter().map(ToString::to_string).collect();
    assert_eq!(order, ["psu", "ammeter", "dmm"], "sources go off first");
}

#[test]
fn every_mistake_comes_out_in_one_go() {
    let text = r#"[station]
id = "B"
calibration = "perhaps"
safe_order = ["psy"]

[instruments.psu]
driver = "keysight/e36312a"
resource = "10.0.0.7:5025"
timeout = "0 s"
calibrated_on = 2027-01-01
calibration_due = 2026-01-01

[instruments.dmm]
driver = "keysight/34461a"
resource = "SIM::board-v3::dmm"
colour = "red"

[[sync.targets]]
name = "a"
kind = "tofupilot-v2"
"#;
    let findings = parse("s.toml", text).unwrap_err().render_short();
    let expected = [
        "s.toml:3:15: error: unknown calibration `perhaps`",
        "s.toml:4:15: error: there is no [instruments.psy] in this file",
        "s.toml:8:12: error: `10.0.0.7:5025` is not a resource name",
        "s.toml:9:11: error: expected a time above 0 s",
        "s.toml:11:19: error: it is due before it was calibrated",
        "s.toml:15:12: error: a simulated instrument is no resource of a station",
        "s.toml:16:1: error: unknown key `colour`",
        "error: missing key `url`",
    ];
    for line in expected {
        assert!(findings.contains(line), "{line}\nin\n{findings}");
    }
}

#[test]
fn the_targets_are_read_whatever_else_is_wrong() {
    let text = "colour = \"red\"\n[station]\n[[sync.targets]]\nname = \"a\"\nkind = \"s3\"\nurl = \"u\"\nca_file = 3\n\
                [[sync.targets]]\nname = \"b\"\n[[sync.targets]]\nname = \"c\"\nkind = \"x\"\nurl = \"v\"\n";
    assert!(parse("s.toml", text).is_err());
    let targets = crate::targets("s.toml", text);
    let read: Vec<_> = targets
        .iter()
        .map(|target| (target.name.value.as_str(), target.span.line(), target.url.span.line()))
        .collect();
    assert_eq!(read, [("a", 3, 6), ("c", 10, 13)]);
    assert!(crate::targets("s.toml", "[[[").is_empty());
}

#[test]
fn a_driver_that_there_is_not_is_named_at_its_place() {
    let text = "[station]\nid = \"B\"\n[instruments.dmm]\ndriver = \"keysight/34416a\"\nresource = \"TCPIP::h::5025::SOCKET\"\n";
    let file = parse("s.toml", text).unwrap();
    let findings = Station::real(&file, &catalogue(), RealClock::shared())
        .unwrap_err()
        .render_short();
    assert_eq!(
        findings,
        "s.toml:4:10: error: there is no driver `keysight/34416a`; did you mean `keysight/34461a`?\n"
    );
}

#[test]
fn rules_of_the_station_are_read_and_mistakes_in_them_are_found_in_one_go() {
    let digest = "ab".repeat(32);
    let good = format!(
        "[station]\nid = \"B\"\nmains = \"50 Hz\"\n[procedures.RAIL]\nversion = \"1.0.0\"\nsha256 = \"{digest}\"\n[procedures.ANY]\n\
         [parameters]\nload = \"5 A\"\ncount = 3\nhot = true\n"
    );
    let file = parse("s.toml", &good).unwrap();
    assert_eq!(file.mains.as_deref(), Some("50 Hz"));
    let allowed = file.procedures.unwrap().value;
    assert_eq!(allowed["RAIL"].sha256.as_ref().unwrap().value, digest);
    assert_eq!(allowed["ANY"].version, None);
    let parameters: Vec<_> = file
        .parameters
        .into_iter()
        .map(|(name, value)| (name, value.value))
        .collect();
    assert_eq!(
        parameters,
        [
            ("count".to_owned(), StationParameter::Number("3".to_owned())),
            ("hot".to_owned(), StationParameter::Boolean(true)),
            ("load".to_owned(), StationParameter::Text("5 A".to_owned())),
        ]
    );
    let bad = "[station]\nid = \"B\"\nmains = \"55 Hz\"\n[procedures.RAIL]\nsha256 = \"abc\"\nsha = 1\n[parameters]\nday = 2026-11-28\n";
    let findings = parse("s.toml", bad).unwrap_err().render_short();
    for line in [
        "s.toml:3:9: error: unknown power line `55 Hz`",
        "s.toml:5:10: error: this is no SHA-256",
        "s.toml:6:1: error: unknown key `sha`",
        "s.toml:8:7: error: the parameter `day` is none",
    ] {
        assert!(findings.contains(line), "{line}\nin\n{findings}");
    }
}

#[test]
fn what_a_station_says_of_its_meters_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/stations/bench-7.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("# calibrated_on   = 2026-03-01", "calibrated_on = 2026-03-01");
    let file = parse("bench-7.toml", &text).unwrap();
    assert_eq!(file.ambient, Ambient::Stated("23".parse().unwrap()));
    let station = Station::real(&file, &catalogue(), RealClock::shared()).unwrap();
    let metrology = station.metrology(&Said::of_file(&file));
    let dmm = &metrology.instruments[&LogicalName("dmm".to_owned())];
    assert_eq!(dmm.calibrated_on, "2026-03-01".parse().ok());
    assert_eq!(dmm.warm_up, Some(std::time::Duration::from_secs(3600)));
    assert_eq!(metrology.contributions.len(), 1);
    assert_eq!(
        metrology.contributions[0].instrument,
        Some(LogicalName("dmm".to_owned()))
    );
    let measured = text.replace("\"23 degC\"", "{ instrument = \"dmm\", channel = 3 }");
    let ambient = parse("bench-7.toml", &measured).unwrap().ambient;
    assert!(matches!(ambient, Ambient::Measured { channel: 3, .. }), "{ambient:?}");
}

#[test]
fn what_is_wrong_with_it_has_its_place() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/stations/bench-7.toml");
    let good = std::fs::read_to_string(path).unwrap();
    for (from, to, expected) in [
        ("\"23 degC\"", "\"23 V\"", "expected a temperature in degrees Celsius"),
        (
            "\"23 degC\"",
            "{ instrument = \"thermo\" }",
            "there is no [instruments.thermo] in this file",
        ),
        (
            "\"23 degC\"",
            "{ instrument = \"dmm\", channel = 0 }",
            "channels count from 1",
        ),
        ("warm_up         = \"1 h\"", "warm_up = \"1 V\"", "not a duration"),
        (
            "\"10 uV\"",
            "\"10 uA\"",
            "10 uA cannot be added to dc_voltage, which is in V",
        ),
        ("\"10 uV\"", "\"-10 uV\"", "a contribution is above 0"),
        ("\"rectangular\"", "\"square\"", "unknown distribution `square`"),
        (
            "function     = \"dc_voltage\"",
            "function = \"volts\"",
            "unknown function `volts`",
        ),
        (
            "instrument   = \"dmm\"",
            "instrument = \"dnm\"",
            "there is no [instruments.dnm] in this file",
        ),
        (
            "instrument   = \"dmm\"\nfunction     = \"dc_voltage\"",
            "",
            "it is not said what it is added to",
        ),
        (
            "[[contributions]]",
            "[[contributions]]\nfactor = 2",
            "unknown key `factor`",
        ),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(good, bad, "{from}");
        let findings = parse("bench-7.toml", &bad).unwrap_err().render_short();
        assert!(findings.contains(expected), "{expected}\nin\n{findings}");
        assert!(findings.starts_with("bench-7.toml:"), "{findings}");
    }
}

#[test]
fn a_shared_source_says_which_outputs_are_the_stations() {
    let station = |lines: &str| {
        let text = format!(
            "[station]\nid = \"B\"\n[instruments.psu]\ndriver = \"keysight/e36312a\"\nresource = \"TCPIP::h::5025::SOCKET\"\n{lines}"
        );
        let file = parse("s.toml", &text).map_err(|findings| findings.render_short())?;
        Station::real(&file, &catalogue(), RealClock::shared()).map_err(|findings| findings.render_short())
    };
    let refused = station("shared = true\n").unwrap_err();
    assert!(
        refused.contains("nothing says which outputs are this station's; channels = { board = 1 }"),
        "{refused}"
    );
    let refused = station("channels = { board = 4, \"@2\" = 2 }\n").unwrap_err();
    assert!(
        refused.contains("s.toml:6:25: error: a name does not begin with `@`"),
        "{refused}"
    );
    let refused = station("channels = { board = 4 }\n").unwrap_err();
    assert_eq!(
        refused,
        "s.toml:6:22: error: psu (Keysight E36312A) has channels 1-3, not 4\n"
    );
    let psu = LogicalName("psu".to_owned());
    let shared = station("shared = true\nchannels = { board = 2 }\n")
        .unwrap()
        .capabilities()
        .remove(&psu)
        .unwrap();
    assert_eq!((shared.channels, shared.outputs.len()), (vec![2], 1));
    assert_eq!(shared.channel_names.get("board"), Some(&2));
    let own = station("channels = { board = 2 }\n")
        .unwrap()
        .capabilities()
        .remove(&psu)
        .unwrap();
    assert_eq!(own.channels, [1, 2, 3], "names alone take nothing away");
}

const SLOTTED: &str = r#"[station]
id = "B"

[instruments.psu]
driver = "keysight/e36312a"
resource = "TCPIP0::10.0.0.7::5025::SOCKET"
channels = { second = 2 }

[instruments.dmm]
driver = "keysight/34461a"
resource = "TCPIP0::10.0.0.8::5025::SOCKET"

[consoles.uart_b]
argv = ["true"]

"#;

#[test]
fn slots_have_channels_and_consoles_of_their_own() {
    let slots = "[slots.A]\nfixture_id = \"FX-A\"\nchannels = { \"psu.1\" = \"@3\" }\n\
                 [slots.B]\nchannels = { \"psu.board\" = \"second\", \"dmm.1\" = 1 }\ninstruments = { uart = \"uart_b\" }\n";
    let file = parse("b.toml", &format!("{SLOTTED}{slots}")).unwrap();
    let station = Station::real(&file, &catalogue(), RealClock::shared()).unwrap();
    let own = |slot: &str| {
        let channels = station.slots()[slot].own.channels.iter();
        channels
            .map(|(channel, number)| (channel.to_string(), number.value))
            .collect::<Vec<_>>()
    };
    assert_eq!(station.slots()["A"].fixture_id.as_deref(), Some("FX-A"));
    assert_eq!(own("A"), [("psu.1".to_owned(), 3)]);
    assert_eq!(own("B"), [("dmm.1".to_owned(), 1), ("psu.board".to_owned(), 2)]);
    let stands = &station.slots()["B"].own.instruments[&LogicalName("uart".to_owned())];
    assert_eq!(stands.value.0, "uart_b");
}

#[test]
fn every_mistake_in_the_slots_comes_out_with_its_place() {
    let slots = "[slots.\"A b\"]\nfixture = \"x\"\n\
                 [slots.B]\nchannels = { psu.1 = 3, \"psx.1\" = 2, \"dmm\" = 1, \"psu.2\" = 0, \"psu.3\" = \"secnd\", \"psu.4\" = 1.5 }\n\
                 instruments = { uart = \"uart_c\" }\n";
    let findings = parse("b.toml", &format!("{SLOTTED}{slots}"))
        .unwrap_err()
        .render_short();
    for expected in [
        "b.toml:16:8: error: a slot is called by 1 to 30 letters, digits, `-` and `_`",
        "b.toml:17:1: error: unknown key `fixture`",
        "b.toml:19:14: error: expected an instrument and its channel; in quotes, as the procedure calls it",
        "b.toml:19:25: error: there is no [instruments.psx] in this file; did you mean `psu`?",
        "b.toml:19:38: error: expected an instrument and its channel",
        "b.toml:19:59: error: channels count from 1",
        "b.toml:19:72: error: psu has no channel `secnd`; did you mean `second`?",
        "b.toml:19:91: error: ",
        "b.toml:20:24: error: there is no [instruments.uart_c] in this file; did you mean `uart_b`?",
    ] {
        assert!(findings.contains(expected), "{expected}\n{findings}");
    }
}

#[test]
fn a_channel_is_one_slots_and_is_there() {
    let slots = "[slots.A]\nchannels = { \"psu.1\" = 3 }\n[slots.B]\nchannels = { \"psu.1\" = 3, \"psu.2\" = 4 }\n";
    let file = parse("b.toml", &format!("{SLOTTED}{slots}")).unwrap();
    let findings = Station::real(&file, &catalogue(), RealClock::shared()).unwrap_err();
    let findings = findings.render_short();
    for expected in [
        "b.toml:19:24: error: slots A and B have one channel: psu channel 3",
        "b.toml:19:37: error: slot B: psu (Keysight E36312A) has channels 1-3, not 4",
    ] {
        assert!(findings.contains(expected), "{expected}\n{findings}");
    }
}
