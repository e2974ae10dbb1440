//! An error and its causes as one sentence.
//!
//! Invariant: no cause is said twice: many libraries repeat the text of a cause in their own.

use std::error::Error;

/// The error and its causes, the outermost first, joined by colons.
pub fn joined(error: &(dyn Error + 'static)) -> String {
    join(texts(Some(error)))
}

/// The causes of an error without its own text; `None` where it has none.
pub fn causes(error: &(dyn Error + 'static)) -> Option<String> {
    error.source().map(joined)
}

fn texts<'a>(first: Option<&'a (dyn Error + 'static)>) -> impl Iterator<Item = String> + 'a {
    let mut next = first;
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error.to_string())
    })
}

/// Joins texts, but for those that are part of another one.
fn join(texts: impl Iterator<Item = String>) -> String {
    let mut said: Vec<String> = Vec::new();
    for text in texts {
        let text = text.trim();
        if text.is_empty() || said.iter().any(|known| has_words(known, text)) {
            continue;
        }
        said.retain(|known| !has_words(text, known));
        said.push(text.to_owned());
    }
    said.join(": ")
}

/// Whether `part` stands in `text` as whole words.
fn has_words(text: &str, part: &str) -> bool {
    let is_inner = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(part).any(|(at, found)| {
        let (before, after) = (&text[..at], &text[at + found.len()..]);
        !is_inner(before.chars().next_back()) && !is_inner(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    fn chain(texts: &[&'static str]) -> Link {
        let (first, rest) = texts.split_first().unwrap();
        Link(first, (!rest.is_empty()).then(|| Box::new(chain(rest))))
    }

    #[test]
    fn nothing_is_said_twice() {
        let cases: [(&[&'static str], &str); 8] = [
            (&["a page", "it broke off"], "a page: it broke off"),
            (
                &["request or response body error", "request or response body error"],
                "request or response body error",
            ),
            (
                &[
                    "request or response body error",
                    "request or response body error",
                    "end of file",
                ],
                "request or response body error: end of file",
            ),
            (&["reading: the disk is full", "the disk is full"], "reading: the disk is full"),
            (&["the disk is full", "reading: the disk is full"], "reading: the disk is full"),
            (&["a: b", "b", "a", "c"], "a: b: c"),
            (&["nothing", "no"], "nothing: no"),
            (&["", "end"], "end"),
        ];
        for (texts, expected) in cases {
            assert_eq!(joined(&chain(texts)), expected, "{texts:?}");
        }
        assert_eq!(causes(&chain(&["outer", "inner", "inner"])).as_deref(), Some("inner"));
        assert_eq!(causes(&chain(&["outer"])), None);
    }
}
