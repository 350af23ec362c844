//! What a run reaches beside its instruments: the operator, commands, a place for files. Or what a bench file says in their
//! place.

use crate::{
    bench::Equipped,
    operator::{Answers, InSlot},
};
use async_trait::async_trait;
use benchtop_instrument::{Clock, ClockExt};
use benchtop_notation::{Diagnostic, Diagnostics};
use benchtop_procedure::{Exec, Procedure, Prompt, StepKind};
use benchtop_run::{
    Attachments, Content, Kept, NoAnswer, NotKept, NotRun, Operator, Output, ProgramEnded, ProgramEnding, Programs,
    Surroundings,
};
use benchtop_sim::SimulatedBench;
use benchtop_transport::process::{self, Ending, Program};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Of each of a command's streams the first and the last half of so many bytes are kept.
const MOST_OUTPUT: usize = 1024 * 1024;

/// What commands of the station must never see.
const WITHHELD: &[&str] = &["TOFUPILOT_API_KEY"];

/// The folder in which a procedure's commands work, and beside which its pictures lie.
pub(crate) fn folder_of(file: &str) -> PathBuf {
    match Path::new(file).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// What is missing beside the instruments: pictures that are not there; answers and commands that a simulated bench does not
/// know; given answers that no prompt takes.
pub(crate) fn check(
    procedure: &Procedure,
    file: &str,
    given: &Answers,
    bench: Option<&SimulatedBench>,
    sink: &mut Diagnostics,
) {
    let folder = folder_of(file);
    for step in procedure.all_steps() {
        match &step.kind {
            StepKind::Prompt(prompt) => {
                if let Some((image, place)) = &prompt.image
                    && !folder.join(image).is_file()
                {
                    let message = format!("there is no picture {}", folder.join(image).display());
                    sink.error(place, &message);
                }
                check_answer(prompt, given, bench, sink);
            }
            StepKind::Exec(_) => {
                if let Some(bench) = bench.filter(|bench| bench.exec(&step.name).is_none()) {
                    let message = format!(
                        "step \"{}\": the simulated bench {} does not say what this command does",
                        step.name,
                        bench.name()
                    );
                    let help = format!(
                        "write it in the bench file: [exec.\"{}\"] with exit_code, stdout",
                        step.name
                    );
                    sink.push(Diagnostic::error(&step.place, &message).help(&help));
                }
            }
            StepKind::Measurements(_)
            | StepKind::Set { .. }
            | StepKind::Wait(_)
            | StepKind::Query(_)
            | StepKind::Send(_)
            | StepKind::Expect(_) => {}
        }
    }
}

/// What is wrong with answers that no prompt of the procedure takes.
pub(crate) fn answers_to_nothing(procedure: &Procedure, answers: &Answers) -> Vec<String> {
    let prompts = procedure.all_steps().filter_map(|step| match &step.kind {
        StepKind::Prompt(prompt) => Some(prompt.measurement.name.as_str()),
        StepKind::Measurements(_)
        | StepKind::Set { .. }
        | StepKind::Wait(_)
        | StepKind::Exec(_)
        | StepKind::Query(_)
        | StepKind::Send(_)
        | StepKind::Expect(_) => None,
    });
    let known: Vec<&str> = prompts.collect();
    let strange = answers.names().filter(|name| !known.contains(name));
    strange
        .map(|name| match known.as_slice() {
            [] => format!("--answer {name}: {} asks nothing", procedure.id),
            known => format!("--answer {name}: {} asks for {}", procedure.id, known.join(", ")),
        })
        .collect()
}

fn check_answer(prompt: &Prompt, given: &Answers, bench: Option<&SimulatedBench>, sink: &mut Diagnostics) {
    let measurement = &prompt.measurement;
    let name = &measurement.name;
    let (answer, whose) = match (given.given(name), bench.and_then(|bench| bench.answer(name))) {
        (Some(answer), _) => (answer, "--answer"),
        (None, Some(answer)) => (answer, "the bench file"),
        (None, None) => {
            if let Some(bench) = bench {
                let message = format!(
                    "prompt \"{name}\": the simulated bench {} has no answer to it",
                    bench.name()
                );
                let help = format!("write it in the bench file under [answers], or give it: --answer {name}=...");
                sink.push(Diagnostic::error(&measurement.place, &message).help(&help));
            }
            return;
        }
    };
    if let Err(reason) = prompt.kind.read(answer, measurement.unit) {
        sink.error(&measurement.place, &format!("prompt \"{name}\": {whose}: {reason}"));
    }
}

/// What a run of a procedure on this bench reaches.
pub(crate) fn outside(
    equipped: &Equipped,
    slot: Option<&str>,
    file: &str,
    answers: Arc<Answers>,
    attachments: Arc<dyn Attachments>,
    facts: Vec<(String, String)>,
) -> Surroundings {
    match equipped.station.bench() {
        Some(bench) => match slot {
            Some(slot) => simulated(&bench.in_slot(slot), &equipped.clock, answers, attachments),
            None => simulated(bench, &equipped.clock, answers, attachments),
        },
        None => Surroundings {
            operator: Arc::new(InSlot {
                answers,
                slot: slot.map(str::to_owned),
            }),
            programs: Arc::new(Commands {
                folder: folder_of(file),
                facts,
            }),
            attachments,
        },
    }
}

/// What a simulated run reaches: what its bench file says, and nothing outside this process.
pub(crate) fn simulated(
    bench: &SimulatedBench,
    clock: &Arc<dyn Clock>,
    given: Arc<Answers>,
    attachments: Arc<dyn Attachments>,
) -> Surroundings {
    Surroundings {
        operator: Arc::new(ByTheFile {
            bench: bench.clone(),
            given,
        }),
        programs: Arc::new(Pretended {
            bench: bench.clone(),
            clock: Arc::clone(clock),
        }),
        attachments,
    }
}

/// Commands of this computer.
struct Commands {
    folder: PathBuf,
    /// What they are told of the run, as variables.
    facts: Vec<(String, String)>,
}

#[async_trait]
impl Programs for Commands {
    async fn run(&self, step: &str, exec: &Exec) -> Result<ProgramEnded, NotRun> {
        let files: Vec<PathBuf> = exec
            .attachments
            .iter()
            .map(|request| PathBuf::from(&request.path))
            .collect();
        for file in &files {
            // one of an earlier run must not be taken for what this command writes
            remove_of(&self.folder, file).map_err(NotRun)?;
        }
        let mut variables = self.facts.clone();
        variables.push(("BENCHTOP_STEP".to_owned(), step.to_owned()));
        let program = Program {
            argv: exec.argv.clone(),
            folder: Some(self.folder.clone()),
            variables,
            withheld: WITHHELD.iter().map(|name| (*name).to_owned()).collect(),
        };
        let completed = process::run(&program, MOST_OUTPUT).await;
        let completed = completed.map_err(|error| NotRun(error.to_string()))?;
        let in_the_folder = |path: PathBuf| Content::File {
            folder: self.folder.clone(),
            path,
        };
        Ok(ProgramEnded {
            ending: match completed.ending {
                Ending::Code(code) => ProgramEnding::Code(code),
                Ending::Signal(signal) => ProgramEnding::Signal(signal),
            },
            output: output(&completed.output),
            error_output: output(&completed.error_output),
            files: files.into_iter().map(in_the_folder).collect(),
        })
    }
}

/// Removes a file in the folder, if it is there. A link goes itself; through one on the way nothing is removed.
fn remove_of(folder: &Path, path: &Path) -> Result<(), String> {
    let mut above = folder.to_owned();
    for part in path.parent().into_iter().flat_map(Path::components) {
        above.push(part);
        if above.is_symlink() {
            let shown = above.display();
            return Err(format!(
                "{shown} is a symbolic link: attachments lie in {}",
                folder.display()
            ));
        }
    }
    let file = folder.join(path);
    if fs::symlink_metadata(&file).is_err() {
        return Ok(());
    }
    fs::remove_file(&file).map_err(|error| format!("{} cannot be removed: {error}", file.display()))
}

fn output(kept: &benchtop_instrument::Kept) -> Output {
    Output {
        text: kept.text(),
        cut: kept.cut(),
    }
}

/// Commands that a bench file speaks for.
struct Pretended {
    bench: SimulatedBench,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Programs for Pretended {
    async fn run(&self, step: &str, exec: &Exec) -> Result<ProgramEnded, NotRun> {
        let missing = |what: &str| NotRun(format!("the simulated bench {} {what}", self.bench.name()));
        let known = self.bench.exec(step);
        let known = known.ok_or_else(|| missing("does not say what this command does"))?;
        self.clock.sleep(known.takes).await;
        let of = |path: &String| {
            let text = known.files.get(path);
            // a command that failed may have written nothing
            Content::Bytes(text.cloned().unwrap_or_default().into_bytes())
        };
        Ok(ProgramEnded {
            ending: ProgramEnding::Code(known.exit_code),
            output: Output::whole(known.stdout.clone()),
            error_output: Output::whole(known.stderr.clone()),
            files: exec.attachments.iter().map(|request| of(&request.path)).collect(),
        })
    }
}

/// An operator that a bench file speaks for, where nobody has said otherwise.
struct ByTheFile {
    bench: SimulatedBench,
    given: Arc<Answers>,
}

#[async_trait]
impl Operator for ByTheFile {
    async fn ask(&self, prompt: &Prompt) -> Result<String, NoAnswer> {
        let name = &prompt.measurement.name;
        let answer = self.given.given(name).or_else(|| self.bench.answer(name));
        let missing = || NoAnswer(format!("the simulated bench {} has no answer", self.bench.name()));
        answer.map(str::to_owned).ok_or_else(missing)
    }
}

/// Forgets what it is given: for runs that leave no record.
pub(crate) struct Forgetful;

#[async_trait]
impl Attachments for Forgetful {
    async fn keep(&self, _name: &str, content: Content, _most: u64) -> Result<Kept, NotKept> {
        let bytes = match content {
            Content::Bytes(bytes) => bytes,
            Content::File { folder, path } => {
                fs::read(folder.join(path)).map_err(|error| NotKept(error.to_string()))?
            }
        };
        Ok(Kept {
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: benchtop_station::sha256(&bytes),
        })
    }
}
