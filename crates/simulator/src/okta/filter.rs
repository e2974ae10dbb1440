//! The language of `filter` and `search`: comparisons with `and`, `or` and parentheses.
//!
//! Grammar: `or` of `and` of terms; a term is `property operator "literal"`, `property pr`, or parentheses. Which
//! operators and properties there are depends on the parameter ([`Dialect`]). Texts compare without case, as at the
//! vendor; ids and statuses with it. Anything else is refused, never ignored.

use std::cmp::Ordering;

use crate::clock::parse_time;

/// The deepest nesting of parentheses.
const DEPTH_MAX: usize = 20;

/// What a property is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, compared without case.
    Text,
    /// A word, compared with its case.
    Word,
    /// A time.
    Time,
}

/// What may be asked by one parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) properties: &'static [(&'static str, Kind)],
    /// Properties below this prefix are texts, whether they exist or not.
    pub(super) open: Option<&'static str>,
    /// Whether there are `sw`, `co` and `pr`, and order among texts.
    pub(super) rich: bool,
    /// Whether there is `ne`.
    pub(super) negates: bool,
}

/// A value of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field<'a> {
    /// It has none.
    Absent,
    /// A text or word.
    Text(&'a str),
    /// The same, made up.
    Owned(String),
    /// A time in milliseconds since 1970.
    Time(i64),
    /// Several, of which one must match.
    Many(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Sw,
    Co,
    Pr,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Term(Term),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    property: String,
    kind: Kind,
    operator: Operator,
    text: String,
    time_ms: i64,
}

impl Filter {
    /// Reads an expression; `None` if it is not one.
    pub(super) fn parse(text: &str, dialect: Dialect) -> Option<Self> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, at: 0, dialect, depth: 0 };
        let filter = parser.any()?;
        (parser.at == tokens.len()).then_some(filter)
    }

    /// Whether an object matches, given how to read its properties.
    pub(super) fn matches<'a>(&self, read: &dyn Fn(&str) -> Field<'a>) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.matches(read)),
            Self::And(parts) => parts.iter().all(|part| part.matches(read)),
            Self::Term(term) => term.matches(&read(&term.property)),
        }
    }
}

impl Term {
    fn matches(&self, field: &Field<'_>) -> bool {
        match field {
            Field::Absent => self.operator == Operator::Ne,
            _ if self.operator == Operator::Pr => true,
            Field::Time(time) => self.orders(time.cmp(&self.time_ms)),
            Field::Text(text) => self.compares(text),
            Field::Owned(text) => self.compares(text),
            Field::Many(texts) if self.operator == Operator::Ne => {
                texts.iter().all(|text| self.compares(text))
            }
            Field::Many(texts) => texts.iter().any(|text| self.compares(text)),
        }
    }

    fn compares(&self, value: &str) -> bool {
        let lower;
        let value = if self.kind == Kind::Text {
            lower = value.to_lowercase();
            lower.as_str()
        } else {
            value
        };
        match self.operator {
            Operator::Sw => value.starts_with(&self.text),
            Operator::Co => value.contains(&self.text),
            _ => self.orders(value.cmp(&self.text)),
        }
    }

    fn orders(&self, ordering: Ordering) -> bool {
        match self.operator {
            Operator::Eq => ordering.is_eq(),
            Operator::Ne => ordering.is_ne(),
            Operator::Gt => ordering.is_gt(),
            Operator::Ge => ordering.is_ge(),
            Operator::Lt => ordering.is_lt(),
            Operator::Le => ordering.is_le(),
            Operator::Sw | Operator::Co | Operator::Pr => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            ' ' => {}
            '(' => out.push(Token::Open),
            ')' => out.push(Token::Close),
            '"' => {
                let mut value = String::new();
                loop {
                    match signs.next()? {
                        '"' => break,
                        '\\' => value.push(signs.next()?),
                        sign => value.push(sign),
                    }
                }
                out.push(Token::Text(value));
            }
            first => {
                let mut word = String::from(first);
                while let Some(sign) = signs.next_if(|sign| !matches!(sign, ' ' | '(' | ')' | '"'))
                {
                    word.push(sign);
                }
                out.push(Token::Word(word));
            }
        }
    }
    Some(out)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    dialect: Dialect,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<&Token> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at),
            Some(Token::Word(at)) if at.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Option<Filter> {
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn all(&mut self) -> Option<Filter> {
        let mut parts = vec![self.term()?];
        while self.take_word("and") {
            parts.push(self.term()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn term(&mut self) -> Option<Filter> {
        if self.tokens.get(self.at) == Some(&Token::Open) {
            self.at += 1;
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return None;
            }
            let inside = self.any()?;
            self.depth -= 1;
            return (self.next() == Some(&Token::Close)).then_some(inside);
        }
        let Token::Word(property) = self.next()?.clone() else {
            return None;
        };
        let kind = self.kind(&property)?;
        let Token::Word(operator) = self.next()?.clone() else {
            return None;
        };
        let operator = self.operator(&operator, kind)?;
        if operator == Operator::Pr {
            let (text, time_ms) = (String::new(), 0);
            return Some(Filter::Term(Term { property, kind, operator, text, time_ms }));
        }
        let literal = match self.next()? {
            Token::Text(text) => text.clone(),
            Token::Word(word) if matches!(word.as_str(), "true" | "false") => word.clone(),
            Token::Word(word) if word.parse::<f64>().is_ok() => word.clone(),
            _ => return None,
        };
        let time_ms = if kind == Kind::Time { parse_time(&literal)? } else { 0 };
        let text = if kind == Kind::Text { literal.to_lowercase() } else { literal };
        Some(Filter::Term(Term { property, kind, operator, text, time_ms }))
    }

    fn kind(&self, property: &str) -> Option<Kind> {
        let found = self.dialect.properties.iter().find(|(known, _)| *known == property);
        let open = self.dialect.open.is_some_and(|prefix| property.starts_with(prefix));
        found.map(|(_, kind)| *kind).or(open.then_some(Kind::Text))
    }

    fn operator(&self, word: &str, kind: Kind) -> Option<Operator> {
        let operator = match word.to_ascii_lowercase().as_str() {
            "eq" => Operator::Eq,
            "ne" if self.dialect.negates => Operator::Ne,
            "gt" => Operator::Gt,
            "ge" => Operator::Ge,
            "lt" => Operator::Lt,
            "le" => Operator::Le,
            "sw" if self.dialect.rich && kind != Kind::Time => Operator::Sw,
            "co" if self.dialect.rich && kind != Kind::Time => Operator::Co,
            "pr" if self.dialect.rich => Operator::Pr,
            _ => return None,
        };
        let orders = matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
        (!orders || self.dialect.rich || kind == Kind::Time).then_some(operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Dialect = Dialect {
        properties: &[
            ("id", Kind::Word),
            ("profile.login", Kind::Text),
            ("lastUpdated", Kind::Time),
        ],
        open: None,
        rich: false,
        negates: false,
    };
    const RICH: Dialect = Dialect { open: Some("profile."), rich: true, ..PLAIN };

    fn holds(filter: &str, dialect: Dialect) -> bool {
        let read = |property: &str| match property {
            "id" => Field::Text("00uA"),
            "profile.login" => Field::Text("Ann.O\"Brien@x.example"),
            "profile.badges" => Field::Many(vec!["a".to_owned(), "b".to_owned()]),
            "lastUpdated" => Field::Time(1_795_438_800_500),
            _ => Field::Absent,
        };
        Filter::parse(filter, dialect).unwrap().matches(&read)
    }

    #[test]
    fn reads_the_subset() {
        assert!(holds(r#"profile.login eq "ann.o\"brien@X.example""#, PLAIN));
        assert!(holds(r#"id eq "00uA""#, PLAIN) && !holds(r#"id eq "00ua""#, PLAIN));
        assert!(holds(r#"lastUpdated gt "2026-11-23T13:00:00.000Z""#, PLAIN));
        assert!(holds(r#"lastUpdated le "2026-11-23T13:00:00.500Z""#, PLAIN));
        assert!(holds(
            r#"id eq "x" or id eq "00uA" and lastUpdated ge "2026-01-01T00:00:00Z""#,
            PLAIN
        ));
        assert!(!holds(r#"(id eq "00uA" or id eq "x") and id eq "y""#, PLAIN));
        assert!(holds(r#"profile.login sw "ANN" and profile.badges eq "b""#, RICH));
        assert!(holds(r#"profile.login co "brien" AND profile.login pr"#, RICH));
        assert!(!holds("profile.shoes pr", RICH) && !holds(r#"profile.shoes eq "1""#, RICH));
    }

    #[test]
    fn refuses_the_rest() {
        for filter in [
            "",
            "id",
            "id eq",
            "id eq 00u",
            r#"id eq "a"#,
            r#"id gt "a""#,
            r#"id ne "a""#,
            r#"profile.login sw "a""#,
            r#"profile.shoes eq "a""#,
            r#"lastUpdated gt "yesterday""#,
            r#"(id eq "a""#,
            r#"id eq "a" id eq "b""#,
            r#"id eq "a" and"#,
        ] {
            assert!(Filter::parse(filter, PLAIN).is_none(), "{filter}");
        }
        assert!(Filter::parse(r#"id ne "a""#, RICH).is_none());
        let deep = format!(r#"{}id eq "a"{}"#, "(".repeat(30), ")".repeat(30));
        assert!(Filter::parse(&deep, PLAIN).is_none());
    }
}
