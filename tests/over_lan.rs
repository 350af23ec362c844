//! The same over VXI-11: a simulated bench in one process, the run in another.

use crate::testkit::{Served, benchtop, done, only_record, station_of, write};

#[test]
fn the_procedure_runs_over_vxi11_as_it_does_in_process() {
    let served = Served::what(&["board-v3", "--serial", "UNIT-5501", "--vxi11", "127.0.0.1:0"]);
    write(
        &served.station,
        &station_of(&served, |resource| resource.contains("::inst")),
    );
    let run = done(&mut served.run("UNIT-5501"));
    assert_eq!(run.code, Some(0), "{run}");
    let record = only_record(&served.store());
    assert_eq!(
        (&record["outcome"], &record["simulated"]),
        (&"PASS".into(), &true.into())
    );
    for instrument in record["instruments"].as_array().unwrap() {
        assert!(
            instrument["resource"].as_str().unwrap().ends_with("::INSTR"),
            "{instrument}"
        );
    }
    assert!(!served.output_is_on());
    // a unit with a fault is found out, a supply that trips is no PASS
    let resource = |name: &str| {
        let fits = |(known, resource): &&(String, String)| known == name && resource.contains("::inst");
        served.resources.iter().find(fits).unwrap().1.clone()
    };
    let identity = done(benchtop().args(["query", &resource("dmm"), "*IDN?"]));
    assert!(identity.out.contains(",34461A,SIM-"), "{identity}");
    served.fault("dmm", "drop_connection");
    let dropped = done(benchtop().args(["query", &resource("dmm"), "*IDN?"]));
    assert_eq!(dropped.code, Some(3), "{dropped}");
    served.fault("dmm", "clear");
    let nobody = resource("dmm").replace("inst1", "inst9");
    let refused = done(benchtop().args(["query", &nobody, "*IDN?"]));
    assert!(
        refused.err.contains("there is no such device behind this address"),
        "{refused}"
    );
}
