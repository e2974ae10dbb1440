//! What passes the check, what is refused and where, and what comes out.

use proptest::prelude::*;

use super::*;
use crate::{
    id::ProviderId,
    observation::{Attributes, PersonKind, PersonRecord},
};

fn person() -> PersonRecord {
    PersonRecord {
        id: ProviderId::parse("u1").unwrap(),
        kind: PersonKind::Member,
        enabled: Some(true),
        attributes: Attributes::pack([
            (Attribute::Login, "Ann.Ärger@example.org"),
            (Attribute::Mail, "ann@example.org"),
            (Attribute::Department, "R&D"),
            (Attribute::Aliases, "a@one.example\nb@two.example"),
        ]),
    }
}

fn compile(text: &str, outcome: Outcome) -> Result<Formula, ExpressionProblem> {
    Formula::compile(&Expression(text.to_owned()), Subject::User, outcome)
}

fn holds(text: &str) -> Result<bool, Failure> {
    compile(text, Outcome::Condition).unwrap().holds(Record::User(&person()))
}

fn text_of(text: &str) -> Result<String, Failure> {
    compile(text, Outcome::Text).unwrap().text(Record::User(&person()))
}

#[test]
fn conditions_over_a_record() {
    for (text, expected) in [
        ("user.department == \"R&D\" && !user.guest", true),
        ("user.enabled", true),
        ("user.employee_id == ''", true),
        ("user.id == 'u1'", true),
        ("user.login.endsWith('@example.org')", true),
        ("user.mail.matches('^[a-z]+@example[.]org$')", true),
        ("user.aliases.exists(a, a.endsWith('@two.example'))", true),
        ("user.aliases.all(a, a.contains('@'))", true),
        ("user.aliases.exists_one(a, a.startsWith('b'))", true),
        ("'a@one.example' in user.aliases", true),
        ("user.department in ['Sales', 'Support']", false),
        ("user.aliases.filter(a, a.startsWith('b')).size() == 1", true),
        ("size(user.mail) > 100 || user.guest", false),
    ] {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[test]
fn names_from_a_record() {
    for (text, expected) in [
        ("user.mail != '' ? user.mail : user.login", "ann@example.org"),
        ("user.login.split('@')[0].lowerAscii()", "ann.Ärger"),
        ("user.mail.replace('@', '.')", "ann.example.org"),
        ("user.mail.substring(0, user.mail.indexOf('@')) + '.ext'", "ann.ext"),
        ("user.aliases.map(a, a.split('@')[0]).join('-')", "a-b"),
        ("string(user.aliases.size()) + user.employee_id", "2"),
    ] {
        assert_eq!(text_of(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_does_not_fit_a_record_is_said() {
    assert_eq!(
        text_of("user.mail.split('@')[7]"),
        Err(Failure("the list has no such item".to_owned()))
    );
    let told = text_of("user.employee_id.substring(3)").unwrap_err();
    assert!(told.0.starts_with("substring:"), "{told}");
}

#[test]
fn problems_have_a_position() {
    for (text, at, word) in [
        ("user.departmnt == 'x'", (1, 5), "no field `departmnt`"),
        ("user.guest &&\n  usr.guest", (2, 3), "there is no `usr`"),
        ("'ä' == 'ä' &&\n  user.nothing == ''", (2, 7), "no field `nothing`"),
        ("user.guest == 'yes'", (1, 12), "`==` is not known for true or false and a text"),
        ("user.mail", (1, 5), "gives a text"),
        ("user.mail.matches('(')", (1, 19), "the pattern cannot be used"),
        ("user.mail.matches(user.login)", (1, 23), "pattern in quotes"),
        ("user.mail.frobnicate()", (1, 21), "`frobnicate` is not known for a text"),
        ("now()", (1, 4), "no function `now`"),
        ("user.mail == null", (1, 14), "nothing is null"),
        ("has(user.mail)", (1, 4), "has() is not needed"),
        ("user", (1, 1), "say which field"),
        ("{'a': 1} == {'a': 1}", (1, 1), "no maps"),
    ] {
        let problem = compile(text, Outcome::Condition).unwrap_err();
        assert!(problem.message.contains(word), "{text}: {problem}");
        assert_eq!((problem.line, problem.column), at, "{text}: {problem}");
    }
    let problem = compile("user.guest && ", Outcome::Condition).unwrap_err();
    assert_eq!(problem.line, 1, "{problem}");
}

#[test]
fn costly_expressions_are_refused() {
    let long = format!("user.mail == '{}'", "x".repeat(LENGTH_MAX));
    let deep = format!("{}user.guest{}", "!(".repeat(60), ")".repeat(60));
    let bomb = "user.mail.replace('', user.login).replace('', user.login) == ''";
    let nested = "user.aliases.exists(a, user.aliases.exists(b, a == b))";
    for text in [long.as_str(), deep.as_str(), bomb, nested] {
        let problem = compile(text, Outcome::Condition).unwrap_err();
        let words = ["shorten", "simplify", "recursion"];
        assert!(words.iter().any(|word| problem.message.contains(word)), "{problem}");
    }
}

#[test]
fn however_it_is_repeated_the_stack_holds() {
    for (before, middle, after) in [
        ("(", "user.guest", ")"),
        ("!", "user.guest", ""),
        ("!(", "user.guest", ")"),
        ("-", "1 == 1", ""),
        ("", "user", ".a"),
        ("", "1", "+1"),
        ("[", "1", "]"),
        ("", "user.aliases", "[0]"),
        ("", "user.mail", ".trim()"),
        ("user.guest&&", "user.guest", ""),
        ("user.guest||", "user.guest", ""),
        ("user.guest?", "user.guest", ":user.guest"),
        ("user.guest?true:", "user.guest", ""),
        ("size(", "user.mail", ")"),
        ("{1:", "1", "}"),
        ("1==", "1", ""),
        ("'a' in ['", "", "']"),
    ] {
        for times in [10, 60, 200, 900] {
            let text = format!("{}{middle}{}", before.repeat(times), after.repeat(times));
            if let Ok(formula) = compile(&text, Outcome::Condition) {
                let _ = formula.holds(Record::User(&person()));
            }
        }
    }
}

#[test]
fn fields_that_are_read_are_known() {
    let formula =
        compile("user.department == '' && user.aliases.size() == 0", Outcome::Condition).unwrap();
    assert_eq!(
        formula.attributes().collect::<Vec<_>>(),
        [Attribute::Department, Attribute::Aliases]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn nothing_that_can_be_written_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "user", ".", "mail", "(", ")", "'", "\"", "&&", "!", "[", "]", "0", "1", " ", "?", ":", "aliases", "map",
        "x", ",", "ä", "matches", "exists", "+", "==", "in", "\n", "guest", "\\", "{", "}", "-", "@",
    ]), 0..14)) {
        if let Ok(formula) = compile(&parts.concat(), Outcome::Condition) {
            let _ = formula.holds(Record::User(&person()));
        }
    }
}

fn compiled(text: &str) -> Result<Formula, ExpressionProblem> {
    Formula::compile(&Expression(text.to_owned()), Subject::User, Outcome::Text)
}

#[test]
fn texts_that_look_like_patterns_are_warned_of_with_their_place() {
    for (text, instead) in [
        ("user.display_name.replace('[#+,]', '_')", "regexReplace"),
        ("user.display_name.replace('^x', '')", "regexReplace"),
        ("user.mail.replace('.*@', '')", "regexReplace"),
        ("user.mail.replace('(a|b)', '')", "regexReplace"),
        ("user.mail.replace('\\\\d', '')", "regexReplace"),
        ("user.mail.contains('@x$') ? 'a' : 'b'", "matches"),
        ("user.mail.startsWith('[a-z]') ? 'a' : 'b'", "matches"),
        ("user.mail.split('[@.]')[0]", "matches"),
    ] {
        let formula = compiled(text).unwrap();
        let [warning] = formula.warnings() else { panic!("{text}: {:?}", formula.warnings()) };
        assert!(warning.message.contains(instead), "{text}: {warning}");
        assert_eq!(warning.line, 1, "{text}");
        assert!(warning.column > 10, "{text}: {warning}");
    }
    for text in [
        "user.mail.replace('@', '.')",
        "user.display_name.replace(' (external)', '')",
        "user.display_name.replace('$', '')",
        "user.mail.split('.')[0]",
        "user.display_name.regexReplace('[#+,]', '_')",
        "user.mail.matches('^[a-z]') ? 'a' : 'b'",
        "'[a-z]+'",
    ] {
        assert!(compiled(text).unwrap().warnings().is_empty(), "{text}");
    }
}

#[test]
fn patterns_that_cannot_be_used_are_told_with_themselves() {
    for text in ["user.mail.regexReplace('(x', '')", "user.mail.matches('(x') ? 'a' : 'b'"] {
        let problem = compiled(text).unwrap_err();
        assert!(
            problem.message.contains("the pattern cannot be used: unclosed group, in `(x`"),
            "{problem}"
        );
    }
    for text in [
        "user.mail.regexReplace('x')",
        "user.mail.regexReplace(user.mail, 'x')",
        "user.mail.regexReplace('x', user.mail)",
        "user.other_mails.regexReplace('x', 'y')",
        "user.mail.regexReplace('.', '$0$0$0$0').regexReplace('.', '$0$0$0$0').regexReplace('.',          '$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0$0')",
    ] {
        assert!(compiled(text).is_err(), "{text}");
    }
}
