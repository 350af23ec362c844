//! `benchtop console`: an instrument by hand, line by line.
//!
//! At a terminal with prompt, history and completion; else a filter: answers on standard output, everything else on standard
//! error. What was set stays set, also when the console ends.

mod answer;
mod complete;
mod input;
mod talk;

use crate::{
    args::ConsoleArguments,
    byhand::{self, Place},
    exit::{Exit, Failure},
    locks,
    terminal::{self, Line, PLAIN, QUIET},
};
use benchtop_instrument::{Error, ErrorKind, RealClock, Resource, Session};
use benchtop_notation::{brief, suggest};
use benchtop_scpi::{Definition, ErrorCheck, Template};
use benchtop_station::{Catalogue, Options, Recorder};
use complete::Commands;
use input::{Entered, Input};
use std::{sync::Arc, time::Duration};
use talk::Talk;

/// How long an answer may take where nothing is known of the instrument.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What is no program message.
const DOT_COMMANDS: [(&str, &str); 5] = [
    (".help", "this"),
    (".quit", "leave, as Ctrl-D does; what was set stays set"),
    (
        ".clear",
        "device clear: the instrument drops what it does and what it wants to say",
    ),
    (".stb", "the status byte"),
    (".errors", "read the error queue now"),
];

pub(crate) async fn console(
    arguments: ConsoleArguments,
    catalogue: &Catalogue,
    recorder: Option<Arc<Recorder>>,
) -> Result<Exit, Failure> {
    let resource = byhand::parse_resource(&arguments.resource)?;
    let timeout = arguments.timeout.map(byhand::parse_timeout).transpose()?;
    let errors = arguments.errors.as_deref().map(error_query).transpose()?;
    let clock = RealClock::shared();
    let _lock = locks::take("the instrument", &resource)?;
    let place = Place {
        resource: &resource,
        baud: arguments.baud,
        recorder,
        clock: &clock,
    };
    let Met {
        definition,
        session,
        identity,
    } = meet(&place, arguments.driver.as_deref(), timeout, catalogue).await?;
    let commands = definition
        .as_ref()
        .and_then(|definition| commands(definition, catalogue));
    let witness = errors.or_else(|| definition.as_ref().map(|definition| definition.error_check.clone()));
    if let (None, Some(identity)) = (&definition, &identity) {
        let queue = if witness.is_some() {
            ""
        } else {
            ", and its error queue is not read (name its query with --errors SYST:ERR?)"
        };
        terminal::warn(&format!("{identity}: its commands are not completed{queue}"));
    }
    let slowest = definition.as_ref().map(|definition| definition.slowest_answer());
    let mut talk = Talk {
        session: match &definition {
            Some(definition) => definition.error_check.over(session),
            None => session,
        },
        witness,
        timeout: timeout.or(slowest).unwrap_or(TIMEOUT),
        clock: Arc::clone(&clock),
        interactive: input::is_interactive(),
        went_wrong: false,
        commands: Arc::new(commands.unwrap_or_default()),
        definition,
    };
    let mut input = if talk.interactive {
        greet(&talk, identity.as_deref());
        Input::editor(&resource, Arc::clone(&talk.commands))?
    } else {
        Input::piped()
    };
    talk.begin().await;
    let read = converse(&mut talk, &mut input).await;
    talk.leave().await;
    read?;
    // at a terminal a person has seen what went wrong
    let is_error = talk.went_wrong && !talk.interactive;
    Ok(if is_error { Exit::Error } else { Exit::Success })
}

async fn converse(talk: &mut Talk, input: &mut Input) -> Result<(), Failure> {
    loop {
        let text = match input.next()? {
            Entered::Text(text) => text,
            Entered::NotText => {
                talk.fail("this line is no text (UTF-8); it was not sent");
                continue;
            }
            Entered::Abandoned => continue,
            Entered::End => return Ok(()),
        };
        // what was pasted at once may be several lines
        for line in text.lines().map(str::trim).filter(|line| !is_comment(line)) {
            match line {
                ".quit" => return Ok(()),
                ".help" => help(),
                ".clear" => talk.device_clear().await,
                ".stb" => talk.status_byte().await,
                ".errors" => talk.show_errors().await,
                unknown if unknown.starts_with('.') => {
                    let near = suggest(unknown, DOT_COMMANDS.iter().map(|(name, _)| *name));
                    let near = near.map_or("; .help lists what there is".to_owned(), |near| {
                        format!("; did you mean {near}?")
                    });
                    talk.fail(&format!("there is no {unknown}{near}"));
                }
                message => talk.carry_out(message).await,
            }
        }
    }
}

/// Nothing, or a remark in a file that is fed in.
fn is_comment(line: &str) -> bool {
    line.is_empty() || line == "#" || line.starts_with("# ") || line.starts_with("#\t")
}

fn error_query(text: &str) -> Result<ErrorCheck, Failure> {
    let query = Template::new(text).map_err(|error| Failure::refused(format!("--errors {text}: {error}")))?;
    if !text.contains('?') {
        return Err(Failure::refused(format!("--errors {text}: a query ends in `?`")));
    }
    Ok(ErrorCheck::Queue(query))
}

/// What answers, as far as it is known.
struct Met {
    definition: Option<Arc<Definition>>,
    session: Box<dyn Session>,
    /// What it says of itself, or why it says nothing.
    identity: Option<String>,
}

/// Opens the resource by the named driver, or by the one that fits who answers; without one where none does.
async fn meet(
    place: &Place<'_>,
    driver: Option<&str>,
    timeout: Option<Duration>,
    catalogue: &Catalogue,
) -> Result<Met, Failure> {
    let options = Options {
        line: byhand::line(place.baud),
        ..Options::default()
    };
    let stranger = |session, identity| Met {
        definition: None,
        session,
        identity: Some(identity),
    };
    if let Some(name) = driver {
        let definition = byhand::named(name, catalogue)?;
        return Ok(Met {
            session: place.session(&definition.line(&options.line)).await?,
            definition: Some(definition),
            identity: None,
        });
    }
    let timeout = timeout.unwrap_or(byhand::IDENTITY);
    let (session, answer) = place.query_identity(&options.line, timeout).await?;
    match answer {
        Ok(answer) => match byhand::who_answers(&answer, catalogue)? {
            Some(definition) => Ok(Met {
                session: place.on_its_line(session, &definition, &options.line).await?,
                definition: Some(definition),
                identity: Some(brief(&answer)),
            }),
            None => Ok(stranger(session, format!("no driver fits `{}`", brief(&answer)))),
        },
        Err(error) if may_go_on(&error) => Ok(stranger(session, format!("no driver is known: {error}"))),
        Err(error) => Err(byhand::failed(error)),
    }
}

/// Old instruments know no `*IDN?`; one that is gone is gone.
fn may_go_on(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Timeout | ErrorKind::Garbled => true,
        ErrorKind::Disconnected
        | ErrorKind::Desynchronised
        | ErrorKind::Unsupported
        | ErrorKind::OutOfRange
        | ErrorKind::Instrument
        | ErrorKind::Readback
        | ErrorKind::WrongIdentity
        | ErrorKind::Io => false,
    }
}

/// The headers that the simulated model of the same name has: they come from its manual.
fn commands(definition: &Definition, catalogue: &Catalogue) -> Option<Commands> {
    match catalogue.model(&definition.name)? {
        Ok(model) => Some(Commands::new(&model.headers())),
        Err(findings) => {
            let why = findings.render_short();
            terminal::warn(&format!("its commands are not completed: {}", why.trim_end()));
            None
        }
    }
}

fn greet(talk: &Talk, identity: Option<&str>) {
    let Some(definition) = &talk.definition else { return };
    let model = format!("{} {}", definition.manufacturer, definition.model);
    let tab = if talk.commands.is_known() {
        "Tab completes its commands, "
    } else {
        ""
    };
    let hint = format!("  {}; {tab}.help says the rest", definition.name);
    terminal::say(&Line::new().add(PLAIN, identity.unwrap_or(&model)).add(QUIET, &hint));
}

fn help() {
    for (name, does) in DOT_COMMANDS {
        terminal::say(&Line::new().column(PLAIN, name, 10).add(PLAIN, does));
    }
    let rest = "Everything else is sent as it is; the answer is awaited where a ? stands outside quotes. Ctrl-C abandons a line.";
    terminal::say(&Line::new().add(PLAIN, rest));
}

/// What a prompt calls a resource.
fn short(resource: &Resource) -> String {
    match resource {
        Resource::Socket { host, port, .. } => format!("{host}:{port}"),
        Resource::Lan { host, .. } => host.clone(),
        Resource::Serial { port } => port.rsplit('/').next().unwrap_or(port).to_owned(),
        Resource::Usb { .. } | Resource::Gpib { .. } => resource.to_string().trim_end_matches("::INSTR").to_owned(),
        Resource::Visa { name } | Resource::Simulated { name, .. } => name.clone(),
        Resource::Replay { file, name } => name.as_ref().unwrap_or(file).clone(),
        Resource::Process { program } => program.clone(),
    }
}
