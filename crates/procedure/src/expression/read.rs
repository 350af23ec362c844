//! From text to a checked expression.

use super::lexer::{Token, tokens};
use super::{Comparison, Dimension, Expression, Function, Kind, Node, Operand, Parameter, Sign};
use crate::value::ValueKind;
use benchtop_instrument::Decimal;

/// Deeper nesting is refused: nobody reads it, and it would fill the stack.
const DEEPEST: usize = 64;

/// The words that `outcome()` is compared with.
pub(crate) const OUTCOMES: &[&str] = &["pass", "fail", "skip", "error", "timeout", "aborted"];

const FUNCTIONS: &[(&str, Function)] = &[
    ("abs", Function::Abs),
    ("min", Function::Min),
    ("max", Function::Max),
    ("sqrt", Function::Sqrt),
    ("log10", Function::Log10),
];

const COMPARISONS: &[(&str, Comparison)] = &[
    ("==", Comparison::Equal),
    ("!=", Comparison::Different),
    ("<", Comparison::Less),
    ("<=", Comparison::AtMost),
    (">", Comparison::More),
    (">=", Comparison::AtLeast),
];

/// What the names in an expression stand for. Each error is a sentence for people.
pub(crate) trait Names {
    /// `param.name`.
    fn parameter(&self, name: &str) -> Result<Parameter, String>;
    /// A measurement that is taken before.
    fn measurement(&self, name: &str) -> Result<Operand, String>;
    /// The full name of a step that ends before.
    fn outcome(&self, name: &str) -> Result<String, String>;
}

/// Reads an expression.
///
/// # Errors
/// What is wrong with it, in a sentence for people.
pub(crate) fn read(text: &str, names: &dyn Names) -> Result<Expression, String> {
    let tokens = tokens(text)?;
    let mut reader = Reader {
        tokens: tokens.iter(),
        names,
        depth: 0,
    };
    let (root, kind) = reader.either()?;
    match reader.tokens.next() {
        None => Ok(Expression {
            text: text.to_owned(),
            root,
            kind,
        }),
        Some(token) => Err(format!("`{token}` is unexpected here")),
    }
}

struct Reader<'a> {
    tokens: std::slice::Iter<'a, Token>,
    names: &'a dyn Names,
    depth: usize,
}

type Part = (Node, Kind);

impl Reader<'_> {
    fn takes(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.as_slice().first() == Some(wanted);
        if found {
            self.tokens.next();
        }
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.takes(&Token::Word(word.to_owned()))
    }

    fn expects(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes(&Token::Sign(sign)) {
            return Ok(());
        }
        Err(match self.tokens.as_slice().first() {
            Some(token) => format!("`{sign}` is expected before `{token}`"),
            None => format!("`{sign}` is missing at the end"),
        })
    }

    fn either(&mut self) -> Result<Part, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} levels deep"));
        }
        let mut left = self.both()?;
        while self.takes_word("or") {
            let right = self.both()?;
            let (left_node, right_node) = (truth("or", left)?, truth("or", right)?);
            left = (Node::Either(Box::new(left_node), Box::new(right_node)), Kind::Boolean);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn both(&mut self) -> Result<Part, String> {
        let mut left = self.not()?;
        while self.takes_word("and") {
            let right = self.not()?;
            let (left_node, right_node) = (truth("and", left)?, truth("and", right)?);
            left = (Node::Both(Box::new(left_node), Box::new(right_node)), Kind::Boolean);
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Part, String> {
        let mut negations = 0_usize;
        while self.takes_word("not") {
            negations += 1;
        }
        let part = self.comparison()?;
        if negations == 0 {
            return Ok(part);
        }
        let node = truth("not", part)?;
        let node = if negations % 2 == 1 {
            Node::Not(Box::new(node))
        } else {
            node
        };
        Ok((node, Kind::Boolean))
    }

    fn comparison(&mut self) -> Result<Part, String> {
        let left = self.sum()?;
        let found = match self.tokens.as_slice().first() {
            Some(Token::Sign(sign)) => COMPARISONS.iter().find(|(word, _)| word == sign),
            Some(Token::Quantity(_) | Token::Text(_) | Token::Word(_)) | None => None,
        };
        let Some((word, comparison)) = found else {
            return Ok(left);
        };
        self.tokens.next();
        let right = self.sum()?;
        check_comparison(word, *comparison, &left, &right)?;
        let node = Node::Compare(*comparison, Box::new(left.0), Box::new(right.0));
        Ok((node, Kind::Boolean))
    }

    fn sum(&mut self) -> Result<Part, String> {
        let mut left = self.product()?;
        loop {
            let (sign, word) = if self.takes(&Token::Sign("+")) {
                (Sign::Plus, "added to")
            } else if self.takes(&Token::Sign("-")) {
                (Sign::Minus, "subtracted from")
            } else {
                return Ok(left);
            };
            let right = self.product()?;
            let (mine, theirs) = (number(&left)?, number(&right)?);
            let dimension = mine.plus(theirs, sign == Sign::Minus);
            let dimension = dimension.ok_or_else(|| format!("{theirs} cannot be {word} {mine}"))?;
            if mixes_percent(&left, &right) && !is_one(&left.0) && !is_one(&right.0) {
                return Err(
                    "% is added to no bare number but 1: 80 % is 0.8, so write the sign with it, `80 %`".to_owned(),
                );
            }
            left = (
                Node::Sum(sign, Box::new(left.0), Box::new(right.0)),
                Kind::Number(dimension),
            );
        }
    }

    fn product(&mut self) -> Result<Part, String> {
        let mut left = self.signed()?;
        loop {
            let (power, word) = if self.takes(&Token::Sign("*")) {
                (1, "multiplied by")
            } else if self.takes(&Token::Sign("/")) {
                (-1, "divided by")
            } else {
                return Ok(left);
            };
            let right = self.signed()?;
            let (mine, theirs) = (number(&left)?, number(&right)?);
            let dimension = mine.times(theirs, power);
            let dimension = dimension.ok_or_else(|| format!("{mine} cannot be {word} {theirs}"))?;
            let (left_node, right_node) = (Box::new(left.0), Box::new(right.0));
            let node = match power {
                1 => Node::Product(left_node, right_node),
                _ => Node::Quotient(left_node, right_node),
            };
            left = (node, Kind::Number(dimension));
        }
    }

    fn signed(&mut self) -> Result<Part, String> {
        let mut negative = false;
        loop {
            if self.takes(&Token::Sign("-")) {
                negative = !negative;
            } else if !self.takes(&Token::Sign("+")) {
                break;
            }
        }
        let part = self.single()?;
        if !negative {
            return Ok(part);
        }
        let dimension = number(&part)?;
        Ok((Node::Negative(Box::new(part.0)), Kind::Number(dimension)))
    }

    fn single(&mut self) -> Result<Part, String> {
        match self.tokens.next() {
            None => Err("something is missing at the end".to_owned()),
            Some(Token::Quantity(quantity)) => Ok(Parameter::Quantity(*quantity).node()),
            Some(Token::Text(text)) => Ok((Node::Text(text.clone()), Kind::Text)),
            Some(Token::Sign("(")) => {
                let inner = self.either()?;
                self.expects(")")?;
                Ok(inner)
            }
            Some(token @ Token::Sign(_)) => Err(format!("`{token}` is unexpected here")),
            Some(Token::Word(word)) => self.named(word),
        }
    }

    fn named(&mut self, word: &str) -> Result<Part, String> {
        match word {
            "true" | "false" => return Ok((Node::Boolean(word == "true"), Kind::Boolean)),
            "and" | "or" | "not" => return Err(format!("`{word}` is unexpected here")),
            "param" => {
                self.expects(".")?;
                return match self.tokens.next() {
                    Some(Token::Word(name)) => Ok(self.names.parameter(name)?.node()),
                    Some(Token::Quantity(_) | Token::Text(_) | Token::Sign(_)) | None => {
                        Err("`param.` needs the name of a parameter".to_owned())
                    }
                };
            }
            _ => {}
        }
        let is_call = self.tokens.as_slice().first() == Some(&Token::Sign("("));
        if !is_call {
            return measured(self.names.measurement(word)?);
        }
        self.tokens.next();
        match word {
            "outcome" => {
                let step = self.quoted("outcome", "the name of a step")?;
                Ok((Node::Outcome(self.names.outcome(&step)?), Kind::Text))
            }
            "value" => {
                let name = self.quoted("value", "the name of a measurement")?;
                measured(self.names.measurement(&name)?)
            }
            _ => self.call(word),
        }
    }

    fn quoted(&mut self, function: &str, what: &str) -> Result<String, String> {
        let Some(Token::Text(text)) = self.tokens.next() else {
            return Err(format!("`{function}()` takes {what}, in quotes"));
        };
        self.expects(")")?;
        Ok(text.clone())
    }

    fn call(&mut self, word: &str) -> Result<Part, String> {
        let Some((_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == word) else {
            let known: Vec<&str> = FUNCTIONS.iter().map(|(known, _)| *known).collect();
            let meant = benchtop_notation::suggest(word, known.iter().copied());
            let help = meant.map_or_else(
                || format!("there are {}", known.join(", ")),
                |word| format!("did you mean `{word}`?"),
            );
            return Err(format!("there is no function `{word}`: {help}"));
        };
        let mut arguments = vec![self.either()?];
        while self.takes(&Token::Sign(",")) {
            arguments.push(self.either()?);
        }
        self.expects(")")?;
        let first = number(arguments.first().ok_or("nothing is given")?)?;
        let dimension = match function {
            Function::Abs | Function::Sqrt | Function::Log10 if arguments.len() != 1 => {
                return Err(format!("`{word}()` takes one number, not {}", arguments.len()));
            }
            Function::Abs => first,
            Function::Sqrt => first.root().ok_or_else(|| format!("{first} has no square root"))?,
            Function::Log10 => first
                .logarithm()
                .ok_or_else(|| format!("`log10()` takes a number without a unit, not {first}: a ratio"))?,
            Function::Min | Function::Max => {
                let mut all = first;
                for (at, argument) in arguments.iter().enumerate().skip(1) {
                    let other = number(argument)?;
                    let mixes = arguments.iter().take(at).any(|before| mixes_percent(before, argument));
                    let common = all.common(other).filter(|_| !mixes);
                    all = common.ok_or_else(|| format!("`{word}()` compares {all} with {other}"))?;
                }
                all
            }
        };
        let arguments = arguments.into_iter().map(|(node, _)| node).collect();
        Ok((Node::Call(*function, arguments), Kind::Number(dimension)))
    }
}

fn measured(operand: Operand) -> Result<Part, String> {
    let kind = match operand.kind {
        ValueKind::Number => Kind::Number(Dimension::of(operand.unit)),
        ValueKind::Text => Kind::Text,
        ValueKind::Boolean => Kind::Boolean,
        ValueKind::Numbers => return Err(format!("{} is an array: use one of its reductions", operand.name)),
    };
    Ok((Node::Measurement(operand), kind))
}

fn number((_, kind): &Part) -> Result<Dimension, String> {
    match kind {
        Kind::Number(dimension) => Ok(*dimension),
        Kind::Text => Err("there is no computing with a text".to_owned()),
        Kind::Boolean => Err("there is no computing with true and false".to_owned()),
    }
}

fn truth(word: &str, (node, kind): Part) -> Result<Node, String> {
    match kind {
        Kind::Boolean => Ok(node),
        Kind::Number(_) | Kind::Text => Err(format!("`{word}` needs conditions, such as `a > 1`")),
    }
}

/// True where one of the two is in per cent and the other a number that was written without: nobody knows whether 80 means 80 %.
fn mixes_percent(left: &Part, right: &Part) -> bool {
    [(left, right), (right, left)]
        .into_iter()
        .any(|(one, other)| match (one.1, other.1) {
            (Kind::Number(mine), Kind::Number(theirs)) => {
                mine.is_percent() && !theirs.is_percent() && other.0.is_written()
            }
            (Kind::Number(_) | Kind::Text | Kind::Boolean, _) => false,
        })
}

/// The whole, of which a per cent is a share.
fn is_one(node: &Node) -> bool {
    let amount = if let Node::Negative(inner) = node { inner } else { node };
    matches!(amount, Node::Quantity(one) if one.value == Decimal::ONE && Dimension::of(one.unit) == Dimension::NONE)
}

fn check_comparison(word: &str, comparison: Comparison, left: &Part, right: &Part) -> Result<(), String> {
    let equality = matches!(comparison, Comparison::Equal | Comparison::Different);
    match (left.1, right.1) {
        (Kind::Number(_), Kind::Number(_)) if mixes_percent(left, right) => {
            return Err(
                "% is never compared with a bare number: 80 % is 0.8, so write the sign with it, `80 %`".to_owned(),
            );
        }
        (Kind::Number(mine), Kind::Number(theirs)) if mine.common(theirs).is_some() => {}
        (Kind::Number(mine), Kind::Number(theirs)) => return Err(format!("{mine} is never compared with {theirs}")),
        (Kind::Text, Kind::Text) | (Kind::Boolean, Kind::Boolean) if equality => {}
        (Kind::Text, Kind::Text) | (Kind::Boolean, Kind::Boolean) => {
            return Err(format!(
                "`{word}` compares numbers; others are equal (`==`) or not (`!=`)"
            ));
        }
        (_, _) => return Err("the two sides are of different kinds".to_owned()),
    }
    for (one, other) in [(&left.0, &right.0), (&right.0, &left.0)] {
        if let (Node::Outcome(_), Node::Text(text)) = (one, other)
            && !OUTCOMES.contains(&text.as_str())
        {
            return Err(format!(
                "there is no outcome \"{text}\": it is one of {}",
                OUTCOMES.join(", ")
            ));
        }
    }
    Ok(())
}
