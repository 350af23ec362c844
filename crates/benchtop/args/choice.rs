//! What a run chooses where its procedure leaves it open.

use clap::{Args, ValueEnum};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// Waits and reading times pass as on a real bench.
    Real,
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Choice {
    /// Part number of the unit: chooses the variant, where the procedure has variants, and must agree with the procedure's
    /// part number otherwise.
    #[arg(long)]
    pub(crate) part: Option<String>,

    /// Sets a parameter of the procedure; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) param: Vec<(String, String)>,
}

/// Where a run stands in a gauge study.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct StudyArguments {
    /// The gauge study that the run belongs to, with --purpose `gauge_study`: in each of its trials every operator measures
    /// every unit once.
    #[arg(long, value_name = "NAME", requires = "trial")]
    pub(crate) study: Option<String>,

    /// Which trial of the unit by the operator in that study it is, from 1.
    #[arg(long, value_name = "NUMBER", requires = "study", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) trial: Option<u32>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
