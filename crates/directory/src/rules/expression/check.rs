//! Types and cost of an expression, known before it ever runs.
//!
//! Invariants: everything that passes has one of five types and a worst case within the limits; fields and
//! patterns are replaced by numbers, so that running asks for nothing by name. CEL has more than this; what is
//! left out (maps, time, doubles, bytes) nobody needs for names and filters.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, operators},
};
use regex::RegexBuilder;

use super::{
    DEPTH_MAX, Field, Located, Outcome, STEPS_MAX, Subject, TEXT_BYTES_MAX, pattern_problem,
    run::{Pattern, field_name, pattern_name},
};
use crate::{observation::VALUE_BYTES_MAX, text::line};

/// Values of one attribute are lines of at least one character.
const LIST_ITEMS_MAX: u64 = VALUE_BYTES_MAX as u64 / 2;
/// A compiled pattern may take so much memory.
const PATTERN_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Text,
    /// A list of texts, or the empty list.
    List,
}

/// A type with its worst case.
#[derive(Clone, Copy, Debug)]
struct Shape {
    kind: Kind,
    /// Bytes of a text, or of all texts of a list.
    bytes: u64,
    /// Items of a list.
    items: u64,
    /// Steps to work it out.
    steps: u64,
}

impl Shape {
    fn of(kind: Kind, bytes: u64) -> Self {
        Self { kind, bytes, items: 0, steps: 1 }
    }
}

type Checked<T> = Result<T, Located>;

/// What a check found.
pub(super) struct Checks {
    pub(super) patterns: Vec<Pattern>,
    pub(super) fields: Vec<Field>,
    pub(super) warnings: Vec<Located>,
}

/// Checks the tree and prepares it for running; gives the patterns and fields that it uses.
pub(super) fn check(
    tree: &mut IdedExpr,
    (subject, outcome): (Subject, Outcome),
) -> Checked<Checks> {
    let mut checker = Checker {
        subject,
        scope: Vec::new(),
        patterns: Vec::new(),
        fields: Vec::new(),
        warnings: Vec::new(),
    };
    let shape = checker.shape(tree, 0)?;
    let wanted = match outcome {
        Outcome::Condition => Kind::Bool,
        Outcome::Text => Kind::Text,
    };
    if shape.kind != wanted {
        let message = format!(
            "the expression gives {}, and {} is needed here",
            words(shape.kind),
            words(wanted)
        );
        return Err(Located { node: tree.id, message });
    }
    let Checker { patterns, fields, warnings, .. } = checker;
    Ok(Checks { patterns, fields, warnings })
}

struct Checker {
    subject: Subject,
    /// Variables of the list functions around, innermost last.
    scope: Vec<(String, Shape)>,
    patterns: Vec<Pattern>,
    fields: Vec<Field>,
    warnings: Vec<Located>,
}

impl Checker {
    fn shape(&mut self, node: &mut IdedExpr, depth: usize) -> Checked<Shape> {
        let id = node.id;
        if depth > DEPTH_MAX {
            return problem(id, format!("nested deeper than {DEPTH_MAX} levels; simplify it"));
        }
        let shape = match &mut node.expr {
            Expr::Literal(value) => literal(id, value)?,
            Expr::Ident(name) => self.variable(id, name)?,
            Expr::Select(select) => {
                let whole = matches!(&select.operand.expr, Expr::Ident(name) if name == self.subject.as_str());
                if select.test {
                    return problem(
                        id,
                        "has() is not needed: what is empty is the empty text, compare with \"\""
                            .to_owned(),
                    );
                }
                if !whole {
                    if let Expr::Ident(name) = &select.operand.expr {
                        self.variable(select.operand.id, name)?;
                    }
                    return problem(
                        id,
                        format!("only {0} has fields, as in {0}.mail", self.subject.as_str()),
                    );
                }
                let (field, shape) = self.field(id, &select.field)?;
                node.expr = Expr::Ident(field_name(field));
                shape
            }
            Expr::Call(call) => self.call(id, call, depth)?,
            Expr::List(list) => self.list(id, list, depth)?,
            Expr::Comprehension(comprehension) => self.comprehension(id, comprehension, depth)?,
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                return problem(
                    id,
                    "there are no maps and structures here; use texts, numbers and lists"
                        .to_owned(),
                );
            }
        };
        if shape.steps > STEPS_MAX {
            return problem(
                id,
                format!("could take more than {STEPS_MAX} steps for one record; simplify it"),
            );
        }
        if shape.bytes > TEXT_BYTES_MAX {
            return problem(
                id,
                format!("could make a text of more than {TEXT_BYTES_MAX} bytes; simplify it"),
            );
        }
        Ok(shape)
    }

    fn variable(&self, id: u64, name: &str) -> Checked<Shape> {
        if let Some((_, shape)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Ok(Shape { steps: 1, ..*shape });
        }
        let subject = self.subject.as_str();
        if name == subject {
            return problem(id, format!("say which field, as in {subject}.mail"));
        }
        problem(id, format!("there is no `{name}`; an expression here speaks of {subject}.FIELD"))
    }

    fn field(&mut self, id: u64, name: &str) -> Checked<(usize, Shape)> {
        let Some(field) = Field::named(self.subject, name) else {
            let message = format!(
                "{} has no field `{name}`; docs/operators/rules.md lists the fields that are read from providers",
                self.subject.as_str()
            );
            return problem(id, message);
        };
        if !self.fields.contains(&field) {
            self.fields.push(field);
        }
        let bytes = match field.kind() {
            Kind::Text | Kind::List => VALUE_BYTES_MAX as u64,
            Kind::Bool | Kind::Int => 0,
        };
        let items = if field.kind() == Kind::List { LIST_ITEMS_MAX } else { 0 };
        Ok((
            super::run::number(field),
            Shape { kind: field.kind(), bytes, items, steps: 1 + items },
        ))
    }

    fn list(&mut self, id: u64, list: &mut ListExpr, depth: usize) -> Checked<Shape> {
        let mut sum = Shape::of(Kind::List, 0);
        for item in &mut list.elements {
            let shape = self.shape(item, depth + 1)?;
            if shape.kind != Kind::Text {
                return problem(
                    item.id,
                    format!("a list holds texts, and this is {}", words(shape.kind)),
                );
            }
            sum.bytes += shape.bytes;
            sum.items += 1;
            sum.steps += shape.steps;
        }
        if list.optional_indices.is_empty() {
            Ok(sum)
        } else {
            problem(id, "optional items are not known here".to_owned())
        }
    }

    fn comprehension(
        &mut self,
        id: u64,
        each: &mut ComprehensionExpr,
        depth: usize,
    ) -> Checked<Shape> {
        let range = self.shape(&mut each.iter_range, depth + 1)?;
        if range.kind != Kind::List || each.iter_var2.is_some() {
            return problem(each.iter_range.id, "only a list can be gone through".to_owned());
        }
        if each.iter_var == self.subject.as_str() {
            return problem(
                id,
                format!("`{}` means the record; name the variable otherwise", each.iter_var),
            );
        }
        let start = self.shape(&mut each.accu_init, depth + 1)?;
        self.scope.push((each.accu_var.clone(), start));
        self.scope.push((
            each.iter_var.clone(),
            Shape::of(Kind::Text, range.bytes.min(VALUE_BYTES_MAX as u64)),
        ));
        let cond = self.shape(&mut each.loop_cond, depth + 1)?;
        let step = self.shape(&mut each.loop_step, depth + 1)?;
        self.scope.pop();
        self.scope.pop();
        let step_kind_fits = step.kind == start.kind;
        if !step_kind_fits {
            return problem(id, format!("gives {} for an item", words(step.kind)));
        }
        let rounds = if start.kind == Kind::List { range.items } else { 1 };
        let sum = Shape {
            kind: start.kind,
            bytes: step.bytes.saturating_mul(rounds),
            items: rounds,
            steps: 1,
        };
        self.scope.push((each.accu_var.clone(), sum));
        let result = self.shape(&mut each.result, depth + 1)?;
        self.scope.pop();
        let rounds = range.items.saturating_mul(cond.steps + step.steps);
        let steps = range.steps.saturating_add(rounds).saturating_add(start.steps + result.steps);
        Ok(Shape { steps, ..result })
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Checked<Shape> {
        match call.func_name.as_str() {
            "matches" => return self.matches(id, call, depth),
            "regexReplace" => return self.regex_replace(id, call, depth),
            _ => self.warn_of_pattern(call),
        }
        let mut shapes = Vec::with_capacity(3);
        if let Some(target) = &mut call.target {
            shapes.push(self.shape(target, depth + 1)?);
        }
        for argument in &mut call.args {
            shapes.push(self.shape(argument, depth + 1)?);
        }
        let result = result(&call.func_name, call.target.is_some(), &shapes);
        let Some(result) = result else {
            return problem(id, not_so(&call.func_name, &shapes));
        };
        // Work on a text counts by its length.
        let length: u64 = shapes.iter().map(|shape| shape.bytes / 1_024).sum();
        let steps = shapes.iter().map(|shape| shape.steps).sum::<u64>() + 1 + length;
        Ok(Shape { steps, ..result })
    }

    /// The pattern is compiled here, once, and found by its number when the expression runs.
    fn matches(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Checked<Shape> {
        let how =
            "matches is asked of a text, with a pattern in quotes: user.mail.matches(\"^[a-z]+@\")";
        let (Some(target), [pattern]) = (&mut call.target, call.args.as_mut_slice()) else {
            return problem(id, how.to_owned());
        };
        let text = self.shape(target, depth + 1)?;
        let Expr::Literal(LiteralValue::String(source)) = &pattern.expr else {
            return problem(pattern.id, how.to_owned());
        };
        if text.kind != Kind::Text {
            return problem(id, how.to_owned());
        }
        pattern.expr = self.pattern(pattern.id, source.inner())?;
        Ok(Shape { steps: text.steps + 16, ..Shape::of(Kind::Bool, 0) })
    }

    /// As `matches`: the pattern is compiled here. What stands in its place is written too, so that its length is known.
    fn regex_replace(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Checked<Shape> {
        let how = "regexReplace is asked of a text, with a pattern and a text in quotes: \
                   user.display_name.regexReplace(\"[#+,]\", \"_\")";
        let (Some(target), [pattern, with]) = (&mut call.target, call.args.as_mut_slice()) else {
            return problem(id, how.to_owned());
        };
        let text = self.shape(target, depth + 1)?;
        let (
            Expr::Literal(LiteralValue::String(source)),
            Expr::Literal(LiteralValue::String(with)),
        ) = (&pattern.expr, &with.expr)
        else {
            return problem(id, how.to_owned());
        };
        if text.kind != Kind::Text {
            return problem(id, how.to_owned());
        }
        let with = with.inner();
        let groups = with.matches('$').count() as u64;
        let bytes = (text.bytes + 1)
            .saturating_mul(with.len() as u64 + 1)
            .saturating_add(text.bytes.saturating_mul(groups));
        pattern.expr = self.pattern(pattern.id, source.inner())?;
        Ok(Shape { steps: text.steps + 16 + bytes / 1_024, ..Shape::of(Kind::Text, bytes) })
    }

    fn pattern(&mut self, node: u64, source: &str) -> Checked<Expr> {
        match RegexBuilder::new(source).size_limit(PATTERN_BYTES_MAX).build() {
            Ok(regex) => self.patterns.push(Pattern(regex)),
            Err(error) => return problem(node, pattern_problem(source, &error)),
        }
        Ok(Expr::Ident(pattern_name(self.patterns.len() - 1)))
    }

    /// Functions that take a text take it literally; one that looks like a pattern may be meant as one.
    fn warn_of_pattern(&mut self, call: &CallExpr) {
        let instead = match call.func_name.as_str() {
            "replace" => "regexReplace",
            "contains" | "startsWith" | "endsWith" | "indexOf" | "lastIndexOf" | "split" => {
                "matches"
            }
            _ => return,
        };
        let Some(first) = call.args.first().filter(|_| call.target.is_some()) else { return };
        let Expr::Literal(LiteralValue::String(text)) = &first.expr else { return };
        if looks_like_pattern(text.inner()) {
            let function = &call.func_name;
            let message = format!(
                "`{}` looks like a pattern; {function} takes it as the text that it is; use {instead} for a pattern",
                line(text.inner(), 80)
            );
            self.warnings.push(Located { node: first.id, message });
        }
    }
}

/// What a function gives, or `None` when it does not take these.
fn result(name: &str, member: bool, shapes: &[Shape]) -> Option<Shape> {
    use Kind::{Bool, Int, List, Text};
    let kinds: Vec<Kind> = shapes.iter().map(|shape| shape.kind).collect();
    let bytes = |at: usize| shapes[at].bytes;
    let plain = |kind| Some(Shape::of(kind, 0));
    if member {
        return match (name, kinds.as_slice()) {
            ("contains" | "startsWith" | "endsWith", [Text, Text]) => plain(Bool),
            ("size", [Text | List]) | ("indexOf" | "lastIndexOf", [Text, Text]) => plain(Int),
            ("lowerAscii" | "upperAscii" | "trim", [Text])
            | ("join", [List])
            | ("substring", [Text, Int] | [Text, Int, Int]) => Some(Shape::of(Text, bytes(0))),
            ("charAt", [Text, Int]) => Some(Shape::of(Text, 4)),
            ("replace", [Text, Text, Text]) => {
                Some(Shape::of(Text, (bytes(0) + 1).saturating_mul(bytes(2) + 1)))
            }
            ("split", [Text, Text]) => {
                Some(Shape { items: bytes(0) + 1, ..Shape::of(List, bytes(0)) })
            }
            ("join", [List, Text]) => {
                Some(Shape::of(Text, bytes(0) + shapes[0].items.saturating_mul(bytes(1))))
            }
            _ => None,
        };
    }
    match (name, kinds.as_slice()) {
        (operators::EQUALS | operators::NOT_EQUALS, [a, b]) if a == b => plain(Bool),
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [Int, Int] | [Text, Text],
        )
        | (operators::LOGICAL_AND | operators::LOGICAL_OR, [Bool, Bool])
        | (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [Bool])
        | (operators::IN, [Text, List]) => plain(Bool),
        (operators::CONDITIONAL, [Bool, a, b]) if a == b => Some(Shape {
            items: shapes[1].items.max(shapes[2].items),
            ..Shape::of(*a, bytes(1).max(bytes(2)))
        }),
        (operators::ADD, [Text, Text]) => Some(Shape::of(Text, bytes(0) + bytes(1))),
        (operators::ADD, [List, List]) => Some(Shape {
            items: shapes[0].items + shapes[1].items,
            ..Shape::of(List, bytes(0) + bytes(1))
        }),
        (operators::ADD | operators::SUBSTRACT, [Int, Int]) | ("size", [Text | List]) => plain(Int),
        (operators::INDEX, [List, Int]) => {
            Some(Shape::of(Text, bytes(0).min(VALUE_BYTES_MAX as u64)))
        }
        ("string", [Text]) => Some(Shape::of(Text, bytes(0))),
        ("string", [Int | Bool]) => Some(Shape::of(Text, 20)),
        _ => None,
    }
}

fn literal(id: u64, value: &LiteralValue) -> Checked<Shape> {
    match value {
        LiteralValue::Boolean(_) => Ok(Shape::of(Kind::Bool, 0)),
        LiteralValue::Int(_) => Ok(Shape::of(Kind::Int, 0)),
        LiteralValue::String(text) => Ok(Shape::of(Kind::Text, text.inner().len() as u64)),
        LiteralValue::Null => {
            problem(id, "nothing is null here: what is empty is the empty text, \"\"".to_owned())
        }
        LiteralValue::Bytes(_) | LiteralValue::Double(_) | LiteralValue::UInt(_) => {
            problem(id, "only texts, whole numbers, true and false can be written here".to_owned())
        }
    }
}

fn not_so(name: &str, shapes: &[Shape]) -> String {
    let given: Vec<&str> = shapes.iter().map(|shape| words(shape.kind)).collect();
    let shown = operator(name);
    if given.is_empty() {
        return format!("there is no function `{shown}` without arguments");
    }
    format!("`{shown}` is not known for {}", given.join(" and "))
}

/// An operator as it is written: CEL calls `a == b` `_==_`.
fn operator(name: &str) -> String {
    match name {
        operators::IN => "in".to_owned(),
        operators::CONDITIONAL => "? :".to_owned(),
        operators::INDEX => "[ ]".to_owned(),
        name => name.trim_matches('_').to_owned(),
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int => "a number",
        Kind::Text => "a text",
        Kind::List => "a list",
    }
}

/// Whether a text has what regular expressions are made of: a set, a repetition, a choice, an anchor, an escape.
fn looks_like_pattern(text: &str) -> bool {
    let inside = |open: char, close: char| {
        text.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map(|(inside, _)| inside)
    };
    let escape = text
        .split_once('\\')
        .is_some_and(|(_, rest)| rest.starts_with(|c: char| "dDwWsSbBpP.+*?()[]{}|^$".contains(c)));
    let repeats = [".*", ".+", ".?", ")*", ")+", ")?", "]*", "]+", "]?", "]{"];
    escape
        || inside('[', ']').is_some_and(|set| !set.is_empty())
        || inside('(', ')').is_some_and(|choice| choice.contains('|') || choice.starts_with("?:"))
        || repeats.iter().any(|part| text.contains(part))
        || (text.len() > 1 && (text.starts_with('^') || text.ends_with('$')))
}

fn problem<T>(node: u64, message: String) -> Checked<T> {
    Err(Located { node, message })
}
