//! The Crowd Query Language of `GET /search` (`protocols/crowd.md` 3.7).
//!
//! Invariant: a restriction is understood as a whole or refused; nesting is bounded.

use directory::query::{Comparison, Filter, TextMatch};

use super::{
    error::CrowdError,
    restriction::{CONDITIONS_MAX, Mode, Property, Searched, compare, too_many},
};

/// How deep parentheses may nest.
const DEPTH_MAX: usize = 64;

/// Understands a restriction; a blank one admits everything.
pub(super) fn parse(text: &str, searched: Searched) -> Result<Filter, CrowdError> {
    let tokens = tokens(text).ok_or_else(invalid)?;
    if tokens.is_empty() {
        return Ok(Filter::Everything);
    }
    let mut parser =
        Parser { tokens: tokens.into_iter().peekable(), searched, depth: 0, left: CONDITIONS_MAX };
    let filter = parser.expression()?;
    if parser.tokens.next().is_some() {
        return Err(invalid());
    }
    Ok(filter)
}

fn invalid() -> CrowdError {
    CrowdError::illegal_argument("Search restriction is invalid")
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A bare word, or a text between quotation marks, which is never a keyword.
    Word {
        text: String,
        quoted: bool,
    },
    /// `=`, `<` or `>`.
    Operator(Comparison),
    Open,
    Close,
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    searched: Searched,
    depth: usize,
    /// How many more conditions there may be.
    left: usize,
}

impl Parser {
    fn expression(&mut self) -> Result<Filter, CrowdError> {
        let mut parts = vec![self.conjunction()?];
        while self.keyword("or") {
            parts.push(self.conjunction()?);
        }
        Ok(one_or(parts, Filter::Any))
    }

    fn conjunction(&mut self) -> Result<Filter, CrowdError> {
        let mut parts = vec![self.primary()?];
        while self.keyword("and") {
            parts.push(self.primary()?);
        }
        Ok(one_or(parts, Filter::All))
    }

    fn primary(&mut self) -> Result<Filter, CrowdError> {
        match self.tokens.next() {
            Some(Token::Open) if self.depth < DEPTH_MAX => {
                self.depth += 1;
                let inner = self.expression()?;
                self.depth -= 1;
                match self.tokens.next() {
                    Some(Token::Close) => Ok(inner),
                    _ => Err(invalid()),
                }
            }
            Some(Token::Word { text: key, .. }) => {
                self.left = self.left.checked_sub(1).ok_or_else(too_many)?;
                let Some(Token::Operator(operator)) = self.tokens.next() else {
                    return Err(invalid());
                };
                let Some(Token::Word { text: value, .. }) = self.tokens.next() else {
                    return Err(invalid());
                };
                self.comparison(&key, operator, &value)
            }
            _ => Err(invalid()),
        }
    }

    fn comparison(
        &self,
        key: &str,
        operator: Comparison,
        value: &str,
    ) -> Result<Filter, CrowdError> {
        let property = Property::named(key, self.searched).ok_or_else(|| {
            CrowdError::illegal_argument(format!("Unknown type for property: {key}"))
        })?;
        if operator != Comparison::Equal || !matches!(property, Property::Text(_)) {
            return compare(property, Mode::Match(TextMatch::Compares(operator)), value);
        }
        let stripped = value.trim_matches('*');
        let how = match (value.starts_with('*'), value.ends_with('*')) {
            (true, true) => TextMatch::Contains,
            (false, true) => TextMatch::StartsWith,
            _ => TextMatch::Compares(Comparison::Equal),
        };
        if stripped.is_empty() && !value.is_empty() {
            return Ok(Filter::Everything);
        }
        compare(property, Mode::Match(how), stripped)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let is = |token: &Token| match token {
            Token::Word { text, quoted } => !quoted && text.eq_ignore_ascii_case(keyword),
            _ => false,
        };
        self.tokens.next_if(is).is_some()
    }
}

fn one_or(mut parts: Vec<Filter>, many: impl Fn(Vec<Filter>) -> Filter) -> Filter {
    if parts.len() == 1 { parts.remove(0) } else { many(parts) }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut chars = text.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '=' => tokens.push(Token::Operator(Comparison::Equal)),
            '<' => tokens.push(Token::Operator(Comparison::Less)),
            '>' => tokens.push(Token::Operator(Comparison::Greater)),
            '"' | '\'' => {
                let mut text = String::new();
                loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' => text.push(escaped(&mut chars)?),
                        other => text.push(other),
                    }
                }
                tokens.push(Token::Word { text, quoted: true });
            }
            c if is_bare(c) => {
                let mut text = String::new();
                text.push(if c == '\\' { escaped(&mut chars)? } else { c });
                while let Some(c) = chars.next_if(|c| is_bare(*c)) {
                    text.push(if c == '\\' { escaped(&mut chars)? } else { c });
                }
                tokens.push(Token::Word { text, quoted: false });
            }
            _ => return None,
        }
    }
    Some(tokens)
}

fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"\"'=!<>(),[]|&".contains(c)
}

/// What follows a backslash.
fn escaped(chars: &mut impl Iterator<Item = char>) -> Option<char> {
    match chars.next()? {
        't' => Some('\t'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        plain @ ('"' | '\'' | '\\' | ' ') => Some(plain),
        'u' => {
            let mut code = 0;
            for _ in 0..4 {
                code = code * 16 + chars.next()?.to_digit(16)?;
            }
            char::from_u32(code)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use directory::query::{Folded, TextProperty};

    use super::*;

    fn users(text: &str) -> Result<Filter, CrowdError> {
        parse(text, Searched::Users)
    }

    fn text(property: TextProperty, how: TextMatch, value: &str) -> Filter {
        Filter::Text(property, how, Folded::new(value))
    }

    #[test]
    fn and_binds_closer_than_or() {
        let name = |value| text(TextProperty::Name, TextMatch::Compares(Comparison::Equal), value);
        let expected = Filter::Any(vec![name("a"), Filter::All(vec![name("b"), name("c")])]);
        assert_eq!(users("name=a or name = 'b' AND name=\"c\"").unwrap(), expected);
        let grouped = Filter::All(vec![Filter::Any(vec![name("a"), name("b")]), name("c")]);
        assert_eq!(users("(name=a OR name=b) and name=c").unwrap(), grouped);
    }

    #[test]
    fn stars_make_patterns() {
        let email = TextProperty::Email;
        let contains = text(email, TextMatch::Contains, "@example.org");
        assert_eq!(users("email=*@example.org*").unwrap(), contains);
        assert_eq!(users("email=a*").unwrap(), text(email, TextMatch::StartsWith, "a"));
        let exactly = text(email, TextMatch::Compares(Comparison::Equal), "a");
        assert_eq!(users("email=*a").unwrap(), exactly);
        assert_eq!(users("email=\"*\"").unwrap(), Filter::Everything);
        let escaped = text(email, TextMatch::Compares(Comparison::Equal), "a \"é");
        assert_eq!(users("email=a\\ \\\"\\u00e9").unwrap(), escaped);
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in
            ["blah", "blah 34 12", "name=x\\", "name=", "(name=a", "name=a)", "name=a name=b"]
        {
            assert!(users(bad).is_err(), "{bad}");
        }
        assert!(users("shoe=43").is_err() && users("active=x").is_err());
        assert!(users(&format!("{}name=a{}", "(".repeat(65), ")".repeat(65))).is_err());
        let many = |conditions: usize| vec!["name=a"; conditions].join(" or ");
        assert!(users(&many(CONDITIONS_MAX)).is_ok() && users(&many(CONDITIONS_MAX + 1)).is_err());
        assert_eq!(users("  ").unwrap(), Filter::Everything);
    }
}
