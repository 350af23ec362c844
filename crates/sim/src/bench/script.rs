//! What a bench file says beside its instruments: how the operator answers, what commands do, and what the unit says on its own
//! link. Each may be another for a unit of `[[units]]`.

use super::wiring::Nodes;
use crate::{circuit::Node, keys, parser::Dimension, quantity};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Spanned, Table, Value};
use regex::Regex;
use std::{collections::BTreeMap, time::Duration};

/// The parts of a bench file that are read here, at its root and in `[[units]]`.
const SECTIONS: &[&str] = &["answers", "exec", "consoles"];

/// What was written for one unit, or for all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    pub(crate) answers: BTreeMap<String, String>,
    pub(crate) exec: BTreeMap<String, SimulatedExec>,
    pub(crate) consoles: BTreeMap<String, ConsoleScript>,
}

/// The scripts of a bench.
#[derive(Clone, Debug, Default)]
pub(super) struct Scripts {
    ordinary: Script,
    special: BTreeMap<String, Script>,
}

/// What a command does in a simulated run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SimulatedExec {
    /// Its exit code.
    pub exit_code: i32,
    /// What it writes to its standard output.
    pub stdout: String,
    /// What it writes to its standard error.
    pub stderr: String,
    /// How long it takes.
    pub takes: Duration,
    /// What it writes to files, by their paths.
    pub files: BTreeMap<String, String>,
}

/// What a simulated console does.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConsoleScript {
    /// The node that gives it power, and the voltage above which it has it; always powered where there is none.
    pub(crate) power: Option<(Node, f64)>,
    /// What it says when it gets power, one after the other.
    pub(crate) boot: Vec<Utterance>,
    /// What it answers; the first that matches does.
    pub(crate) replies: Vec<Reply>,
    /// What it answers to a line that nothing matches.
    pub(crate) otherwise: Option<String>,
    /// Sends back what it gets.
    pub(crate) echo: bool,
    /// Says nothing at all.
    pub(crate) dead: bool,
}

/// Something that is said after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Utterance {
    pub(crate) text: String,
    pub(crate) delay: Duration,
}

/// An answer to what matches.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) when: Regex,
    /// `$1`, `$name` stand for groups.
    pub(crate) says: Utterance,
}

impl Scripts {
    /// Those of the unit in each slot, or of the only unit: they differ in the nodes that give power.
    pub(super) fn read_each(
        root: &Table<'_>,
        slots: &[String],
        nodes: &mut Nodes,
        sink: &mut Diagnostics,
    ) -> Vec<Self> {
        let mut each = Vec::new();
        for slot in slots {
            nodes.enter(Some(slot));
            if each.is_empty() {
                each.push(Self::read(root, nodes, sink));
                continue;
            }
            // what is wrong with all of them was said for the first slot
            let mut unheard = Diagnostics::new();
            each.push(Self::read(root, nodes, &mut unheard));
            if !sink.has_errors() {
                sink.append(unheard);
            }
        }
        nodes.enter(None);
        if each.is_empty() {
            each.push(Self::read(root, nodes, sink));
        }
        each
    }

    fn read(root: &Table<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Self {
        let ordinary = read(root, nodes, &Script::default(), sink);
        let mut special = BTreeMap::new();
        let units = root.value("units").filter(|units| units.kind() == Kind::Array);
        for unit in units.and_then(|units| units.items(sink)).unwrap_or_default() {
            // what is wrong with it otherwise is told where the circuit is read
            let Some(table) = Some(unit)
                .filter(|unit| unit.kind() == Kind::Table)
                .and_then(|unit| unit.map(sink))
            else {
                continue;
            };
            let serial_number = table
                .value("serial_number")
                .filter(|value| value.kind() == Kind::String);
            let Some(serial_number) = serial_number.and_then(|value| value.string(sink)) else {
                continue;
            };
            if SECTIONS.iter().any(|section| table.contains(section)) {
                let script = read(&table, nodes, &ordinary, sink);
                special.insert(serial_number.value, script);
            }
        }
        Self { ordinary, special }
    }

    /// What holds for one unit.
    pub(super) fn of(&self, serial_number: &str) -> Script {
        self.special.get(serial_number).unwrap_or(&self.ordinary).clone()
    }

    /// What holds where no unit lies: nobody speaks.
    pub(super) fn of_nothing(&self) -> Script {
        let mut script = self.ordinary.clone();
        for console in script.consoles.values_mut() {
            console.dead = true;
        }
        script
    }

    pub(super) fn console_names(&self) -> impl Iterator<Item = &str> {
        self.ordinary.consoles.keys().map(String::as_str)
    }
}

/// Reads what is written over what holds otherwise.
fn read(table: &Table<'_>, nodes: &Nodes, base: &Script, sink: &mut Diagnostics) -> Script {
    let mut script = base.clone();
    if let Some(answers) = table.map(sink, "answers") {
        for (name, value) in answers.entries() {
            script
                .answers
                .extend(answer(value, sink).map(|answer| (name.value, answer)));
        }
    }
    for (step, table) in table.tables_by_name(sink, "exec", &keys::EXEC.names()) {
        script.exec.extend(exec(&table, sink).map(|exec| (step.value, exec)));
    }
    for (name, table) in table.tables_by_name(sink, "consoles", &keys::CONSOLE.names()) {
        let before = base.consoles.get(&name.value).cloned();
        let is_new = before.is_none();
        let console = console(&table, nodes, before.unwrap_or_default(), sink);
        if is_new && !is_plain(&name) {
            sink.error(&name.span, "a logical name is made of letters, digits, `-` and `_`");
        }
        script.consoles.extend(console.map(|console| (name.value, console)));
    }
    script
}

fn is_plain(name: &Spanned<String>) -> bool {
    let name = &name.value;
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// An answer as the operator would give it: text, a number, or true and false for yes and no.
fn answer(value: Value<'_>, sink: &mut Diagnostics) -> Option<String> {
    match value.kind() {
        Kind::Boolean => {
            let yes = value.bool(sink)?.value;
            Some(if yes { "yes" } else { "no" }.to_owned())
        }
        Kind::Integer | Kind::Float => value.number(sink).map(|number| number.value),
        Kind::String | Kind::Datetime | Kind::Array | Kind::Table => value.string(sink).map(|text| text.value),
    }
}

fn text(table: &Table<'_>, key: &str, sink: &mut Diagnostics) -> String {
    table.string(sink, key).map(|text| text.value).unwrap_or_default()
}

fn exec(table: &Table<'_>, sink: &mut Diagnostics) -> Option<SimulatedExec> {
    let exit_code = match table.integer(sink, "exit_code") {
        Some(code) => match i32::try_from(code.value) {
            Ok(code) => code,
            Err(_) => {
                sink.error(&code.span, "an exit code is a small number");
                return None;
            }
        },
        None => 0,
    };
    let mut files = BTreeMap::new();
    if let Some(written) = table.map(sink, "files") {
        for (path, value) in written.entries() {
            files.extend(value.string(sink).map(|text| (path.value, text.value)));
        }
    }
    Some(SimulatedExec {
        exit_code,
        stdout: text(table, "stdout", sink),
        stderr: text(table, "stderr", sink),
        takes: quantity::duration(sink, table, "takes").unwrap_or_default(),
        files,
    })
}

fn console(
    table: &Table<'_>,
    nodes: &Nodes,
    mut console: ConsoleScript,
    sink: &mut Diagnostics,
) -> Option<ConsoleScript> {
    if let Some(power) = table.table(sink, "powered_by", &keys::POWERED_BY.names()) {
        let node = power
            .require_string(sink, "node")
            .and_then(|node| nodes.find(&node, sink));
        quantity::require(sink, &power, "above", Dimension::Volts);
        let above = quantity::not_negative(sink, &power, "above", Dimension::Volts);
        console.power = Some((node?, above?));
    }
    if let Some(value) = table.value("boot") {
        let boot = value.tables(sink, &keys::BOOT.names())?;
        console.boot = boot.iter().filter_map(|table| utterance(table, "text", sink)).collect();
    }
    if let Some(value) = table.value("replies") {
        let replies = value.tables(sink, &keys::REPLY.names())?;
        let mut replies: Vec<Reply> = replies.iter().filter_map(|table| reply(table, sink)).collect();
        // those of one unit come before those of all
        replies.append(&mut console.replies);
        console.replies = replies;
    }
    if let Some(otherwise) = table.string(sink, "otherwise") {
        console.otherwise = Some(otherwise.value);
    }
    if let Some(echo) = table.bool(sink, "echo") {
        console.echo = echo.value;
    }
    if let Some(dead) = table.bool(sink, "dead") {
        console.dead = dead.value;
    }
    Some(console)
}

fn utterance(table: &Table<'_>, key: &str, sink: &mut Diagnostics) -> Option<Utterance> {
    let text = table.require_string(sink, key)?;
    Some(Utterance {
        text: text.value,
        delay: quantity::duration(sink, table, "delay").unwrap_or_default(),
    })
}

fn reply(table: &Table<'_>, sink: &mut Diagnostics) -> Option<Reply> {
    let when = table.require_string(sink, "when");
    let says = utterance(table, "says", sink);
    let when = when?;
    match Regex::new(&when.value) {
        Ok(regex) if regex.is_match("") => {
            sink.error(&when.span, "`when` matches where nothing was sent");
            None
        }
        Ok(regex) => Some(Reply {
            when: regex,
            says: says?,
        }),
        Err(error) => {
            let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
            let message = format!("`when` is not a regular expression: {last}");
            sink.push(Diagnostic::error(&when.span, &message).help("write it in single quotes: 'version\\r?\\n'"));
            None
        }
    }
}
