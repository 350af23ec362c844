//! Nodes and what feeds them; where the instruments' terminals are.

use super::circuitry::Circuitry;
use crate::{
    circuit::{GROUND, MAX_NODES, Node},
    keys,
    model::Model,
    world::{Terminals, Wiring},
};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Span, Spanned, Table, one_of};

/// The return of everything.
const GROUND_NAME: &str = "ground";

/// The nodes of a unit: ground, and every node that something leads to.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Entered>,
    /// The slot whose unit is being read.
    scope: Option<String>,
}

#[derive(Debug)]
struct Entered {
    name: String,
    /// Where it is named first; ground is nowhere.
    span: Option<Span>,
    /// Where a supply or a regulator is said to feed it.
    fed: Option<Span>,
}

impl Nodes {
    pub(super) fn new() -> Self {
        let ground = Entered {
            name: GROUND_NAME.to_owned(),
            span: None,
            fed: None,
        };
        Self {
            nodes: vec![ground],
            scope: None,
        }
    }

    /// Reads a unit of this slot from here on: its nodes are its own, but for those that are fed for all.
    pub(super) fn enter(&mut self, slot: Option<&str>) {
        self.scope = slot.map(str::to_owned);
    }

    /// What a node is called where the reader stands.
    fn scoped(&self, name: &Spanned<String>) -> Spanned<String> {
        let known = self.nodes.iter().any(|node| node.name == name.value);
        let own = self.scope.as_ref().map(|slot| format!("{slot}.{}", name.value));
        match own {
            Some(own) if !known || self.nodes.iter().any(|node| node.name == own) => {
                Spanned::new(own, name.span.clone())
            }
            Some(_) | None => name.clone(),
        }
    }

    /// By number.
    pub(super) fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// Enters a node that a branch leads to.
    pub(super) fn join(&mut self, name: &Spanned<String>, sink: &mut Diagnostics) {
        let name = self.scoped(name);
        self.add(&name, sink);
    }

    fn add(&mut self, name: &Spanned<String>, sink: &mut Diagnostics) {
        if self.nodes.iter().any(|node| node.name == name.value) {
            return;
        }
        if self.nodes.len() >= MAX_NODES {
            sink.error(&name.span, &format!("a unit has at most {MAX_NODES} nodes"));
            return;
        }
        self.nodes.push(Entered {
            name: name.value.clone(),
            span: Some(name.span.clone()),
            fed: None,
        });
    }

    /// Enters a node that a supply or a regulator feeds; a second one is reported.
    pub(super) fn feed(&mut self, name: &Spanned<String>, sink: &mut Diagnostics) {
        let name = &self.scoped(name);
        self.add(name, sink);
        let Some(node) = self.nodes.iter_mut().find(|node| node.name == name.value) else {
            return;
        };
        match (&node.span, &node.fed) {
            (None, _) => sink.error(&name.span, "nothing can feed ground"),
            (Some(_), Some(first)) => {
                let message = format!("node `{}` is fed already in line {}", name.value, first.line());
                sink.error(&name.span, &message);
            }
            (Some(_), None) => node.fed = Some(name.span.clone()),
        }
    }

    /// The node of this name; one that nothing leads to is reported.
    pub(super) fn find(&self, name: &Spanned<String>, sink: &mut Diagnostics) -> Option<Node> {
        let name = &self.scoped(name);
        let nodes = self.nodes.iter().enumerate();
        let choices: Vec<(&str, Node)> = nodes.map(|(number, node)| (node.name.as_str(), number)).collect();
        one_of(sink, "node", name, &choices)
    }

    fn span(&self, node: Node) -> Option<&Span> {
        self.nodes.get(node).and_then(|node| node.span.as_ref())
    }
}

/// Enters the nodes that a supply's channels feed.
pub(super) fn feeds(table: &Table<'_>, nodes: &mut Nodes, sink: &mut Diagnostics) {
    for (_, channel) in table.tables_by_name(sink, "channels", &keys::BENCH_CHANNEL.names()) {
        if let Some(node) = channel.string(sink, "feeds") {
            nodes.feed(&node, sink);
        }
    }
}

/// Reads where an instrument's terminals are.
pub(super) fn wiring(
    table: &Table<'_>,
    model: &Model,
    model_name: &str,
    nodes: &Nodes,
    circuitry: &Circuitry,
    sink: &mut Diagnostics,
) -> Wiring {
    let mut wiring = Wiring::default();
    let channels = table.tables_by_name(sink, "channels", &keys::BENCH_CHANNEL.names());
    let Some(meter) = model.dmm() else {
        refuse(table, &["across", "in_series"], model_name, "has no inputs", sink);
        for (name, channel) in channels {
            refuse(&channel, &["across", "in_series"], model_name, "has no inputs", sink);
            let words = format!("1 to {}", model.outputs());
            let has = |number: u32| (1..=model.outputs()).contains(&number);
            let number = channel_number(&name, model_name, &words, has, sink);
            let node = channel.require_string(sink, "feeds");
            let node = node.and_then(|node| nodes.find(&node, sink));
            wiring.feeds.extend(number.zip(node));
        }
        return wiring;
    };
    wiring.terminals = terminals(table, nodes, circuitry, sink);
    let Some(words) = meter.channels_in_words() else {
        refuse(table, &["channels"], model_name, "has no channels", sink);
        return wiring;
    };
    for (name, channel) in channels {
        refuse(&channel, &["feeds"], model_name, "has no outputs", sink);
        let number = channel_number(&name, model_name, &words, |number| meter.has_channel(number), sink);
        let terminals = terminals(&channel, nodes, circuitry, sink);
        if !keys::BENCH_CHANNEL.keys.iter().any(|key| channel.contains(key.name)) {
            sink.error(&name.span, "a channel lies `across` nodes or `in_series` with a branch");
        }
        wiring.channels.extend(number.map(|number| (number, terminals)));
    }
    wiring
}

/// Refuses keys that this model has nothing for.
fn refuse(table: &Table<'_>, keys: &[&str], model_name: &str, what: &str, sink: &mut Diagnostics) {
    for span in keys.iter().filter_map(|key| table.key_span(key)) {
        sink.error(span, &format!("`{model_name}` {what}"));
    }
}

fn channel_number(
    name: &Spanned<String>,
    model_name: &str,
    words: &str,
    has: impl Fn(u32) -> bool,
    sink: &mut Diagnostics,
) -> Option<u32> {
    let number = name.value.parse().ok().filter(|number| has(*number));
    if number.is_none() {
        let message = format!("`{model_name}` has channels {words}, not {}", name.value);
        sink.error(&name.span, &message);
    }
    number
}

/// `across` and `in_series`, of a meter or of a channel of its scanner.
fn terminals(table: &Table<'_>, nodes: &Nodes, circuitry: &Circuitry, sink: &mut Diagnostics) -> Terminals {
    let branch = table.string(sink, "in_series");
    let branches = circuitry.branches.iter().enumerate();
    let choices: Vec<(&str, usize)> = branches.map(|(number, part)| (part.full.as_str(), number)).collect();
    Terminals {
        across: across(table, nodes, sink),
        in_series: branch.and_then(|branch| one_of(sink, "branch", &branch, &choices)),
    }
}

/// `"rail_3v3"`, with LO on ground, or `["high", "low"]`.
fn across(table: &Table<'_>, nodes: &Nodes, sink: &mut Diagnostics) -> Option<(Node, Node)> {
    let value = table.value("across")?;
    if value.kind() != Kind::Array {
        let node = value.string(sink)?;
        return Some((nodes.find(&node, sink)?, GROUND));
    }
    let pair = value.strings(sink)?;
    let [high, low] = pair.as_slice() else {
        let refusal = Diagnostic::error(value.span(), "a meter has two terminals");
        sink.push(refusal.help("for example [\"rail_3v3\", \"ground\"]"));
        return None;
    };
    let (high, low) = (nodes.find(high, sink), nodes.find(low, sink));
    Some((high?, low?))
}

/// Refuses nodes that nothing connects to a supply or to ground: nobody could say what voltage they have.
pub(super) fn check_connected(nodes: &Nodes, circuitry: &Circuitry, wirings: &[&Wiring], sink: &mut Diagnostics) {
    let fed = wirings.iter().flat_map(|wiring| wiring.feeds.values());
    let loaded = circuitry.loads.iter().map(|load| &load.nominal.node);
    let mut connected = vec![false; nodes.nodes.len()];
    let mut waiting: Vec<Node> = fed.chain(loaded).copied().chain([GROUND]).collect();
    while let Some(node) = waiting.pop() {
        match connected.get_mut(node) {
            Some(slot) if !*slot => *slot = true,
            Some(_) | None => continue,
        }
        for branch in &circuitry.branches {
            let (from, to) = (branch.nominal.from, branch.nominal.to);
            waiting.extend((from == node).then_some(to));
            waiting.extend((to == node).then_some(from));
        }
        let rails = circuitry.rails.iter().filter(|rail| rail.nominal.from == node);
        waiting.extend(rails.map(|rail| rail.nominal.to));
    }
    for (node, _) in connected.iter().enumerate().filter(|(_, connected)| !**connected) {
        if let Some(span) = nodes.span(node) {
            sink.error(span, "nothing connects this node to a supply or to ground");
        }
    }
}
