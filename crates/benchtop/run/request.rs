//! What is asked of a run: the unit, and everything else.

use super::slots;
use crate::{
    args::{BenchArguments, Format, Pace, RunArguments, StudyArguments},
    exit::Failure,
    operator::Answers,
};
use benchtop_run::{Purpose, Study, UnitUnderTest};
use std::{path::PathBuf, sync::Arc};

/// A unit as the command line or the operator names it.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) serial: String,
    /// The place of the fixture that it lies in, where several are tested at once.
    pub(crate) slot: Option<String>,
    pub(crate) part: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) batch: Option<String>,
    pub(crate) sub_units: Vec<String>,
}

impl Unit {
    /// As the record names it; the procedure's part number stands in where none was given.
    pub(super) fn named(&self, part_number: Option<&String>) -> UnitUnderTest {
        UnitUnderTest {
            serial_number: self.serial.clone(),
            part_number: self.part.as_ref().or(part_number).cloned(),
            revision: self.revision.clone(),
            batch: self.batch.clone(),
            sub_units: self.sub_units.clone(),
        }
    }
}

/// What is the same for every unit.
#[derive(Debug)]
pub(crate) struct Request {
    /// Values of parameters, by name.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) bench: BenchArguments,
    pub(crate) real_pace: bool,
    pub(crate) store: Option<PathBuf>,
    pub(crate) format: Format,
    /// One line a run and nothing else.
    pub(crate) quiet: bool,
    pub(crate) operator: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) study: Option<Study>,
    pub(crate) selection: Selection,
    pub(crate) accept_unsafe: Vec<String>,
    /// Who answers prompts.
    pub(crate) answers: Arc<Answers>,
    /// A retest that the procedure wants to be asked was allowed beforehand.
    pub(crate) retest: bool,
    /// Records go out behind each run: to the targets of this station file, or of the bench's own where it is empty.
    pub(crate) sync: Option<PathBuf>,
}

/// Which steps were asked for, by name.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) only: Vec<String>,
    pub(crate) from: Option<String>,
    pub(crate) skip: Vec<String>,
}

impl Selection {
    pub(super) fn is_whole(&self) -> bool {
        self.only.is_empty() && self.from.is_none() && self.skip.is_empty()
    }
}

impl Request {
    /// Why the run is made, or what is wrong with the word for it.
    pub(super) fn purpose(&self) -> Result<Purpose, String> {
        let Some(word) = &self.purpose else {
            return Ok(if self.selection.is_whole() {
                Purpose::Production
            } else {
                Purpose::Partial
            });
        };
        let known = Purpose::ALL.iter().find(|(known, _)| known == word);
        match known.map(|(_, purpose)| *purpose) {
            None | Some(Purpose::Partial) => Err(format!(
                "--purpose {word}: expected production, engineering, golden or gauge_study"
            )),
            Some(purpose) if self.selection.is_whole() => Ok(purpose),
            Some(Purpose::Engineering) => Ok(Purpose::Partial),
            Some(Purpose::Production | Purpose::Golden | Purpose::GaugeStudy) => Err(format!(
                "--purpose {word}: a run of some of the steps is none; leave --purpose out"
            )),
        }
    }
}

impl Request {
    /// What is wrong with the gauge study that the run is said to belong to; who measures is known when there is a unit.
    pub(super) fn study_mistake(&self, has_unit: bool) -> Option<String> {
        let Study { name, trial } = self.study.as_ref()?;
        if self.purpose.as_deref() != Some(Purpose::GaugeStudy.word()) {
            return Some(format!(
                "--study {name} --trial {trial}: only a run with --purpose gauge_study belongs to a gauge study"
            ));
        }
        let is_name = !name.is_empty() && !name.chars().any(char::is_control);
        if !is_name {
            return Some("--study: the name of a study is not empty and has no control characters".to_owned());
        }
        (has_unit && self.operator.is_none()).then(|| {
            format!(
                "--study {name} --trial {trial}: say who measures, --operator NAME; no study is made of a run without"
            )
        })
    }
}

/// Where the runs stand in a gauge study.
pub(super) fn study(arguments: StudyArguments) -> Option<Study> {
    let both = arguments.study.zip(arguments.trial);
    both.map(|(name, trial)| Study { name, trial })
}

/// The parts of the command line.
pub(super) fn requested(arguments: RunArguments, answers: Answers) -> Result<(Vec<Unit>, Request), Failure> {
    let one = Unit {
        // as a scan is read: blanks around it make no other unit
        serial: arguments.serial.unwrap_or_default().trim_matches(' ').to_owned(),
        slot: None,
        part: arguments.choice.part,
        revision: arguments.revision,
        batch: arguments.batch,
        sub_units: arguments.sub_unit,
    };
    let units = match arguments.slot.as_slice() {
        [] => vec![one],
        slots => slots::units(slots, &one)?,
    };
    let request = Request {
        parameters: arguments.choice.param,
        bench: arguments.bench,
        real_pace: arguments.pace == Some(Pace::Real),
        store: arguments.store,
        format: arguments.format,
        quiet: arguments.quiet,
        operator: arguments.operator,
        purpose: arguments.purpose,
        study: study(arguments.study),
        selection: Selection {
            only: arguments.only,
            from: arguments.from,
            skip: arguments.skip,
        },
        accept_unsafe: arguments.accept_unsafe,
        answers: Arc::new(answers),
        retest: arguments.retest,
        sync: arguments.sync,
    };
    Ok((units, request))
}
