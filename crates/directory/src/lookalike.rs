//! Names that a human eye takes for one another (Unicode Technical Standard 39).
//!
//! Invariants: a form here is compared and never served; plain ASCII names, which are nearly all, cost one pass and no
//! table. What counts as the same is decided in docs/decisions/0011-look-alikes.md.

mod twins;

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_security::skeleton;

pub use self::twins::LookAlikes;
use crate::text::is_invisible;

/// The form under which two names look the same to people who read them with care: what is invisible, how characters
/// are composed, compatibility variants, case, and confusable characters do not count. ASCII stands for itself here, so
/// that `al1ce` is not `alice`.
pub fn appearance(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return crate::name::fold(name);
    }
    let visible: String = name.nfkc().filter(|c| !is_invisible(*c)).collect();
    let mut form = String::with_capacity(visible.len());
    for c in visible.nfd() {
        if c.is_ascii() {
            form.push(c.to_ascii_lowercase());
            continue;
        }
        // Character by character: the skeleton of a whole text would turn ASCII's m into rn too.
        let seen: String = skeleton(c.encode_utf8(&mut [0; 4])).collect();
        if seen.is_ascii() {
            form.push_str(&seen.to_ascii_lowercase());
        } else {
            let small: String = c.to_lowercase().collect();
            form.extend(skeleton(&small).flat_map(char::to_lowercase));
        }
    }
    let form: String = form.nfc().collect();
    Cow::Owned(form.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The forms under which a name is compared with one that gives power, where somebody means to deceive: beside what
/// [`appearance`] leaves out, accents do not count, nor which of `I l 1 |`, `O 0`, `m rn` and `w vv` it is. Two, since
/// a capital letter may look like a small one of another name (`I` like `l`) and be one (`I` is `i`).
pub fn deceptive(name: &str) -> [String; 2] {
    if name.bytes().all(|b| b.is_ascii_alphanumeric() || b" -_.@".contains(&b)) {
        let form = one_class(name.trim().chars().map(|c| c.to_ascii_lowercase()));
        return [form.clone(), form];
    }
    let visible: String =
        name.nfkd().filter(|c| !is_invisible(*c) && !is_combining_mark(*c)).collect();
    let small = blurred(&visible.to_lowercase());
    [small, blurred(&visible)]
}

/// A skeleton in which the letters that fonts hardly tell apart are one.
fn blurred(text: &str) -> String {
    let twice: String = skeleton(text).flat_map(char::to_lowercase).collect();
    let form = skeleton(&twice).flat_map(char::to_lowercase).nfkd();
    let form = form.filter(|c| !is_invisible(*c) && !is_combining_mark(*c));
    one_class(form).trim().to_owned()
}

/// One letter for those that fonts hardly tell apart.
fn one_class(letters: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    for c in letters {
        match c {
            'l' | '1' | '|' | '!' | 'ı' | 'ɩ' => out.push('i'),
            '0' => out.push('o'),
            // Small letters of other scripts that look like small capitals.
            'ᴛ' => out.push('t'),
            'ĸ' => out.push('k'),
            'ʜ' => out.push('h'),
            'ʙ' => out.push('b'),
            'm' | 'ᴍ' | 'ʍ' => out.push_str("rn"),
            'w' => out.push_str("vv"),
            c if c.is_whitespace() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Whether nothing of a text is seen.
pub(crate) fn is_unseen(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deceives(name: &str, as_whom: &str) -> bool {
        let known = deceptive(as_whom);
        deceptive(name).iter().any(|form| known.contains(form))
    }

    #[test]
    fn names_that_look_alike_have_one_appearance() {
        for (one, other) in [
            ("Alice", "alice"),
            ("alice", "al\u{200B}ice"),
            ("zoe\u{308}", "zo\u{EB}"),
            ("\u{212B}ngstrom", "\u{C5}ngstrom"),
            ("аlice", "alice"),
            ("ＡＬＩＣＥ", "alice"),
            ("ali\u{202E}ce", "alice"),
            ("ﬁnance", "finance"),
            ("team\u{A0}one", "team one"),
            ("paypаl", "paypal"),
            ("ΑΒ", "AB"),
        ] {
            assert_eq!(appearance(one), appearance(other), "{one:?} {other:?}");
        }
        for (one, other) in [
            ("al1ce", "alice"),
            ("modern", "modem"),
            ("O", "0"),
            ("jörg", "jorg"),
            ("müller", "muller"),
            ("team 1", "team l"),
            ("анна", "инна"),
        ] {
            assert_ne!(appearance(one), appearance(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn names_that_are_meant_to_deceive_are_known() {
        for name in [
            "jira-administrators",
            "JIRA-Administrators",
            "jіra-administrators",
            "jira-аdministrators",
            "jira\u{200B}-administrators",
            "jira-adm\u{131}nistrators",
            "JİRA-ADMİNİSTRATORS",
            "jira–administrators",
            "jira\u{2010}administrators",
            "jira-adrninistrators",
            "jira-adмinisтrators",
            "jira-administratоrs",
            "jira-admlnistrators",
            "jIra-adm1nistrat0rs",
            "ｊｉｒａ－ａｄｍｉｎｉｓｔｒａｔｏｒｓ",
            "jira-administrátors",
            "𝐣𝐢𝐫𝐚-administrators",
            "\u{202D}jira-administrators\u{202C}",
            " jira-administrators\u{3000}",
            "\u{FEFF}jira-administrators",
        ] {
            assert!(deceives(name, "jira-administrators"), "{name:?}: {:?}", deceptive(name));
        }
        assert!(deceives("confIuence-administrators", "confluence-administrators"));
        assert!(deceives("crovvd-administrators", "crowd-administrators"));
        for name in ["jira-administration", "jira administrators", "jira-users", "administrators"] {
            assert!(!deceives(name, "jira-administrators"), "{name}");
        }
    }
}
