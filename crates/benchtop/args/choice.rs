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

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
