//! `[consoles.<logical name>]`: the unit's own links on this bench.

use crate::keys::{CONSOLE, SERIAL};
use benchtop_instrument::{Capabilities, Class, Clock, Console, Error, LineSettings, Resource};
use benchtop_notation::{Diagnostic, Diagnostics, Spanned, Table};
use benchtop_procedure::LogicalName;
use benchtop_scpi::LineChanges;
use benchtop_transport::{self as transport, process::Program};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// How long opening one may take.
const OPEN: Duration = Duration::from_secs(10);

/// What the serial lines of units mostly have.
const USUAL_BAUD: u32 = 115_200;

/// One of the unit's own links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationConsole {
    /// Where it is.
    pub resource: Resource,
    /// How its serial line is set.
    pub line: LineSettings,
    /// The command that it is, where it is one.
    pub program: Program,
}

impl StationConsole {
    /// Opens it.
    ///
    /// # Errors
    /// What the transport said.
    pub async fn open(&self, clock: &Arc<dyn Clock>) -> Result<Box<dyn Console>, Error> {
        let deadline = clock.now().after(OPEN);
        transport::open_console(&self.resource, &self.line, &self.program, Arc::clone(clock), deadline).await
    }
}

/// What a console can do: nothing that an instrument can.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        channel_names: BTreeMap::new(),
        switched: Vec::new(),
        overrange: None,
        class: Class::Console,
        driver: String::new(),
        model: "console".to_owned(),
        channels: Vec::new(),
        functions: BTreeMap::new(),
        outputs: BTreeMap::new(),
    }
}

/// Reads all of them; what is wrong is reported and left out.
pub(crate) fn read(
    root: &Table<'_>,
    folder: &Path,
    is_instrument: impl Fn(&LogicalName) -> bool,
    sink: &mut Diagnostics,
) -> BTreeMap<LogicalName, StationConsole> {
    let mut consoles = BTreeMap::new();
    for (name, table) in root.tables_by_name(sink, "consoles", &CONSOLE.names()) {
        let logical = LogicalName(name.value.clone());
        if is_instrument(&logical) {
            let message = format!("there is an instrument {logical} too: a name is of one of them");
            sink.error(&name.span, &message);
        }
        consoles.extend(read_one(&name, &table, folder, sink).map(|console| (logical, console)));
    }
    consoles
}

fn read_one(
    name: &Spanned<String>,
    table: &Table<'_>,
    folder: &Path,
    sink: &mut Diagnostics,
) -> Option<StationConsole> {
    let line = table.table(sink, "serial", &SERIAL.names());
    let line = line.map(|line| LineChanges::read(&line, sink)).unwrap_or_default();
    let line = line.over(LineSettings {
        baud: USUAL_BAUD,
        ..LineSettings::default()
    });
    let (resource, program) = match (table.contains("resource"), table.contains("argv")) {
        (true, false) => (resource(table, sink)?, Program::default()),
        (false, true) => command(table, folder, sink)?,
        (true, true) | (false, false) => {
            let message = format!("console {} needs `resource` or `argv`, one of them", name.value);
            let help = "a serial port or a TCP socket is a resource, a command is an argv";
            sink.push(Diagnostic::error(table.span(), &message).help(help));
            return None;
        }
    };
    Some(StationConsole {
        resource,
        line,
        program,
    })
}

fn resource(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Resource> {
    let text = table.require_string(sink, "resource")?;
    match text.value.parse() {
        Ok(resource @ (Resource::Serial { .. } | Resource::Socket { .. })) => Some(resource),
        Ok(resource) => {
            let message =
                format!("{resource} is no stream of bytes: a console is a serial port, a TCP socket or a command");
            sink.error(&text.span, &message);
            None
        }
        Err(error) => {
            sink.error(&text.span, &error.to_string());
            None
        }
    }
}

fn command(table: &Table<'_>, folder: &Path, sink: &mut Diagnostics) -> Option<(Resource, Program)> {
    let value = table.require(sink, "argv")?;
    let argv: Vec<String> = value.strings(sink)?.into_iter().map(|word| word.value).collect();
    let Some(program) = argv.first().filter(|program| !program.trim().is_empty()) else {
        sink.error(value.span(), "`argv` needs a program");
        return None;
    };
    let name: String = program
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .collect();
    let resource = Resource::Process { program: name };
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    Some((
        resource,
        Program {
            argv,
            folder: Some(folder.to_owned()),
            withheld: vec!["TOFUPILOT_API_KEY".to_owned()],
            ..Program::default()
        },
    ))
}
