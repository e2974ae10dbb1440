//! Where a text ends that is longer than what is kept of it.
//!
//! Invariant: cutting what was cut changes nothing, so that what is written is what is read.

/// The beginning of `text` in at most `bytes_max` bytes of UTF-8, cut at a character; a cut leaves no white space at
/// the end.
pub(crate) fn to_bytes(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    text[..text.floor_char_boundary(bytes_max)].trim_end()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::odd_text::odd_text;

    #[test]
    fn a_cut_leaves_no_white_space_at_the_end() {
        assert_eq!(to_bytes("ab c", 3), "ab");
        assert_eq!(to_bytes("ab ", 3), "ab ");
        assert_eq!(to_bytes("aé", 2), "a");
    }

    proptest! {
        #[test]
        fn cutting_twice_is_cutting_once(text in odd_text(40), bytes_max in 0_usize..60) {
            let cut = to_bytes(&text, bytes_max);
            prop_assert!(cut.len() <= bytes_max && text.starts_with(cut));
            prop_assert_eq!(to_bytes(cut, bytes_max), cut);
        }
    }
}
