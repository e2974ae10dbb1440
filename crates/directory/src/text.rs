//! Texts that people read: what of them is visible, and the form that is fit to be served (DESIGN.md 12.5). What is served
//! goes through [`clean`] once, in `derive`; messages and pages use [`visible`] and [`line()`].
//!
//! Invariant: [`clean`] is idempotent, and what it gives has no control character, no character that XML 1.0 cannot
//! carry, no invisible character but those that a script or an emoji needs, and no white space at its ends.
//!
//! What scripts need and what therefore stays: the zero-width joiner and non-joiner between letters of scripts that join
//! (Arabic, Persian, the Indic scripts, Mongolian …), the joiner between emoji, variation selectors after a visible
//! character, tags after an emoji (flags of regions), the Mongolian vowel separator between Mongolian letters. Marks that
//! turn the direction of text are dropped: in one name alone, they only serve to show it in another order.

use std::borrow::Cow;

/// Whether a character turns the direction of the text around it.
pub fn is_bidi_control(c: char) -> bool {
    matches!(
        c,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    )
}

/// Whether nothing is seen where the character stands, or it is no character: controls, line and paragraph separators,
/// what Unicode calls default ignorable, the blank braille pattern, and code points that are no characters.
///
/// The prefix marks of Arabic numbers and the like are of Unicode's category Cf too, but are seen.
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || is_bidi_control(c)
        || is_noncharacter(c)
        || matches!(
            c,
            '\u{00AD}'
                | '\u{034F}'
                | '\u{115F}'
                | '\u{1160}'
                | '\u{17B4}'
                | '\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFFB}'
                | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// A text as it is served: trimmed, on one line, without control and invisible characters. A text of nothing else comes
/// out empty, which means that there is none.
pub fn clean(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    let plain = if trimmed.is_ascii() {
        !trimmed.bytes().any(|byte| byte.is_ascii_control())
    } else {
        !trimmed.chars().any(is_invisible)
    };
    if plain { Cow::Borrowed(trimmed) } else { Cow::Owned(cleaned(trimmed)) }
}

fn cleaned(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    // A line break, a tab and the like stand for one space, unless there is one already.
    let mut space_due = false;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        if is_invisible(sign) {
            if sign.is_whitespace() {
                space_due = true;
            } else if !space_due
                && is_needed(clean.chars().next_back(), sign, signs.peek().copied())
            {
                clean.push(sign);
            }
            continue;
        }
        let spaced =
            sign.is_whitespace() || clean.chars().next_back().is_none_or(char::is_whitespace);
        if std::mem::take(&mut space_due) && !spaced {
            clean.push(' ');
        }
        clean.push(sign);
    }
    clean.trim().to_owned()
}

/// A text with everything that is not seen written out, as `\n` or `\u{202E}`: for messages, where what somebody chose must
/// not break the line, give a terminal commands, or turn the text around it.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    let mut before = None;
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        let plain = !is_invisible(sign) || is_needed(before, sign, signs.peek().copied());
        match sign {
            _ if plain => shown.push(sign),
            '\n' | '\r' | '\t' => shown.extend(sign.escape_default()),
            _ => shown.extend(format!("\\u{{{:04X}}}", sign as u32).chars()),
        }
        before = plain.then_some(sign);
    }
    Cow::Owned(shown)
}

/// [`visible`], cut to `chars_max` characters with `…` at the end.
pub fn line(text: &str, chars_max: usize) -> Cow<'_, str> {
    let shown = visible(text);
    if shown.char_indices().nth(chars_max).is_none() {
        return shown;
    }
    let kept: String = shown.chars().take(chars_max.saturating_sub(1)).collect();
    Cow::Owned(kept + "…")
}

/// Whether a script or an emoji needs an invisible character between these two.
fn is_needed(before: Option<char>, sign: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    // A joiner in front of what is not seen itself has nothing to join.
    let after = after.filter(|after| !is_invisible(*after));
    match sign {
        '\u{200C}' => is_joining(before) && after.is_some_and(is_joining),
        '\u{200D}' => {
            (is_joining(before) && after.is_some_and(is_joining))
                || (is_pictograph(before) && after.is_some_and(is_pictograph))
        }
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => {
            !is_invisible(before) && !before.is_whitespace()
        }
        '\u{180B}'..='\u{180D}' | '\u{180F}' => is_mongolian(before),
        '\u{180E}' => is_mongolian(before) && after.is_some_and(is_mongolian),
        '\u{E0020}'..='\u{E007F}' => before == '\u{1F3F4}' || is_tag(before),
        _ => false,
    }
}

/// Letters and marks of scripts whose letters take another form when they are joined or kept apart.
fn is_joining(c: char) -> bool {
    matches!(
        c,
        '\u{0600}'..='\u{061B}'
            | '\u{061D}'..='\u{08FF}'
            | '\u{0900}'..='\u{0DFF}'
            | '\u{0F00}'..='\u{109F}'
            | '\u{1780}'..='\u{17B3}'
            | '\u{17B6}'..='\u{17FF}'
            | '\u{1900}'..='\u{194F}'
            | '\u{1A00}'..='\u{1AAF}'
            | '\u{1B00}'..='\u{1C4F}'
            | '\u{A800}'..='\u{A8DF}'
            | '\u{A930}'..='\u{A9DF}'
            | '\u{AA00}'..='\u{AADF}'
            | '\u{ABC0}'..='\u{ABFF}'
            | '\u{FB50}'..='\u{FDCF}'
            | '\u{FDF0}'..='\u{FDFF}'
            | '\u{FE70}'..='\u{FEFC}'
            | '\u{10A00}'..='\u{10AFF}'
            | '\u{10D00}'..='\u{10D3F}'
            | '\u{10F30}'..='\u{10FDF}'
            | '\u{11000}'..='\u{11FBF}'
            | '\u{1E900}'..='\u{1E95F}'
    ) || is_mongolian(c)
}

fn is_mongolian(c: char) -> bool {
    matches!(c, '\u{1800}'..='\u{180A}' | '\u{1810}'..='\u{18AA}' | '\u{180B}'..='\u{180D}' | '\u{180F}')
}

/// Emoji and what stands beside them in a sequence; the joiner stands after a variation selector too.
fn is_pictograph(c: char) -> bool {
    matches!(
        c,
        '\u{00A9}' | '\u{00AE}' | '\u{203C}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{20E3}' | '\u{3030}'
            | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{FE0F}'
            | '\u{2190}'..='\u{27FF}' | '\u{2900}'..='\u{2BFF}' | '\u{1F000}'..='\u{1FAFF}'
    )
}

fn is_tag(c: char) -> bool {
    matches!(c, '\u{E0020}'..='\u{E007E}')
}

fn is_noncharacter(c: char) -> bool {
    matches!(c, '\u{FDD0}'..='\u{FDEF}') || (c as u32) & 0xFFFE == 0xFFFE
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn the_table_of_invisible_characters_agrees_with_unicode() {
        let ignorable =
            Regex::new(r"^[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Zl}\p{Zp}]$").unwrap();
        let format = Regex::new(r"^\p{Cf}$").unwrap();
        let noncharacter = Regex::new(r"^\p{Noncharacter_Code_Point}$").unwrap();
        // Marks in front of numbers, hieroglyphs' layout and annotations are of category Cf; all but the last are seen.
        let seen = Regex::new(
            r"^[\u{600}-\u{605}\u{6DD}\u{70F}\u{890}\u{891}\u{8E2}\u{110BD}\u{110CD}\u{13430}-\u{1345F}]$",
        )
        .unwrap();
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let expected = ignorable.is_match(&text)
                || noncharacter.is_match(&text)
                || (format.is_match(&text) && !seen.is_match(&text))
                || c == '\u{2800}';
            assert_eq!(is_invisible(c), expected, "U+{:04X}", c as u32);
        }
    }

    #[test]
    fn what_scripts_and_emoji_need_stays_and_the_rest_goes() {
        for (given, expected) in [
            ("  Ann  ", "Ann"),
            ("\u{3000}\u{a0}Ann\u{2003}", "Ann"),
            (" \t\r\n\u{200b}\u{feff} ", ""),
            ("Ann\r\n  Smith", "Ann  Smith"),
            ("Ann\r\nSmith\tJones\u{2028}x", "Ann Smith Jones x"),
            ("A\u{7}n\0n\u{fffe}\u{ffff}\u{1fffe}", "Ann"),
            ("\u{202e}nnA\u{202c}", "nnA"),
            ("a\u{200b}d\u{ad}m\u{2060}i\u{200d}n\u{200c}", "admin"),
            ("\u{200b} x \u{200b}", "x"),
            // Persian, with the non-joiner inside a word; and one at the end, where it joins nothing.
            ("علی‌اکبر می‌شود\u{200c}", "علی‌اکبر می‌شود"),
            // Hindi and Sinhala conjuncts.
            ("क्‍ष ශ්‍රී", "क्‍ष ශ්‍රී"),
            ("👩‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈", "👩‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈"),
            (
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            ),
            ("👩\u{200d}\u{fe0f}", "👩\u{fe0f}"),
            ("ᠠ\u{200d}\u{180b}", "ᠠ\u{180b}"),
            ("a\u{e0067}b\u{e007f}", "ab"),
            ("葛\u{e0100}城", "葛\u{e0100}城"),
            ("\u{fe0f}x", "x"),
            ("ᠠ\u{180e}ᠠ", "ᠠ\u{180e}ᠠ"),
            // Hebrew and Arabic need no marks of direction: their letters have one.
            ("דוד\u{200f}", "דוד"),
            ("\u{2800}", ""),
        ] {
            assert_eq!(clean(given), expected, "{given:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_written_out() {
        for (given, expected) in [
            ("Ann", "Ann"),
            ("a\nb\r\tc\u{1b}[31m", "a\\nb\\r\\tc\\u{001B}[31m"),
            ("abc\u{202e}fdp.exe", "abc\\u{202E}fdp.exe"),
            ("\u{200b}", "\\u{200B}"),
            ("👩‍👧 می‌شود", "👩‍👧 می‌شود"),
        ] {
            assert_eq!(visible(given), expected);
        }
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("abcd", 4), "abcd");
        assert_eq!(line("a\nbc", 4), "a\\n…");
    }

    proptest! {
        #[test]
        fn what_is_shown_is_on_one_line_and_in_its_own_order(text in "(?s).{0,40}") {
            let bad = |c: char| c.is_control() || is_bidi_control(c) || matches!(c, '\u{2028}' | '\u{2029}');
            prop_assert!(!visible(&text).contains(bad));
        }

        #[test]
        fn cleaning_is_idempotent_and_leaves_nothing_that_a_product_stumbles_over(text in "\\PC{0,20}|(?s).{0,40}|[ \t\n\u{200b}\u{200c}\u{200d}\u{fe0f}\u{202e}عی👩a]{0,12}") {
            let once = clean(&text).into_owned();
            prop_assert_eq!(&clean(&once), &once);
            prop_assert_eq!(once.trim(), &once);
            prop_assert!(!once.chars().any(|c| c.is_control() || is_bidi_control(c) || is_noncharacter(c)));
            let visible = |text: &str| -> String {
                text.chars().filter(|c| !is_invisible(*c) && !c.is_whitespace()).collect()
            };
            prop_assert_eq!(visible(&once), visible(&text));
        }
    }
}
