//! Numbers with their nouns, in English.
//!
//! Invariant: the only place that makes plurals, so that nobody reads "1 groups".

/// A number with its noun: in the singular for one, in the plural otherwise; thousands are set apart.
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let noun = if number == 1 { noun.to_owned() } else { plural(noun) };
    format!("{} {noun}", grouped(number))
}

/// The form of a verb that agrees with a number: `is`, `are`.
pub fn agreeing<'a>(number: impl TryInto<u64>, one: &'a str, more: &'a str) -> &'a str {
    if number.try_into().is_ok_and(|number| number == 1) { one } else { more }
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The plural of a noun. Of a noun with something after it (`row of settings`), the noun's; of two, of both.
fn plural(noun: &str) -> String {
    if let Some((head, rest)) = noun.split_once(" of ") {
        return format!("{} of {rest}", plural(head));
    }
    if let Some((one, other)) = noun.split_once(" or ") {
        return format!("{} and {}", plural(one), plural(other));
    }
    if let Some((adjective, last)) = noun.rsplit_once(' ') {
        return format!("{adjective} {}", plural(last));
    }
    match noun {
        "person" => "people".to_owned(),
        "has" => "have".to_owned(),
        "is" => "are".to_owned(),
        _ => match noun.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
            _ if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => format!("{noun}es"),
            _ => format!("{noun}s"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular_and_everything_else_plural() {
        for (noun, one, more) in [
            ("group", "1 group", "0 groups"),
            ("person", "1 person", "0 people"),
            ("entry", "1 entry", "0 entries"),
            ("day", "1 day", "0 days"),
            ("match", "1 match", "0 matches"),
            ("alias", "1 alias", "0 aliases"),
            ("row of settings", "1 row of settings", "0 rows of settings"),
            ("person or group", "1 person or group", "0 people and groups"),
            ("nested group", "1 nested group", "0 nested groups"),
        ] {
            assert_eq!([counted(1_u64, noun), counted(0_u64, noun)], [one, more]);
        }
        let is = |number: u64| agreeing(number, "is", "are");
        assert_eq!([is(0), is(1), is(2)], ["are", "is", "are"]);
        assert_eq!(counted(1_234_567_usize, "person"), "1,234,567 people");
        assert_eq!(counted(2_000_u32, "day"), "2,000 days");
    }
}
