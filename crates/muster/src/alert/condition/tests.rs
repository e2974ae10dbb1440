//! Each matter by cases: what is known in, what is to be done out.

use directory::{
    decisions::{Digest, Node},
    id::{ProviderId, UserNo},
    report::{GuardKind, HeldKind, NearLimit, UnreadablePart},
};

use super::*;

fn facts(runs: &[RunReport]) -> Facts<'_> {
    Facts {
        now: Millis(100 * DAY_MS),
        name: "contoso",
        provider: "entra",
        paused: false,
        last_read: Some(Millis(0)),
        runs,
        issues: &[],
        expiry: None,
        not_served: None,
        damage: &[],
    }
}

fn failed(code: &str) -> RunReport {
    let outcome =
        Outcome::Failed { error: "the secret has expired".into(), code: Some(code.to_owned()) };
    RunReport { outcome, ..RunReport::default() }
}

fn decision() -> RunReport {
    RunReport { kind: RunKind::Decision, ..RunReport::default() }
}

fn waiting(kinds: &[GuardKind]) -> RunReport {
    let held = kinds.iter().map(|kind| HeldKind {
        kind: *kind,
        count: 30,
        why: format!("30 people: {}", kind.as_str()),
        digest: Digest("d".to_owned()),
        approvable: true,
        sample: Vec::new(),
    });
    RunReport { outcome: Outcome::Held, held: held.collect(), ..RunReport::default() }
}

fn open(text: AlertText) -> AlertRow {
    AlertRow {
        id: 1,
        directory: directory::id::DirectoryId(1),
        directory_name: "contoso".to_owned(),
        kind: String::new(),
        text,
        version: 1,
        raised: Millis(0),
        changed: Millis(0),
        resolved: None,
        acknowledged: None,
    }
}

fn standing(kind: Kind, facts: &Facts<'_>) -> AlertText {
    match state(kind, facts) {
        State::Standing(text) => text,
        other => panic!("{kind:?} is {other:?}"),
    }
}

fn aspects(text: &AlertText) -> Vec<&str> {
    text.aspects.iter().map(String::as_str).collect()
}

#[test]
fn three_failures_in_a_row_are_an_alert_and_one_success_ends_it() {
    let (bad, good) = (failed("E-SECRET"), RunReport::default());
    let of = |runs: &[RunReport]| state(Kind::Failing, &facts(runs));
    assert_eq!(of(&[]), State::Unknown);
    assert_eq!(of(&[bad.clone(), bad.clone(), good.clone()]), State::Unknown, "not yet, not over");
    let three = [bad.clone(), decision(), bad.clone(), bad.clone(), good.clone()];
    let text = standing(Kind::Failing, &facts(&three));
    assert_eq!(aspects(&text), ["E-SECRET"]);
    assert!(text.details[0].contains("expired") && text.details[2].contains("check contoso"));
    assert_eq!(of(&[good, bad.clone(), bad.clone(), bad]), State::Clear);
    let paused = Facts { paused: true, ..facts(&three) };
    assert_eq!(state(Kind::Failing, &paused), State::Unknown);
}

#[test]
fn what_waits_is_told_once_and_again_for_another_kind() {
    let one = [waiting(&[GuardKind::PeopleLeaving])];
    let text = standing(Kind::Held, &facts(&one));
    assert_eq!(aspects(&text), ["people_leaving"]);
    let raise = step(Kind::Held, "contoso", None, State::Standing(text.clone()));
    assert_eq!(raise, Step::Raise(text.clone()));
    let row = open(text.clone());
    assert_eq!(
        step(Kind::Held, "contoso", Some(&row), State::Standing(text.clone())),
        Step::Nothing
    );
    // Another number is no news.
    let mut more = text.clone();
    more.details[0] = "31 people".to_owned();
    let changed = step(Kind::Held, "contoso", Some(&row), State::Standing(more.clone()));
    assert_eq!(changed, Step::Change(more, Telling::Quietly));
    let two = [waiting(&[GuardKind::TakeOver])];
    let Step::Change(both, Telling::Again) =
        step(Kind::Held, "contoso", Some(&row), state(Kind::Held, &facts(&two)))
    else {
        panic!("another kind is news")
    };
    assert_eq!(aspects(&both), ["people_leaving", "take_over"]);
    // The first kind alone again: told already.
    let back = step(Kind::Held, "contoso", Some(&open(both)), state(Kind::Held, &facts(&one)));
    assert!(matches!(back, Step::Change(_, Telling::Quietly)), "{back:?}");
    // A failure tells nothing about what waits.
    let failing = [failed("N-CONN"), one[0].clone()];
    assert_eq!(aspects(&standing(Kind::Held, &facts(&failing))), ["people_leaving"]);
    let done = [decision(), one[0].clone()];
    let over = step(Kind::Held, "contoso", Some(&row), state(Kind::Held, &facts(&done)));
    assert!(matches!(over, Step::Resolve(_)), "{over:?}");
}

#[test]
fn a_credential_is_told_of_at_30_7_and_1_days_and_when_it_is_over() {
    let with = |left: i64, source| Facts {
        expiry: Some(Expiry { at: Millis(100 * DAY_MS + left), source }),
        ..facts(&[])
    };
    let of = |left, source| state(Kind::Credential, &with(left, source));
    assert_eq!(of(30 * DAY_MS + 1, Source::Certificate), State::Clear);
    for (left, told) in [
        (30 * DAY_MS, vec!["30 days"]),
        (8 * DAY_MS, vec!["30 days"]),
        (7 * DAY_MS, vec!["30 days", "7 days"]),
        (DAY_MS, vec!["1 days", "30 days", "7 days"]),
        (-1, vec!["0 days", "1 days", "30 days", "7 days"]),
    ] {
        assert_eq!(aspects(&standing(Kind::Credential, &with(left, Source::Told))), told);
    }
    assert_eq!(of(29 * DAY_MS, Source::Idle), State::Clear, "a token that is in use");
    let idle = standing(Kind::Credential, &with(6 * DAY_MS, Source::Idle));
    assert!(idle.title.contains("is not used"), "{}", idle.title);
    let over = standing(Kind::Credential, &with(0, Source::Told));
    assert!(over.title.contains("stopped working"), "{}", over.title);
    let paused = Facts { paused: true, ..with(0, Source::Idle) };
    assert!(matches!(state(Kind::Credential, &paused), State::Standing(_)));
    assert_eq!(state(Kind::Credential, &facts(&[])), State::Clear);
}

#[test]
fn somebody_new_who_is_set_aside_is_news() {
    let issue = |no: u32| Issue {
        node: Node::User(UserNo(no)),
        id: ProviderId::parse(&format!("id-{no}")).unwrap(),
        label: format!("person {no}"),
        reason: directory::plan::Reason::Discarded,
        served: false,
    };
    let run = |count| RunReport { set_aside: count, ..RunReport::default() };
    let issues: Vec<Issue> = (0..12).map(issue).collect();
    let of = |count: usize, runs: &[RunReport]| {
        let known = Facts { issues: &issues[..count], ..facts(&[]) };
        state(Kind::SetAside, &Facts { runs, ..known })
    };
    assert_eq!(of(0, &[run(0)]), State::Clear);
    assert_eq!(of(0, &[run(2)]), State::Unknown, "after a start");
    let State::Standing(two) = of(2, &[run(2)]) else { panic!("two are set aside") };
    let news = step(Kind::SetAside, "contoso", Some(&open(two.clone())), of(3, &[run(3)]));
    assert!(matches!(news, Step::Change(_, Telling::Again)), "{news:?}");
    let less = step(Kind::SetAside, "contoso", Some(&open(two)), of(1, &[run(1)]));
    assert!(matches!(less, Step::Change(_, Telling::Quietly)), "{less:?}");
    let State::Standing(many) = of(12, &[run(12)]) else { panic!("twelve are set aside") };
    assert!(many.details.contains(&"and 2 more".to_owned()), "{:?}", many.details);
}

#[test]
fn half_of_a_limit_used_up_is_a_notice_until_the_day_is_over() {
    let near = |kind, count| NearLimit { kind, count, passing: 40 };
    let run = |near: &[NearLimit]| RunReport { near: near.to_vec(), ..RunReport::default() };
    let of = |run: RunReport| state(Kind::NearLimit, &facts(&[run]));
    assert_eq!(Kind::NearLimit.severity(), crate::alert::Severity::Notice);
    assert_eq!(of(run(&[])), State::Clear);
    let twenty = near(GuardKind::PeopleLeaving, 20);
    let text = standing(Kind::NearLimit, &facts(&[run(&[twenty])]));
    assert_eq!(aspects(&text), ["people_leaving"]);
    assert_eq!(
        text.details[0],
        "20 people left or were deactivated within 24 hours; more than 40 would wait for an approval"
    );
    // More of the same is not told again, another kind is.
    let more = of(run(&[near(GuardKind::PeopleLeaving, 30)]));
    let known = open(text);
    assert!(matches!(
        step(Kind::NearLimit, "contoso", Some(&known), more),
        Step::Change(_, Telling::Quietly)
    ));
    let other = of(run(&[twenty, near(GuardKind::GroupsRemoved, 30)]));
    assert!(matches!(
        step(Kind::NearLimit, "contoso", Some(&known), other),
        Step::Change(_, Telling::Again)
    ));
    assert_eq!(of(waiting(&[GuardKind::PeopleLeaving])), State::Unknown, "that is no good news");
    let over = step(Kind::NearLimit, "contoso", Some(&known), of(run(&[])));
    assert!(matches!(over, Step::Resolve(_)));
}

#[test]
fn what_is_not_served_is_told_even_of_a_paused_directory() {
    let problem = NotServed { since: Millis(0), reason: "the database is damaged".to_owned() };
    let known = Facts { paused: true, not_served: Some(&problem), ..facts(&[]) };
    let State::Standing(text) = state(Kind::NotServed, &known) else { panic!("an alert") };
    assert!(text.title.contains("`contoso` is not served"), "{text:?}");
    assert!(text.details[0].contains("the database is damaged"), "{text:?}");
    assert!(text.details[1].contains("/health/ready"), "{text:?}");
    assert_eq!(state(Kind::NotServed, &facts(&[])), State::Clear);
}

#[test]
fn what_cannot_be_read_is_told_of_until_a_read_has_it() {
    let object = |no: u32| UnreadableObject {
        part: UnreadablePart::Members,
        id: format!("id-{no}"),
        name: format!("group {no}"),
        error: "Microsoft refuses it (403)".to_owned(),
    };
    let run = |count: u32| RunReport {
        unreadable: (0..count.min(100)).map(object).collect(),
        unreadable_total: count.into(),
        ..RunReport::default()
    };
    let decision = RunReport { kind: RunKind::Decision, ..RunReport::default() };
    let failed = RunReport {
        outcome: Outcome::Failed { error: "no".to_owned(), code: None },
        ..RunReport::default()
    };
    let of = |runs: &[RunReport]| state(Kind::Unreadable, &facts(runs));
    assert_eq!(of(&[]), State::Unknown);
    assert_eq!(of(&[run(0), run(1)]), State::Clear);
    let State::Standing(one) = of(&[decision, failed, run(1)]) else { panic!("still one") };
    assert!(one.details[0].contains("group 0 (id-0): Microsoft refuses"), "{:?}", one.details);
    let news = step(Kind::Unreadable, "contoso", Some(&open(one.clone())), of(&[run(2)]));
    assert!(matches!(news, Step::Change(_, Telling::Again)), "{news:?}");
    let over = step(Kind::Unreadable, "contoso", Some(&open(one)), of(&[run(0)]));
    assert_eq!(over, Step::Resolve("everything in `contoso` can be read again".to_owned()));
    let State::Standing(many) = of(&[run(300)]) else { panic!("many") };
    assert!(many.details.contains(&"and 290 more".to_owned()), "{:?}", many.details);
}
