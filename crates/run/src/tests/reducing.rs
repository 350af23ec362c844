//! Arrays, and the numbers that stand for them, while they run.

use super::rig::{Ran, Rig};
use crate::{MeasurementOutcome, MeasurementTaken, ReadingWord, RunOutcome, StepOutcome};
use benchtop_procedure::Value;

fn of<'r>(ran: &'r Ran, name: &str) -> &'r MeasurementTaken {
    ran.measurements().find(|taken| taken.name == name).unwrap()
}

fn number(text: &str) -> Option<Value> {
    Some(Value::Number(text.parse().unwrap()))
}

/// A query of the meter whose answer is an array with these reductions.
fn asked(answers: &[u8], how: &str, reductions: &str) -> Rig {
    let step = format!(
        "[[steps]]\nname = \"Wave\"\nquery = {{ instrument = \"dmm\", message = \"FETC?\", measurements = [{{ name = \"wave\", \
         {how}, unit = \"mV\", reduce = [{reductions}] }}] }}\n"
    );
    Rig::new()
        .answers(answers)
        .procedure("[[teardown]]", &format!("{step}\n[[teardown]]"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_array_is_recorded_and_its_reductions_are_judged() {
    let reductions = "{ name = \"pp\", by = \"peak_to_peak\", limit = { high = 4 } }, \
                      { name = \"top\", by = \"max\", unit = \"V\", limit = { high = \"2 mV\" } }, \
                      { name = \"many\", by = \"count\", limit = { equals = 4 } }, \
                      { name = \"median\", by = \"percentile\", p = 50 }";
    let ran = asked(b"1.0, -2.0, 3.0, 0.5", "kind = \"numbers\"", reductions)
        .run()
        .await;
    assert_eq!(ran.outcome(), RunOutcome::Fail);
    assert_eq!(ran.step("Wave"), StepOutcome::Fail);
    let wave = of(&ran, "wave");
    assert!(matches!(&wave.value, Some(Value::Numbers(numbers)) if numbers.len() == 4));
    assert_eq!(
        (wave.outcome, wave.reduction.is_none()),
        (MeasurementOutcome::Unset, true)
    );
    for (name, value, outcome) in [
        ("pp", "5", MeasurementOutcome::Fail),
        ("top", "0.003", MeasurementOutcome::Fail),
        ("many", "4", MeasurementOutcome::Pass),
        ("median", "0.75", MeasurementOutcome::Unset),
    ] {
        let taken = of(&ran, name);
        assert_eq!((&taken.value, taken.outcome), (&number(value), outcome), "{name}");
        assert_eq!(taken.reduction.as_ref().unwrap().of, "wave");
    }
    assert_eq!(
        of(&ran, "pp").reason.as_deref(),
        Some("5 mV is above the high limit 4 mV")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_of_an_answer_is_an_array() {
    let mut answer = b"#212".to_vec();
    for value in [1.5_f32, -0.1, 3e-3] {
        answer.extend(value.to_le_bytes());
    }
    let how = "block = { format = \"float32\", byte_order = \"little\", scale = \"1 V\" }";
    let ran = asked(
        &answer,
        how,
        "{ name = \"low\", by = \"min\", limit = { equals = -100 } }",
    )
    .run()
    .await;
    assert_eq!(ran.outcome(), RunOutcome::Pass, "{:?}", of(&ran, "wave"));
    assert_eq!(of(&ran, "wave").raw.as_deref(), Some("#212 and 12 bytes"));
    // one that was cut short judges nothing
    let ran = asked(
        &answer[..13],
        how,
        "{ name = \"low\", by = \"min\", limit = { equals = -100 } }",
    )
    .run()
    .await;
    assert_eq!(ran.step("Wave"), StepOutcome::Error);
    let low = of(&ran, "low");
    assert_eq!((low.outcome, &low.value), (MeasurementOutcome::Unset, &None));
    assert_eq!(
        low.reason.as_deref(),
        Some("wave has no numbers: a block of 12 bytes has 9")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_no_number_passes_through_a_reduction() {
    for (answer, expected) in [
        (&b"1, 9.91E37, 2"[..], "beyond the range, or no number"),
        (b"1, NaN", "is no number"),
        (b"1, 9.9E37", "beyond the range, or no number"),
        (b"", "is no number"),
    ] {
        let reductions = "{ name = \"any\", by = \"count\", limit = { low = 0 } }";
        let ran = asked(answer, "kind = \"numbers\"", reductions).run().await;
        assert_eq!(ran.outcome(), RunOutcome::Error, "{answer:?}");
        let any = of(&ran, "any");
        assert_eq!(any.outcome, MeasurementOutcome::Unset);
        assert!(any.reason.as_ref().unwrap().contains(expected), "{any:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_of_a_reading_are_an_array() {
    let with = "samples = 4\nreduce = [{ name = \"pp\", by = \"peak_to_peak\", unit = \"mV\", limit = { high = 5 } }]\nunit = \"V\"";
    let rig = || Rig::new().procedure("unit = \"V\"", with);
    let ran = rig().samples(&["3.300", "3.302", "3.299", "3.301"]).run().await;
    assert_eq!(ran.outcome(), RunOutcome::Pass);
    assert_eq!(of(&ran, "vcc_3v3").value, number("3.3005"));
    assert_eq!(
        (&of(&ran, "pp").value, of(&ran, "pp").outcome),
        (&number("3"), MeasurementOutcome::Pass)
    );
    let ran = rig().samples(&["3.300", "3.306", "3.299", "3.301"]).run().await;
    assert_eq!(
        (ran.outcome(), of(&ran, "pp").outcome),
        (RunOutcome::Fail, MeasurementOutcome::Fail)
    );
    // beyond the range there is nothing to compare
    let ran = rig().reads("9.9E37").run().await;
    assert_eq!(of(&ran, "pp").outcome, MeasurementOutcome::Fail);
    assert_eq!(of(&ran, "pp").reading_kind, ReadingWord::OverrangePositive);
    let ran = rig().reads("9.91E37").run().await;
    assert_eq!(
        (ran.outcome(), of(&ran, "pp").outcome),
        (RunOutcome::Error, MeasurementOutcome::Unset)
    );
}
