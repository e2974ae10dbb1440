//! Session tokens, and what a session is bound to.
//!
//! Invariants: a token is known to its holder only, whoever keeps sessions sees its digest; factors are
//! compared exactly, whatever their order.

use sha2::{Digest, Sha256};

use crate::{crowd::body::Element, entropy};

/// Random characters of a token: 131 bits.
const TOKEN_CHARS: usize = 22;
/// How Crowd's tokens end.
const TOKEN_TAIL: &str = "00";
/// More factors than any client sends.
const FACTORS_MAX: usize = 64;

/// What is kept of a token: its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenDigest(pub [u8; 32]);

impl TokenDigest {
    /// Of a token.
    pub(super) fn of(token: &str) -> Self {
        Self(entropy::digest(token))
    }
}

/// What is kept of the factors that a session is bound to: the SHA-256 of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactorsDigest(pub [u8; 32]);

impl FactorsDigest {
    /// Of the factors in a body, in any of the spellings that clients use; `None` when there are absurdly
    /// many.
    pub(super) fn of(body: Option<&Element>) -> Option<Self> {
        let mut factors = Vec::new();
        if let Some(body) = body {
            collect(body, &mut factors);
        }
        if factors.len() > FACTORS_MAX {
            return None;
        }
        factors.sort_unstable();
        factors.dedup();
        let mut hasher = Sha256::new();
        for text in factors.into_iter().flat_map(|(name, value)| [name, value]) {
            // Lengths keep the texts apart.
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Some(Self(hasher.finalize().into()))
    }
}

/// Everything that has a name and a value is a factor, however it is wrapped.
fn collect<'a>(element: &'a Element, factors: &mut Vec<(&'a str, &'a str)>) {
    if let (Some(name), Some(value)) = (element.text_of("name"), element.text_of("value")) {
        factors.push((name, value));
        return;
    }
    for child in &element.children {
        collect(child, factors);
    }
}

/// A new token, of letters and digits as Crowd's are.
pub(super) fn new_token() -> String {
    entropy::alphanumeric(TOKEN_CHARS) + TOKEN_TAIL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crowd::{body::parse, negotiate::Representation};

    fn factors(text: &str) -> FactorsDigest {
        let kind = if text.starts_with('<') { Representation::Xml } else { Representation::Json };
        FactorsDigest::of(parse(text.as_bytes(), kind).unwrap().as_ref()).unwrap()
    }

    #[test]
    fn factors_are_the_same_however_they_are_written() {
        let one = factors(
            "<validation-factors><validation-factor><name>remote_address</name><value>1</value>\
             </validation-factor><validation-factor><name>b</name><value>2</value>\
             </validation-factor></validation-factors>",
        );
        for same in [
            r#"{"validationFactors":[{"name":"b","value":"2"},{"name":"remote_address","value":"1"}]}"#,
            r#"{"validation-factor":[{"value":"1","name":"remote_address"},{"name":"b","value":"2"}]}"#,
        ] {
            assert_eq!(factors(same), one, "{same}");
        }
        let none = FactorsDigest::of(None).unwrap();
        assert_eq!(factors("{}"), none);
        assert_eq!(factors(r#"{"validationFactors":[]}"#), none);
        for other in [
            r#"{"validationFactors":[{"name":"remote_address","value":"1"}]}"#,
            r#"{"validationFactors":[{"name":"remote_address","value":"1b"},{"name":"","value":"2"}]}"#,
        ] {
            assert_ne!(factors(other), one, "{other}");
        }
    }

    #[test]
    fn tokens_are_safe_in_paths() {
        let token = new_token();
        assert_eq!(token.len(), 24);
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric()) && token.ends_with("00"));
        assert_ne!(token, new_token());
    }
}
