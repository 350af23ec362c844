//! `benchtop check`: everything that can be known without touching hardware.
//!
//! What a `run` of the same files would refuse is refused here, for every part that the procedure tells apart and for every slot.

mod examine;
mod show;

use crate::{
    args::CheckArguments,
    bench::Refused,
    exit::{Exit, Failure},
    procedures, prove,
};
use benchtop_notation::{Diagnostic, Diagnostics, Severity, Span};
use benchtop_station::Catalogue;
use examine::examine;
pub(crate) use show::as_annotation;
use show::{show, show_estimate, show_ratio};

pub(crate) async fn check(arguments: &CheckArguments, catalogue: &Catalogue) -> Exit {
    let mut errors = 0;
    for (name, source) in sources(arguments) {
        match source {
            Ok(source) => errors += checked(arguments, catalogue, &source).await,
            // one that cannot be read keeps no other from being checked
            Err(failure) => {
                show(arguments.format, &name, &without_a_line(&name, &failure));
                errors += 1;
            }
        }
    }
    if errors == 0 { Exit::Success } else { Exit::Refused }
}

/// The procedures that are to be checked, each with the name by which it was found.
fn sources(arguments: &CheckArguments) -> Vec<(String, Result<procedures::Source, Failure>)> {
    if !arguments.files.is_empty() {
        let names = arguments.files.iter();
        return names.map(|name| (name.clone(), procedures::find(name))).collect();
    }
    let nothing = || Failure::refused("there is nothing to check: no file was named and procedures/ has none");
    match procedures::all() {
        Ok(paths) if paths.is_empty() => vec![(procedures::FOLDER.to_owned(), Err(nothing()))],
        Ok(paths) => paths
            .iter()
            .map(|path| (path.display().to_string(), procedures::read(path)))
            .collect(),
        Err(failure) => vec![(procedures::FOLDER.to_owned(), Err(failure))],
    }
}

/// What is wrong with a file as a whole.
fn without_a_line(file: &str, failure: &Failure) -> Diagnostics {
    Diagnostic::error(&Span::of_file(file), &failure.message).into()
}

/// Checks one procedure and says what was found: how many errors.
async fn checked(arguments: &CheckArguments, catalogue: &Catalogue, source: &procedures::Source) -> usize {
    let examined = examine(&arguments.bench, catalogue, source);
    let findings = &examined.findings;
    let errors = findings.count(Severity::Error);
    let sound = errors == 0;
    // a sound file that is proved is told about once, with what that found
    if !(arguments.prove && sound && findings.is_empty()) {
        show(arguments.format, &source.file, findings);
    }
    for (case, ratio) in &examined.ratios {
        show_ratio(arguments.format, case.as_deref(), ratio);
    }
    if !sound {
        return errors;
    }
    for (case, estimate) in &examined.estimates {
        show_estimate(
            arguments.format,
            &source.file,
            case.as_deref(),
            estimate,
            &examined.slots,
        );
    }
    match arguments.prove {
        true => proved(arguments, catalogue, source).await,
        false => 0,
    }
}

/// How many errors proving it has found.
async fn proved(arguments: &CheckArguments, catalogue: &Catalogue, source: &procedures::Source) -> usize {
    let wanted = arguments.bench.simulate.as_deref().unwrap_or_default();
    let findings = match prove::prove(wanted, catalogue, source).await {
        Ok(proof) => {
            prove::show(&proof, &source.file, arguments.format);
            proof.findings
        }
        Err(Refused::Findings(mistakes)) => mistakes,
        Err(Refused::Failure(failure)) => without_a_line(&source.file, &failure),
    };
    show(arguments.format, &source.file, &findings);
    findings.count(Severity::Error)
}
