//! `prompt = { ... }`: a question to the operator.

use super::{
    super::{
        draft::Draft,
        judging::{is_judged, limit_of_no_reading, limit_place},
        limit, quantity,
    },
    extract,
    keys::PROMPT,
};
use crate::{
    kinds::{Prompt, PromptKind},
    limit::Limit,
    model::Measurement,
    said::{Extract, Place, Speaker},
    value::{Value as Measured, ValueKind},
};
use benchtop_instrument::{BaseUnit, Unit};
use benchtop_notation::{Diagnostic, Diagnostics, Span, Spanned, Table, Value, one_of};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    YesNo,
    Text,
    Number,
    Choice,
}

const KINDS: &[(&str, Word)] = &[
    ("yes_no", Word::YesNo),
    ("text", Word::Text),
    ("number", Word::Number),
    ("choice", Word::Choice),
];

/// The keys that belong to one kind of prompt each.
const BELONGS: &[(&str, &[Word])] = &[
    ("passes", &[Word::YesNo]),
    ("unit", &[Word::Number]),
    ("choices", &[Word::Choice]),
    ("limit", &[Word::Text, Word::Number, Word::Choice]),
];

/// Longest question.
const LONGEST_MESSAGE: usize = 2000;

/// Reads a prompt. `None` where it is wrong, which was reported.
pub(in crate::parse) fn prompt(draft: &mut Draft, value: Value<'_>, step: &str) -> Option<Prompt> {
    let table = PROMPT.open(&mut draft.sink, value)?;
    let name = extract::name(draft, &table);
    let label = extract::label(step, name.as_ref());
    // a limit or an answer that passes was meant to judge, even where it is wrong
    draft.has_limit |= is_judged(draft, &table, name.as_ref()) || table.contains("passes");
    let sink = &mut draft.sink;
    let message = message(sink, &table, &label);
    let image = table.string(sink, "image");
    let word = table
        .require_string(sink, "kind")
        .and_then(|word| one_of(sink, "kind of prompt", &word, KINDS));
    let word = word?;
    let fits = fits(sink, &table, &label, word);
    let (kind, value_kind, unit) = match word {
        Word::YesNo => (PromptKind::YesNo, ValueKind::Boolean, Some(Unit::of(BaseUnit::One))),
        Word::Text => (PromptKind::Text, ValueKind::Text, Some(Unit::of(BaseUnit::One))),
        Word::Number => (PromptKind::Number, ValueKind::Number, quantity::any_unit(sink, &table)),
        Word::Choice => {
            let choices = choices(sink, &table, &label)?;
            (
                PromptKind::Choice(choices),
                ValueKind::Text,
                Some(Unit::of(BaseUnit::One)),
            )
        }
    };
    let limit = match word {
        Word::YesNo => Some(Some(passes(sink, &table)?)),
        Word::Text | Word::Number | Word::Choice => {
            let reader = limit::Reader {
                label: &label,
                kind: value_kind,
                unit,
            };
            limit_of_no_reading(draft, &table, name.as_ref(), reader)
                .map(|written| written.map(|written| written.limit))
        }
    };
    let limit = limit?;
    let judged_at = limit_place(draft, &table, name.as_ref());
    if let (PromptKind::Choice(choices), Some(limit)) = (&kind, &limit) {
        can_be_chosen(&mut draft.sink, &judged_at, &label, choices, limit)?;
    }
    let source = Extract {
        speaker: Speaker::Operator,
        place: Place::Whole,
    };
    fits.then_some(())?;
    Some(Prompt {
        message: message?,
        image: image.map(|image| (image.value, image.span)),
        kind,
        measurement: Measurement::of_words(name?.value, source, value_kind, unit?, limit, table.span())
            .judged_at(judged_at),
    })
}

fn message(sink: &mut Diagnostics, table: &Table<'_>, label: &str) -> Option<String> {
    let message = table.require_string(sink, "message")?;
    let reason = if message.value.trim().is_empty() {
        "the message says nothing"
    } else if message.value.chars().count() > LONGEST_MESSAGE {
        "the message is longer than 2000 characters"
    } else {
        return Some(message.value);
    };
    sink.error(&message.span, &format!("{label}: {reason}"));
    None
}

/// Whether every key is for this kind of prompt, and every key that it needs is there.
fn fits(sink: &mut Diagnostics, table: &Table<'_>, label: &str, word: Word) -> bool {
    let name = |word: Word| {
        KINDS
            .iter()
            .find(|(_, known)| *known == word)
            .map_or("", |(name, _)| *name)
    };
    let mut fits = true;
    for (key, words) in BELONGS {
        let belongs = words.contains(&word);
        if let Some(span) = table.key_span(key).filter(|_| !belongs) {
            let owners: Vec<String> = words.iter().map(|word| format!("`{}`", name(*word))).collect();
            let message = format!("{label}: `{key}` is not for a prompt of kind `{}`", name(word));
            let help = format!("it is for {}", owners.join(", "));
            sink.push(Diagnostic::error(span, &message).help(&help));
            fits = false;
        }
        if belongs && *key != "limit" && !table.contains(key) {
            let message = format!("{label}: a prompt of kind `{}` needs `{key}`", name(word));
            let mut finding = Diagnostic::error(table.span(), &message);
            if word == Word::YesNo {
                finding =
                    finding.help("`passes = \"yes\"` or `passes = \"no\"`: the other answer is a FAIL of the unit");
            }
            sink.push(finding);
            fits = false;
        }
    }
    fits
}

fn choices(sink: &mut Diagnostics, table: &Table<'_>, label: &str) -> Option<Vec<String>> {
    let value = table.value("choices")?;
    let choices: Vec<Spanned<String>> = value.strings(sink)?;
    let mut seen = BTreeSet::new();
    let mut sound = true;
    for choice in &choices {
        let reason = if choice.value.trim().is_empty() || choice.value.trim() != choice.value {
            "is empty or has blanks around it"
        } else if !seen.insert(choice.value.as_str()) {
            "is here for the second time"
        } else {
            continue;
        };
        sink.error(
            &choice.span,
            &format!("{label}: the choice \"{}\" {reason}", choice.value),
        );
        sound = false;
    }
    if choices.len() < 2 {
        sink.error(value.span(), &format!("{label}: a choice has two answers or more"));
        sound = false;
    }
    sound.then(|| choices.into_iter().map(|choice| choice.value).collect())
}

/// The limit that a `yes_no` has.
fn passes(sink: &mut Diagnostics, table: &Table<'_>) -> Option<Limit> {
    let word = table.string(sink, "passes")?;
    let passes = one_of(sink, "answer", &word, &[("yes", true), ("no", false)])?;
    Some(Limit {
        equals: Some(Measured::Boolean(passes)),
        ..Limit::default()
    })
}

/// A limit that no choice meets fails every unit.
fn can_be_chosen(sink: &mut Diagnostics, place: &Span, label: &str, choices: &[String], limit: &Limit) -> Option<()> {
    let unit = Unit::of(BaseUnit::One);
    let strange = limit.equals.iter().chain(&limit.one_of).find(|value| match value {
        Measured::Text(text) => !choices.contains(text),
        Measured::Number(_) | Measured::Boolean(_) | Measured::Numbers(_) => true,
    });
    let Some(strange) = strange else {
        let chosen = limit
            .matches
            .as_ref()
            .is_none_or(|pattern| choices.iter().any(|choice| pattern.is_match(choice)));
        if !chosen {
            let message = format!("{label}: none of the choices passes its limit");
            sink.push(Diagnostic::error(place, &message).help("`matches` is for the whole answer"));
        }
        return chosen.then_some(());
    };
    let message = format!(
        "{label}: the limit wants {}, which is no choice",
        strange.for_people(unit)
    );
    let help = format!("the choices are {}", choices.join(", "));
    sink.push(Diagnostic::error(place, &message).help(&help));
    None
}
