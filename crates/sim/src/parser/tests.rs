//! The parser against the standards' rules, and against anything at all.

use super::number::Number;
use super::*;
use crate::status::ScpiError;
use proptest::prelude::*;

fn tree() -> Tree {
    let mut tree = Tree::new();
    for (command, header) in [
        "[SENSe:]VOLTage[:DC]:RANGe[:UPPer]",
        "[SENSe:]VOLTage[:DC]:RANGe:AUTO",
        "[SENSe:]VOLTage[:DC]:NPLC",
        "TRIGger:SOURce",
        "TRIGger:COUNt",
        "SAMPle:COUNt",
        "STATus:QUEStionable:INSTrument:ISUMmary<n>:CONDition",
        "*IDN",
        "R",
    ]
    .iter()
    .enumerate()
    {
        tree.insert(header, Forms::Both, command).unwrap();
    }
    tree
}

/// Walks a message; each unit is its command's number and suffix, or the error.
fn walk(message: &str) -> Vec<Result<(usize, u32), i16>> {
    let (tree, mut path, mut rest, mut found) = (tree(), Path::default(), Some(message), Vec::new());
    while let Some(text) = rest {
        let (unit, tail) = split_unit(text);
        rest = tail;
        match Unit::parse(unit) {
            Ok(None) => {}
            Err(error) => found.push(Err(error.code)),
            Ok(Some(unit)) => {
                let from = if unit.from_root { Path::default() } else { path };
                found.push(match tree.find(from, &unit.mnemonics, unit.query) {
                    Ok(hit) => {
                        path = hit.path;
                        Ok((hit.command, hit.suffix.unwrap_or(1)))
                    }
                    Err(error) => Err(error.code),
                });
            }
        }
    }
    found
}

#[test]
fn short_and_long_forms_are_headers_in_any_case_and_nothing_between() {
    for message in [
        "VOLT:RANG 1",
        "volt:dc:rang 1",
        "SENS:VOLT:DC:RANG:UPP 1",
        "Sense:Voltage:Range:Upper 1",
        ":VOLTAGE:RANGE?",
        " \tVOLT:RANG\t1",
    ] {
        assert_eq!(walk(message), [Ok((0, 1))], "{message}");
    }
    for message in [
        "VOLTA:RANG 1",
        "VOL:RANG 1",
        "VOLT:RANGE:UPPE 1",
        "SENS:RANG 1",
        "VOLT2:RANG 1",
        "DC:RANG 1",
    ] {
        assert!(matches!(walk(message)[..], [Err(-113 | -114)]), "{message}");
    }
}

#[test]
fn a_semicolon_keeps_the_path_and_a_colon_returns_to_the_root() {
    // from the Truevolt guide, Command Separators
    assert_eq!(walk("TRIG:SOUR EXT;COUNT 10"), [Ok((3, 1)), Ok((4, 1))]);
    assert_eq!(walk("TRIG:COUN MIN;:SAMP:COUN MIN"), [Ok((4, 1)), Ok((5, 1))]);
    assert_eq!(walk("TRIG:COUN MIN;SAMP:COUN MIN"), [Ok((4, 1)), Err(-113)]);
    // the default node was not sent and does not count
    assert_eq!(walk("VOLT:RANG 1;NPLC 10"), [Ok((0, 1)), Ok((2, 1))]);
    assert_eq!(walk("VOLT:DC:RANG:AUTO 1;UPP 10"), [Ok((1, 1)), Ok((0, 1))]);
    assert_eq!(walk("VOLT:RANG 1;DC:NPLC 10"), [Ok((0, 1)), Ok((2, 1))]);
    // common commands leave the path alone
    assert_eq!(walk("TRIG:SOUR IMM;*IDN?;COUN 1"), [Ok((3, 1)), Ok((7, 1)), Ok((4, 1))]);
    assert_eq!(walk(";;TRIG:SOUR IMM;;COUN 1;"), [Ok((3, 1)), Ok((4, 1))]);
}

#[test]
fn a_number_in_a_header_is_taken_where_the_header_has_one() {
    assert_eq!(walk("STAT:QUES:INST:ISUM2:COND?"), [Ok((6, 2))]);
    assert_eq!(walk("STAT:QUES:INST:ISUMMARY3:COND?;COND?"), [Ok((6, 3)), Ok((6, 3))]);
    assert_eq!(walk("STAT:QUES:INST:ISUM:COND?"), [Ok((6, 1))]);
    assert_eq!(walk("TRIG2:SOUR IMM"), [Err(-114)]);
    assert_eq!(walk("TRIG1:SOUR1 IMM"), [Ok((3, 1))]);
    assert_eq!(walk("STAT:QUES:INST:ISUM99999999:COND?"), [Ok((6, 99_999_999))]);
}

#[test]
fn what_is_no_header_is_named() {
    for (message, code) in [
        ("VOLT:RANG,1", -111),
        ("VOLT:RANG(1)", -111),
        ("VOLT:RANG?MAX", -111),
        ("VOLT::RANG 1", -102),
        ("VOLT:RANG: 1", -102),
        ("1VOLT 1", -102),
        ("?", -102),
        ("VOLT??", -102),
        (":*IDN?", -102),
        ("$", -101),
        ("V\u{fffd}LT 1", -101),
        ("VOLTAGEVOLTAGE 1", -112),
        ("FOO", -113),
    ] {
        assert_eq!(walk(message), [Err(code)], "{message}");
    }
}

#[test]
fn two_headers_that_look_alike_are_refused_when_they_are_entered() {
    let mut tree = tree();
    assert!(tree.insert("TRIGger:SOURce", Forms::Query, 99).is_err());
    assert!(tree.insert("TRIGgering:DELay", Forms::Both, 99).is_err());
    assert!(tree.insert("VOLT[age:DC", Forms::Both, 99).is_err());
    assert!(tree.insert("voltage", Forms::Both, 99).is_err());
}

fn number(text: &str, dimension: Dimension) -> Result<f64, i16> {
    let number = Number::parse(text).map_err(|error| error.code)?;
    number.in_unit(dimension).map_err(|error| error.code)
}

#[test]
fn units_and_multipliers_are_those_of_scpi() {
    use Dimension::{Amperes, Hertz, None, Ohms, Seconds, Volts};
    for (text, dimension, expected) in [
        ("10", None, Ok(10.0)),
        ("+1.5E-3", None, Ok(1.5e-3)),
        (".5", None, Ok(0.5)),
        ("5.", None, Ok(5.0)),
        ("1 E 3", None, Ok(1e3)),
        ("1e+02", None, Ok(100.0)),
        ("10 MV", Volts, Ok(0.01)),
        ("10mv", Volts, Ok(0.01)),
        ("10 MAV", Volts, Ok(10e6)),
        ("10 MA", Amperes, Ok(0.01)),
        ("10 UA", Amperes, Ok(10e-6)),
        ("1 MOHM", Ohms, Ok(1e6)),
        ("1 MAOHM", Ohms, Ok(1e6)),
        ("1 kohm", Ohms, Ok(1e3)),
        ("3 MHZ", Hertz, Ok(3e6)),
        ("20 MS", Seconds, Ok(0.02)),
        ("20 msec", Seconds, Ok(0.02)),
        ("5E0V", Volts, Ok(5.0)),
        ("1 A", Volts, Err(-131)),
        ("1 XV", Volts, Err(-131)),
        ("1 K", Volts, Err(-131)),
        ("1 V", None, Err(-138)),
        ("1.2.3", None, Err(-121)),
        ("1,5", None, Err(-121)),
        ("--1", None, Err(-121)),
        (".", None, Err(-121)),
        ("1E99999", None, Err(-123)),
        ("1E400", None, Ok(f64::INFINITY)),
    ] {
        assert_eq!(number(text, dimension), expected, "{text}");
    }
    assert_eq!(number(&"1".repeat(256), None), Err(-124));
}

/// What one argument is, or its error.
fn argument<T>(text: &str, read: impl FnOnce(&Argument<'_>) -> Result<T, ScpiError>) -> Result<T, i16> {
    let mut arguments = Arguments::parse(text).map_err(|error| error.code)?;
    let argument = arguments.required().map_err(|error| error.code)?;
    let value = read(&argument).map_err(|error| error.code)?;
    arguments.end().map_err(|error| error.code)?;
    Ok(value)
}

#[test]
fn arguments_are_read_as_what_the_command_wants() {
    for (text, expected) in [
        ("ON", Ok(true)),
        ("off", Ok(false)),
        ("1", Ok(true)),
        ("0.4", Ok(false)),
        ("-7", Ok(true)),
        ("#B1", Ok(true)),
        ("ONCE", Err(-224)),
        ("'ON'", Err(-158)),
        ("", Err(-109)),
        ("ON,OFF", Err(-108)),
        ("ON OFF", Err(-103)),
        ("ON,", Err(-102)),
        ("O$", Err(-141)),
        ("VERYVERYLONGWORD", Err(-144)),
    ] {
        assert_eq!(argument(text, |argument| argument.boolean()), expected, "{text}");
    }
    for (text, expected) in [
        ("\"VOLT:DC\"", Ok("VOLT:DC")),
        ("'VOLT'", Ok("VOLT")),
        ("'it''s'", Ok("it's")),
        ("\"a;b,c(d\"", Ok("a;b,c(d")),
        ("''", Ok("")),
        ("\"open", Err(-151)),
        ("\"a\"b", Err(-103)),
        ("VOLT", Err(-148)),
        ("5", Err(-128)),
    ] {
        let found = argument(text, |argument| argument.text().map(str::to_owned));
        assert_eq!(found.as_deref().map_err(|code| *code), expected, "{text}");
    }
    let sources = [("IMMediate", 1), ("BUS", 2)];
    for (text, expected) in [
        ("imm", Ok(1)),
        ("IMMEDIATE", Ok(1)),
        ("BUS", Ok(2)),
        ("IMMED", Err(-224)),
        ("1", Err(-128)),
    ] {
        assert_eq!(argument(text, |argument| argument.choice(&sources)), expected, "{text}");
    }
    let bounds = Bounds {
        minimum: 0.0,
        maximum: 6.18,
        default: 1.0,
    };
    for (text, expected) in [
        ("MIN", Ok(0.0)),
        ("maximum", Ok(6.18)),
        ("DEF", Ok(1.0)),
        ("5 V", Ok(5.0)),
        ("6.19", Err(-222)),
        ("-1", Err(-222)),
        ("1E400", Err(-222)),
        ("UP", Err(-224)),
        ("#Habc", Err(-222)),
        ("#15hello", Err(-168)),
        ("(@1)", Err(-178)),
    ] {
        assert_eq!(
            argument(text, |argument| argument.bounded(Dimension::Volts, &bounds)),
            expected,
            "{text}"
        );
    }
}

fn channels(text: &str) -> Result<Option<Vec<u32>>, i16> {
    let mut arguments = Arguments::parse(text).map_err(|error| error.code)?;
    arguments.channels(3).map_err(|error| error.code)
}

#[test]
fn channel_lists_name_channels_in_order() {
    for (text, expected) in [
        ("(@1)", Ok(Some(vec![1]))),
        ("5, (@1:3)", Ok(Some(vec![1, 2, 3]))),
        ("5,(@ 3 , 1 )", Ok(Some(vec![3, 1]))),
        ("(@3:1)", Ok(Some(vec![3, 2, 1]))),
        ("5", Ok(None)),
        ("", Ok(None)),
        ("(@4)", Err(-222)),
        ("(@0)", Err(-222)),
        ("(@1:4000000000)", Err(-222)),
        ("(@99999999999999)", Err(-222)),
        ("(@)", Err(-171)),
        ("(1)", Err(-171)),
        ("(@1", Err(-171)),
        ("(@a)", Err(-171)),
    ] {
        assert_eq!(channels(text), expected, "{text}");
    }
}

fn received(pieces: &[&[u8]], lone_cr_ends: bool) -> Vec<Received> {
    let mut input = Input::new(lone_cr_ends);
    pieces.iter().for_each(|piece| input.push(piece));
    std::iter::from_fn(|| input.take()).collect()
}

fn message(text: &str) -> Received {
    Received::Message(text.to_owned())
}

#[test]
fn messages_are_cut_at_line_feeds_however_they_come() {
    let check = |pieces: &[&[u8]], expected: &[Received]| assert_eq!(received(pieces, false), expected);
    check(&[b"*IDN?\n"], &[message("*IDN?")]);
    check(&[b"*IDN?\r\n*CLS\n\n\r\n"], &[message("*IDN?"), message("*CLS")]);
    check(&[b"*I", b"DN", b"?", b"\n"], &[message("*IDN?")]);
    check(&[b"*IDN?"], &[]);
    check(&[b"a\rb\n"], &[message("a\rb")]);
    assert_eq!(
        received(&[b"a\rb\r\nc\r"], true),
        [message("a"), message("b"), message("c")]
    );
}

#[test]
fn a_message_that_is_too_long_is_dropped_to_its_end_and_reported_once() {
    let mut input = Input::new(false);
    let piece = vec![b'A'; 4096];
    for _ in 0..1000 {
        input.push(&piece);
        assert!(input.held() <= 2 * MAX_MESSAGE);
    }
    input.push(b"\n*IDN?\n");
    assert_eq!(input.take(), Some(Received::Overrun));
    assert_eq!(input.take(), Some(message("*IDN?")));
    assert_eq!(input.take(), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_grow(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut input = Input::new(false);
        let mut length = 0;
        for piece in &pieces {
            length += piece.len();
            input.push(piece);
        }
        let mut taken = 0;
        while let Some(received) = input.take() {
            if let Received::Message(text) = received {
                taken += text.chars().count();
                walk(&text);
                drop(Arguments::parse(&text));
            }
        }
        prop_assert!(taken <= length);
    }

    #[test]
    fn no_scpi_like_text_makes_it_panic(text in "[A-Za-z0-9*:;?,.'\"()@#+ \\-]{0,80}") {
        walk(&text);
        if let Ok(mut arguments) = Arguments::parse(&text) {
            drop(arguments.channels(3));
            while let Some(argument) = arguments.optional() {
                let readable = [
                    argument.number(Dimension::Volts).is_ok(),
                    argument.boolean().is_ok(),
                    argument.word().is_ok(),
                    argument.text().is_ok(),
                ];
                prop_assert!(readable.len() == 4);
            }
        }
    }
}

#[test]
fn headers_are_listed_in_every_way_that_they_may_be_sent() {
    let mut tree = Tree::new();
    tree.insert("[SENSe:]VOLTage[:DC]:NPLC", Forms::Both, 0).unwrap();
    tree.insert("*RST", Forms::Set, 1).unwrap();
    tree.insert("ISUMmary<n>:CONDition", Forms::Query, 2).unwrap();
    let expected = [
        "*RST",
        "ISUMmary<n>:CONDition?",
        "SENSe:VOLTage:DC:NPLC",
        "SENSe:VOLTage:DC:NPLC?",
        "SENSe:VOLTage:NPLC",
        "SENSe:VOLTage:NPLC?",
        "VOLTage:DC:NPLC",
        "VOLTage:DC:NPLC?",
        "VOLTage:NPLC",
        "VOLTage:NPLC?",
    ];
    assert_eq!(tree.headers(), expected);
}
