use super::super::*;
use super::{Connected, Input, Network};
use crate::dc_power::Regulation;
use proptest::prelude::*;

const SUPPLY: Node = 1;
const INPUT: Node = 2;
const RAIL: Node = 3;

fn wire(from: Node, to: Node, ohms: f64) -> Branch {
    Branch {
        from,
        to,
        ohms,
        when: None,
    }
}

fn load(node: Node, draws: Draws, amperes: f64, volts: f64) -> Load {
    Load {
        node,
        draws,
        amperes,
        volts,
        ohms: volts / amperes,
        when: None,
    }
}

/// 5 V through a wire into a 3.3 V regulator with 45 mA on it.
fn board(minimum_input: f64) -> Circuit {
    Circuit {
        nodes: 4,
        branches: vec![wire(SUPPLY, INPUT, 0.0)],
        rails: vec![Rail {
            from: INPUT,
            to: RAIL,
            level: 3.3,
            dropout: 0.3,
            minimum_input,
            ..Rail::default()
        }],
        loads: vec![load(RAIL, Draws::InProportion, 0.045, 3.3)],
        capacitors: Vec::new(),
    }
}

/// A source into a resistance with a capacitor behind it.
fn rc(ohms: f64, farads: f64) -> Circuit {
    Circuit {
        nodes: 3,
        branches: vec![wire(SUPPLY, INPUT, ohms)],
        capacitors: vec![Capacitor { node: INPUT, farads }],
        ..Circuit::default()
    }
}

fn source(volts: f64, limit: f64, on: bool) -> Source {
    Source {
        node: Some(SUPPLY),
        volts,
        limit,
        on,
    }
}

fn supplied(circuit: Circuit, source: Source, shunts: &[f64]) -> Network {
    let mut network = Network::new(circuit);
    network.connect(Connected {
        sources: vec![source],
        shunts: shunts.to_vec(),
        inputs: Vec::new(),
    });
    network
}

fn near(what: &str, found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{what}: {found}, not {expected}");
}

fn check(source: Source, shunt: f64, rail: f64, amperes: f64, volts: f64, regulation: Regulation) {
    let network = supplied(board(0.0), source, &[shunt]);
    let found = network.solution();
    let output = found.outputs[0];
    near("rail", found.volts_at(RAIL), rail, 1e-9);
    near("branch", found.amperes_in(0), amperes, 1e-9);
    near("output current", output.amperes, amperes, 1e-9);
    near("output voltage", output.volts, volts, 1e-9);
    assert_eq!(output.regulation, regulation);
}

#[test]
fn the_board_follows_its_supply() {
    check(source(5.0, 0.5, true), 0.0, 3.3, 0.045, 5.0, Regulation::Voltage);
    check(source(5.0, 0.5, false), 0.0, 0.0, 0.0, 0.0, Regulation::Off);
    // in drop-out the rail follows the input, and the load the rail
    let amperes = 0.045 * 2.0 / 3.3;
    check(source(2.3, 0.5, true), 0.0, 2.0, amperes, 2.3, Regulation::Voltage);
    // a shunt takes its share of the input, which the regulator makes good
    check(source(5.0, 0.5, true), 2.0, 3.3, 0.045, 5.0, Regulation::Voltage);
    // the current limit pulls the voltage down: 20 mA are 1.4667 V on the rail
    let rail = 3.3 * 20.0 / 45.0;
    check(
        source(5.0, 0.02, true),
        0.0,
        rail,
        0.02,
        rail + 0.3,
        Regulation::Current,
    );
}

#[test]
fn a_board_below_its_minimum_input_is_dead() {
    let dead = supplied(board(4.5), source(4.4, 0.5, true), &[0.0]);
    near("rail", dead.solution().volts_at(RAIL), 0.0, 1e-9);
    near("branch", dead.solution().amperes_in(0), 0.0, 1e-9);
    near("input", dead.solution().volts_at(INPUT), 4.4, 1e-9);
    // a current limit that the board cannot start under holds it at the edge, with what there is
    let limited = supplied(board(4.5), source(5.0, 0.02, true), &[0.0]);
    assert_eq!(limited.solution().outputs[0].regulation, Regulation::Current);
    near("input", limited.solution().volts_at(INPUT), 4.5, 1e-3);
    near("rail", limited.solution().volts_at(RAIL), 3.3 * 20.0 / 45.0, 1e-6);
    // so does a resistance
    let starved = supplied(board(3.0), source(5.0, 0.5, true), &[100.0]);
    near("input", starved.solution().volts_at(INPUT), 3.0, 1e-3);
    near("branch", starved.solution().amperes_in(0), 0.02, 1e-5);
}

#[test]
fn an_output_without_a_node_holds_its_voltage() {
    let open = Source {
        node: None,
        ..source(5.0, 0.5, true)
    };
    let network = supplied(Circuit::default(), open, &[]);
    near("output", network.solution().outputs[0].volts, 5.0, 1e-12);
}

#[test]
fn a_capacitor_charges_as_the_exponential_says() {
    let (ohms, farads) = (1e3, 10e-6);
    let mut network = supplied(rc(ohms, farads), source(5.0, 1.0, true), &[0.0]);
    near("at once", network.solution().volts_at(INPUT), 0.0, 1e-6);
    near("inrush", network.solution().outputs[0].amperes, 5e-3, 1e-8);
    let mut since = 0.0;
    for step in [1e-6, 99e-6, 0.9e-3, 2e-3, 7e-3, 10e-3, 30e-3, 50e-3] {
        network.flow(step, |_, _| ());
        since += step;
        let expected = -5.0 * (-since / (ohms * farads)).exp_m1();
        near(
            &format!("after {since} s"),
            network.solution().volts_at(INPUT),
            expected,
            1e-6,
        );
    }
    network.flow(1.0, |_, _| ());
    assert!(network.is_settled());
    near("in the end", network.solution().volts_at(INPUT), 5.0, 1e-7);
    // switched off, nothing discharges it but the insulation
    network.connect(Connected {
        sources: vec![source(5.0, 1.0, false)],
        shunts: vec![0.0],
        inputs: Vec::new(),
    });
    network.flow(60.0, |_, _| ());
    near("an hour later", network.solution().volts_at(INPUT), 5.0, 1e-3);
    // a meter does: 10 MOhm and 10 uF are 100 s
    network.connect(Connected {
        sources: vec![source(5.0, 1.0, false)],
        shunts: vec![0.0],
        inputs: vec![Input {
            high: INPUT,
            low: GROUND,
            siemens: 1e-7,
        }],
    });
    network.flow(100.0, |_, _| ());
    near(
        "a time constant later",
        network.solution().volts_at(INPUT),
        5.0 * (-1.0_f64).exp(),
        1e-3,
    );
}

#[test]
fn a_supply_in_current_limit_charges_in_a_straight_line() {
    // 100 mA into 1 mF are 100 V/s
    let mut network = supplied(rc(0.1, 1e-3), source(5.0, 0.1, true), &[0.0]);
    assert_eq!(network.solution().outputs[0].regulation, Regulation::Current);
    network.flow(20e-3, |_, _| ());
    near("half way", network.solution().volts_at(INPUT), 2.0, 1e-6);
    network.flow(40e-3, |_, _| ());
    near("in the end", network.solution().volts_at(INPUT), 5.0, 1e-6);
    assert_eq!(network.solution().outputs[0].regulation, Regulation::Voltage);
}

#[test]
fn many_short_times_are_as_good_as_one_long_one() {
    let after = |parts: u32| {
        let mut network = supplied(rc(1e3, 10e-6), source(5.0, 1.0, true), &[0.0]);
        for _ in 0..parts {
            network.flow(15e-3 / f64::from(parts), |_, _| ());
        }
        network.solution().volts_at(INPUT)
    };
    near("in a thousand parts", after(1000), after(1), 1e-6);
}

#[test]
fn a_contact_follows_its_coil() {
    // the supply is the coil and what it switches: 50 ohms on the rail above 4 V, until below 2 V
    let mut circuit = board(0.0);
    let when = Some(Switch {
        node: SUPPLY,
        above: 4.0,
        below: 2.0,
    });
    circuit.loads.push(Load {
        when,
        ..load(RAIL, Draws::Constant, 0.1, 1.0)
    });
    let mut network = Network::new(circuit);
    for (volts, amperes) in [
        (3.9, 0.045),
        (4.1, 0.145),
        (3.65, 0.145),
        (1.9, 0.045 * 1.6 / 3.3),
        (3.9, 0.045),
    ] {
        network.connect(Connected {
            sources: vec![source(volts, 0.5, true)],
            shunts: vec![0.0],
            inputs: Vec::new(),
        });
        near(
            &format!("{volts} V"),
            network.solution().outputs[0].amperes,
            amperes,
            1e-9,
        );
    }
}

#[test]
fn a_load_that_waits_for_a_rail_comes_on_while_it_charges() {
    let mut circuit = rc(1e3, 10e-6);
    circuit.loads.push(Load {
        when: Some(Switch {
            node: INPUT,
            above: 2.0,
            below: 1.0,
        }),
        ..load(INPUT, Draws::Resistance, 1.0, 1e3)
    });
    // towards 5 V until 2 V, which is after -ln(0.6) tau; then towards 2.5 V with half of tau
    let mut network = supplied(circuit, source(5.0, 1.0, true), &[0.0]);
    network.flow(10e-3, |_, _| ());
    let later: f64 = 10e-3 + 0.6_f64.ln() * 10e-3;
    let expected = 2.5 - 0.5 * (-later / 5e-3).exp();
    near("later", network.solution().volts_at(INPUT), expected, 1e-3);
}

#[test]
fn resistance_is_what_lies_between_two_nodes() {
    // a bridge of five resistors, which no series and parallel connection resolves
    let bridge = Circuit {
        nodes: 4,
        branches: vec![
            wire(1, 2, 100.0),
            wire(1, 3, 200.0),
            wire(2, 3, 50.0),
            wire(2, GROUND, 300.0),
            wire(3, GROUND, 100.0),
        ],
        ..Circuit::default()
    };
    let network = Network::new(bridge);
    // star of the upper triangle: 100*200/350, 100*50/350, 200*50/350
    let (top, left, right) = (20_000.0 / 350.0, 5_000.0 / 350.0 + 300.0, 10_000.0 / 350.0 + 100.0);
    near(
        "bridge",
        network.resistance(1, GROUND),
        top + left * right / (left + right),
        1e-6,
    );
    let network = Network::new(board(3.0));
    near("load of a rail", network.resistance(RAIL, GROUND), 3.3 / 0.045, 1e-6);
    assert!(network.resistance(INPUT, GROUND).is_infinite());
}

#[test]
fn a_wheatstone_of_wires_without_resistance_shares_its_current() {
    let mut circuit = board(0.0);
    circuit.branches.push(wire(SUPPLY, INPUT, 0.0));
    let network = supplied(circuit, source(5.0, 0.5, true), &[0.0, 0.0]);
    near("one wire", network.solution().amperes_in(0), 0.0225, 1e-6);
    near("the other", network.solution().amperes_in(1), 0.0225, 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever hangs on the supply: a limit holds, no regulator gives more than its level, and it comes to rest.
    #[test]
    fn every_bench_has_a_solution(
        volts in 0.0..20.0_f64,
        limit in 0.001..2.0_f64,
        line in 0.0..5.0_f64,
        rails in proptest::collection::vec((0.0..6.0_f64, 0.0..2.0_f64, 0.0..6.0_f64, 0.0..1.0_f64, 0.001..1.0_f64, 0_u8..3, 1e-7..1e-3_f64), 1..6),
        chained: bool,
    ) {
        let mut circuit = Circuit { nodes: 3 + rails.len(), branches: vec![wire(SUPPLY, INPUT, line)], ..Circuit::default() };
        for (number, (level, dropout, minimum_input, ohms, amperes, draws, farads)) in rails.iter().copied().enumerate() {
            let to = 3 + number;
            let from = if chained && number > 0 { 2 + number } else { INPUT };
            circuit.rails.push(Rail { from, to, level, dropout, minimum_input, ohms, ..Rail::default() });
            let draws = [Draws::InProportion, Draws::Constant, Draws::Resistance][usize::from(draws)];
            circuit.loads.push(load(to, draws, amperes, level.max(0.1)));
            circuit.capacitors.push(Capacitor { node: to, farads });
        }
        let mut network = supplied(circuit, source(volts, limit, true), &[0.0]);
        for seconds in [1e-5, 1e-3, 0.1, 1.0, 100.0, 1e4] {
            let mut steps = 0;
            network.flow(seconds, |_, _| steps += 1);
            prop_assert!(steps < 2000, "{steps} steps");
            let output = network.solution().outputs[0];
            prop_assert!(output.amperes <= limit + 1e-6, "{} A of {limit}", output.amperes);
            prop_assert!(output.volts <= volts + 1e-6, "{} V of {volts}", output.volts);
            for (number, (level, ..)) in rails.iter().enumerate() {
                let rail = network.solution().volts_at(3 + number);
                prop_assert!((-1e-6..=level + 1e-6).contains(&rail), "{rail} V of {level}");
            }
        }
        prop_assert!(network.is_settled());
    }
}
