//! The subset of `$filter` that the simulated tenant understands.
//!
//! Grammar: `or` of `and` of terms, each perhaps with `not`; a term is `property eq|ne literal`, `property in (…)`,
//! `startswith(property,'x')`, `endswith(property,'x')` or parentheses. Texts compare without case, as at the vendor.
//! Anything else is refused, never ignored.

use super::error::GraphError;
use crate::tenant::id::Guid;

/// What may be compared: each is text or a truth value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Bool(bool),
    Null,
}

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    Or(Vec<Filter>),
    And(Vec<Filter>),
    Not(Box<Filter>),
    In(String, Vec<Value>),
    StartsWith(String, String),
    EndsWith(String, String),
}

/// The deepest nesting of parentheses.
const DEPTH_MAX: usize = 20;

impl Filter {
    /// Reads a filter over these properties.
    pub(super) fn parse(text: &str, properties: &[&str]) -> Result<Self, GraphError> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, at: 0, properties, depth: 0 };
        let filter = parser.any()?;
        if parser.at < tokens.len() {
            return Err(invalid(text));
        }
        Ok(filter)
    }

    /// Whether an object matches, given how to read its properties.
    pub(super) fn matches(&self, read: &dyn Fn(&str) -> Value) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.matches(read)),
            Self::And(parts) => parts.iter().all(|part| part.matches(read)),
            Self::Not(part) => !part.matches(read),
            Self::In(property, values) => {
                let value = read(property);
                values.iter().any(|wanted| equal(wanted, &value))
            }
            Self::StartsWith(property, head) => match read(property) {
                Value::Text(text) => text.to_lowercase().starts_with(head),
                _ => false,
            },
            Self::EndsWith(property, tail) => match read(property) {
                Value::Text(text) => text.to_lowercase().ends_with(tail),
                _ => false,
            },
        }
    }

    /// Whether the vendor demands `ConsistencyLevel: eventual` and `$count=true` for this filter.
    pub(super) fn is_advanced(&self) -> bool {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().any(Self::is_advanced),
            Self::Not(_) | Self::EndsWith(..) => true,
            Self::In(..) | Self::StartsWith(..) => false,
        }
    }

    /// The ids, if the filter is nothing but a choice of ids.
    pub(super) fn ids(&self) -> Option<Vec<Guid>> {
        match self {
            Self::In(property, values) if property == "id" => values
                .iter()
                .map(|value| match value {
                    Value::Text(text) => Guid::parse(text),
                    _ => None,
                })
                .collect(),
            Self::Or(parts) => {
                let lists: Option<Vec<Vec<Guid>>> = parts.iter().map(Self::ids).collect();
                lists.map(|lists| lists.concat())
            }
            _ => None,
        }
    }
}

fn equal(wanted: &Value, value: &Value) -> bool {
    match (wanted, value) {
        (Value::Text(wanted), Value::Text(value)) => {
            wanted.len() == value.len() && wanted.eq_ignore_ascii_case(value)
                || wanted.to_lowercase() == value.to_lowercase()
        }
        _ => wanted == value,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut out = Vec::new();
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            ' ' => {}
            '(' | ')' | ',' => out.push(Token::Sign(sign)),
            '\'' => {
                let mut value = String::new();
                loop {
                    match signs.next() {
                        Some('\'') if signs.peek() == Some(&'\'') => {
                            signs.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(sign) => value.push(sign),
                        None => return Err(invalid(text)),
                    }
                }
                out.push(Token::Text(value));
            }
            first => {
                let mut word = String::from(first);
                while let Some(sign) = signs.peek() {
                    if matches!(sign, ' ' | '(' | ')' | ',' | '\'') {
                        break;
                    }
                    word.push(*sign);
                    signs.next();
                }
                out.push(Token::Word(word));
            }
        }
    }
    Ok(out)
}

fn invalid(text: &str) -> GraphError {
    GraphError::new(400, "BadRequest", format!("Invalid filter clause: {text}"))
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    properties: &'a [&'a str],
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<&Token> {
        let token = self.tokens.get(self.at);
        self.at += 1;
        token
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(at)) if at == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: char) -> Result<(), GraphError> {
        if self.next() == Some(&Token::Sign(sign)) {
            return Ok(());
        }
        Err(invalid(&format!("'{sign}' expected")))
    }

    fn any(&mut self) -> Result<Filter, GraphError> {
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn all(&mut self) -> Result<Filter, GraphError> {
        let mut parts = vec![self.term()?];
        while self.take_word("and") {
            parts.push(self.term()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn term(&mut self) -> Result<Filter, GraphError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(GraphError::bad_request("The filter is too deep."));
        }
        let term = self.term_inside();
        self.depth -= 1;
        term
    }

    fn term_inside(&mut self) -> Result<Filter, GraphError> {
        if self.take_word("not") {
            return Ok(Filter::Not(Box::new(self.term()?)));
        }
        let word = match self.next() {
            Some(Token::Sign('(')) => {
                let inside = self.any()?;
                self.expect(')')?;
                return Ok(inside);
            }
            Some(Token::Word(word)) => word.clone(),
            _ => return Err(invalid("a property or '(' expected")),
        };
        if word == "startswith" || word == "endswith" {
            self.expect('(')?;
            let property = self.property()?;
            self.expect(',')?;
            let Value::Text(text) = self.value()? else {
                return Err(invalid("a text expected"));
            };
            self.expect(')')?;
            let text = text.to_lowercase();
            return Ok(if word == "startswith" {
                Filter::StartsWith(property, text)
            } else {
                Filter::EndsWith(property, text)
            });
        }
        let property = self.known(&word)?;
        match self.next() {
            Some(Token::Word(operator)) if operator == "eq" => {
                Ok(Filter::In(property, vec![self.value()?]))
            }
            Some(Token::Word(operator)) if operator == "ne" => {
                Ok(Filter::Not(Box::new(Filter::In(property, vec![self.value()?]))))
            }
            Some(Token::Word(operator)) if operator == "in" => {
                self.expect('(')?;
                let mut values = vec![self.value()?];
                while self.tokens.get(self.at) == Some(&Token::Sign(',')) {
                    self.at += 1;
                    values.push(self.value()?);
                }
                self.expect(')')?;
                Ok(Filter::In(property, values))
            }
            _ => Err(GraphError::unsupported(format!(
                "Unsupported or invalid query filter clause specified for property '{property}'."
            ))),
        }
    }

    fn property(&mut self) -> Result<String, GraphError> {
        match self.next() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.known(&word)
            }
            _ => Err(invalid("a property expected")),
        }
    }

    fn known(&self, word: &str) -> Result<String, GraphError> {
        if self.properties.contains(&word) {
            return Ok(word.to_owned());
        }
        Err(GraphError::unsupported(format!(
            "Unsupported property filter clause specified for property '{word}'."
        )))
    }

    fn value(&mut self) -> Result<Value, GraphError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(Value::Text(text.clone())),
            Some(Token::Word(word)) if word == "true" => Ok(Value::Bool(true)),
            Some(Token::Word(word)) if word == "false" => Ok(Value::Bool(false)),
            Some(Token::Word(word)) if word == "null" => Ok(Value::Null),
            _ => Err(invalid("a literal expected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(filter: &str) -> bool {
        let read = |property: &str| match property {
            "displayName" => Value::Text("Ann O'Brien".to_owned()),
            "accountEnabled" => Value::Bool(true),
            _ => Value::Null,
        };
        Filter::parse(filter, &["displayName", "accountEnabled", "mail"]).unwrap().matches(&read)
    }

    #[test]
    fn reads_the_subset() {
        assert!(holds("displayName eq 'ann o''brien'"));
        assert!(holds("startswith(displayName,'ANN') and accountEnabled eq true"));
        assert!(holds("(displayName eq 'x' or endswith(displayName,'brien')) and mail eq null"));
        assert!(holds("displayName in ('a','Ann O''Brien')"));
        assert!(!holds("not(accountEnabled eq true)"));
        assert!(holds("displayName ne 'x'"));
    }

    #[test]
    fn refuses_the_rest() {
        for filter in [
            "",
            "displayName",
            "displayName gt 'a'",
            "secret eq 'a'",
            "(mail eq null",
            "mail eq 'a",
        ] {
            assert!(Filter::parse(filter, &["displayName", "mail"]).is_err(), "{filter}");
        }
        let deep = format!("{}mail eq null{}", "(".repeat(30), ")".repeat(30));
        assert!(Filter::parse(&deep, &["mail"]).is_err());
    }
}
