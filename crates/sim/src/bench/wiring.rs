//! Nodes and what feeds them; where the instruments' terminals are.

use super::circuitry::Circuitry;
use crate::{
    circuit::{GROUND, MAX_NODES, MAX_SERIES, Node},
    model::Model,
    world::Wiring,
};
use benchtop_notation::{Diagnostic, Diagnostics, Kind, Span, Spanned, Table, one_of};

/// The return of everything.
const GROUND_NAME: &str = "ground";

/// The nodes of a unit: ground, and every node that something feeds.
#[derive(Debug)]
pub(super) struct Nodes {
    names: Vec<(String, Option<Span>)>,
}

impl Nodes {
    pub(super) fn new() -> Self {
        Self {
            names: vec![(GROUND_NAME.to_owned(), None)],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Enters a node that something feeds; a second feeder is reported.
    pub(super) fn feed(&mut self, name: &Spanned<String>, sink: &mut Diagnostics) {
        let taken = self.names.iter().find(|(known, _)| *known == name.value);
        let message = match taken {
            None if self.names.len() >= MAX_NODES => format!("a unit has at most {MAX_NODES} nodes"),
            None => {
                self.names.push((name.value.clone(), Some(name.span.clone())));
                return;
            }
            Some((_, None)) => "nothing can feed ground".to_owned(),
            Some((_, Some(first))) => format!("node `{}` is fed already in line {}", name.value, first.line()),
        };
        sink.error(&name.span, &message);
    }

    /// The node of this name; one that nothing feeds is reported.
    pub(super) fn find(&self, name: &Spanned<String>, sink: &mut Diagnostics) -> Option<Node> {
        let choices: Vec<(&str, Node)> = self
            .names
            .iter()
            .enumerate()
            .map(|(node, (name, _))| (name.as_str(), node))
            .collect();
        one_of(sink, "node", name, &choices)
    }

    fn span(&self, node: Node) -> Option<&Span> {
        self.names.get(node).and_then(|(_, span)| span.as_ref())
    }
}

/// Enters the nodes that a supply's channels feed.
pub(super) fn feeds(table: &Table<'_>, nodes: &mut Nodes, sink: &mut Diagnostics) {
    for (_, channel) in table.tables_by_name(sink, "channels", &["feeds"]) {
        if let Some(node) = channel.require_string(sink, "feeds") {
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
    let refuse = |sink: &mut Diagnostics, keys: &[&str], what: &str| {
        for span in keys.iter().filter_map(|key| table.key_span(key)) {
            sink.error(span, &format!("`{model_name}` {what}"));
        }
    };
    if model.outputs() == 0 {
        refuse(sink, &["channels"], "has no outputs");
    }
    if !model.measures() {
        refuse(sink, &["across", "in_series"], "has no inputs");
        for (name, channel) in table.tables_by_name(sink, "channels", &["feeds"]) {
            let number = name
                .value
                .parse()
                .ok()
                .filter(|number| (1..=model.outputs()).contains(number));
            let Some(number) = number else {
                let message = format!(
                    "`{model_name}` has channels 1 to {}, not {}",
                    model.outputs(),
                    name.value
                );
                sink.error(&name.span, &message);
                continue;
            };
            let node = channel.string(sink, "feeds").and_then(|node| nodes.find(&node, sink));
            wiring.feeds.extend(node.map(|node| (number, node)));
        }
        return wiring;
    }
    wiring.across = across(table, nodes, sink);
    if let Some(branch) = table.string(sink, "in_series") {
        let branches = circuitry.branches.iter().enumerate();
        let choices: Vec<(&str, usize)> = branches.map(|(number, part)| (part.name.as_str(), number)).collect();
        wiring.in_series = one_of(sink, "branch", &branch, &choices);
    }
    wiring
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

/// Refuses circuits that are not trees with a supply at each root, and those with too many resistances in a row.
pub(super) fn check_trees(nodes: &Nodes, circuitry: &Circuitry, wirings: &[&Wiring], sink: &mut Diagnostics) {
    for node in 1..nodes.len() {
        let Some(span) = nodes.span(node) else { continue };
        let (mut at, mut steps, mut resistances) = (node, 0, 0);
        while let Some((from, resistive)) = feeder(at, circuitry, wirings) {
            at = from;
            steps += 1;
            resistances += usize::from(resistive);
            if steps > nodes.len() {
                sink.error(span, "this node feeds itself");
                break;
            }
        }
        if steps <= nodes.len() && resistances > MAX_SERIES {
            let message = format!("more than {MAX_SERIES} resistances or meters lie between this node and its supply");
            sink.error(span, &message);
        }
        if steps <= nodes.len() && at == GROUND {
            sink.error(span, "this node is fed from ground");
        }
    }
}

/// The node that feeds this one, and whether something lies between that can drop voltage.
fn feeder(node: Node, circuitry: &Circuitry, wirings: &[&Wiring]) -> Option<(Node, bool)> {
    if node == GROUND {
        return None;
    }
    let rail = circuitry.rails.iter().find(|rail| rail.nominal.to == node);
    if let Some(rail) = rail {
        return Some((rail.nominal.from, false));
    }
    let (number, branch) = circuitry
        .branches
        .iter()
        .enumerate()
        .find(|(_, branch)| branch.nominal.to == node)?;
    let metered = wirings.iter().any(|wiring| wiring.in_series == Some(number));
    Some((branch.nominal.from, metered || branch.has_resistance()))
}
