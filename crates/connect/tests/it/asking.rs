//! Questions about single objects, credentials that are wrong, and the step-by-step check.

use connect::{Progress, StepOutcome};
use directory::counted::counted;
use directory::id::ProviderId;
use directory::observation::{Member, MembersListing, Question, Verdict};
use serde_json::{Value, json};

use crate::tenant::{Copy, Tenant, id, person, pull};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_gone_is_confirmed_as_gone() {
    use Verdict::{Exists, Gone, Unknown};

    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let (ann, ben) = (
        tenant.new_user("ann@contoso.example").await,
        tenant.new_user("ben@contoso.example").await,
    );
    let (outer, inner) = (tenant.new_group("Outer").await, tenant.new_group("Inner").await);
    for (group, kind, member) in
        [(&outer, "users", &ann), (&inner, "users", &ben), (&outer, "groups", &inner)]
    {
        tenant.control("PUT", &format!("groups/{group}/{kind}/{member}"), Value::Null).await;
    }
    let gone = tenant.new_user("gone@contoso.example").await;
    tenant.control("DELETE", &format!("users/{gone}"), Value::Null).await;
    let membership = |group: &str, member| Question::Membership {
        group: id(group),
        member,
        nested: if group == outer { vec![id(&inner)] } else { Vec::new() },
    };
    let questions = [
        Question::Person(id(&ann)),
        Question::Person(id(&gone)),
        Question::Group(id(&inner)),
        membership(&outer, person(&ann)),
        membership(&inner, person(&ann)),
        // Only through the inner group.
        membership(&outer, person(&ben)),
        membership(&outer, Member::Group(id(&inner))),
        membership(&outer, person(&gone)),
    ];
    let expected = [Exists, Gone, Exists, Exists, Gone, Gone, Exists, Gone];
    assert_eq!(connector.confirm(&questions).await.unwrap(), expected);
    // Without the permission nothing is confirmed.
    tenant.control("POST", "revoke", json!({"what": "consent"})).await;
    tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    assert_eq!(connector.confirm(&questions).await.unwrap(), [Unknown; 8]);
}

/// Each of these is the only thing that stands between a short list and a lost membership.
async fn no_list_confirms_a_loss(tenant: Tenant) {
    let connector = tenant.connector();
    connector.pull(None, &Progress::default()).await.unwrap();
    let truth = tenant.truth().await;
    let nested = |group: &String| -> Vec<ProviderId> {
        let inside =
            truth.members.iter().filter(|(g, m)| g == group && truth.groups.contains_key(m));
        inside.map(|(_, member)| id(member)).collect()
    };
    let member = |it: &String| {
        if truth.users.contains_key(it) { person(it) } else { Member::Group(id(it)) }
    };
    let question = |(group, it): &(String, String)| Question::Membership {
        group: id(group),
        member: member(it),
        nested: nested(group).into_iter().filter(|one| *one != id(it)).collect(),
    };
    let whole = tenant.control("GET", "truth", Value::Null).await;
    let everybody: Vec<&str> = whole["groups"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|group| group["everybody"] == true)
        .filter_map(|group| group["id"].as_str())
        .collect();
    let (mut through, plain): (Vec<_>, Vec<_>) = truth
        .members
        .iter()
        .filter(|(group, _)| !everybody.contains(&group.as_str()))
        .cloned()
        .partition(|pair| truth.groups.contains_key(&pair.1) || !nested(&pair.0).is_empty());
    through.truncate(150);
    let there: Vec<(String, String)> =
        through.into_iter().chain(plain.into_iter().step_by(17).take(150)).collect();
    assert!(there.len() > 100);
    let questions: Vec<Question> = there.iter().map(question).collect();
    for (kind, share, apart) in
        [("omit", 1.0, false), ("omit", 0.5, false), ("omit", 0.5, true), ("empty", 1.0, false)]
    {
        let fault =
            json!([{"route": ".", "kind": kind, "share": share, "seed": 7, "apart": apart}]);
        tenant.faults(fault).await;
        let verdicts = connector.confirm(&questions).await.unwrap();
        let gone = verdicts.iter().zip(&there).find(|(verdict, _)| **verdict == Verdict::Gone);
        assert_eq!(gone, None, "{kind} {share} {apart}");
        tenant.control("DELETE", "faults", Value::Null).await;
    }
    // In peace it is told that they are there, and what was taken away is gone.
    let verdicts = connector.confirm(&questions).await.unwrap();
    let wrong: Vec<_> =
        verdicts.iter().zip(&there).filter(|(verdict, _)| **verdict != Verdict::Exists).collect();
    assert_eq!(wrong, [], "all are there");
    let taken: Vec<(String, String)> = there.into_iter().step_by(7).collect();
    for (group, it) in &taken {
        let kind = if truth.users.contains_key(it) { "users" } else { "groups" };
        tenant.control("DELETE", &format!("groups/{group}/{kind}/{it}"), Value::Null).await;
    }
    let questions: Vec<Question> = taken.iter().map(question).collect();
    let verdicts = connector.confirm(&questions).await.unwrap();
    let wrong: Vec<_> =
        verdicts.iter().zip(&taken).filter(|(verdict, _)| **verdict != Verdict::Gone).collect();
    assert_eq!(wrong, [], "what was taken away is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_confirms_a_loss_at_entra() {
    no_list_confirms_a_loss(Tenant::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_confirms_a_loss_at_google() {
    no_list_confirms_a_loss(Tenant::google().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_list_confirms_a_loss_at_okta() {
    no_list_confirms_a_loss(Tenant::okta().await).await;
}

/// A check leaves out groups that hide their members: what it does not name may be there all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_hides_its_members_loses_nobody() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let (ann, group) =
        (tenant.new_user("ann@contoso.example").await, tenant.new_group("Secret").await);
    tenant.put(&group, "users", &ann).await;
    let question =
        [Question::Membership { group: id(&group), member: person(&ann), nested: Vec::new() }];
    assert_eq!(connector.confirm(&question).await.unwrap(), [Verdict::Exists]);
    tenant.control("PATCH", &format!("groups/{group}"), json!({"hidden": true})).await;
    assert_eq!(connector.confirm(&question).await.unwrap(), [Verdict::Unknown]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_memberships_can_be_read_again() {
    let tenant = Tenant::start().await;
    let connector = tenant.connector();
    let truth = tenant.truth().await;
    let (group, user) =
        truth.members.iter().find(|(_, member)| truth.users.contains_key(member)).unwrap();
    let missing = id("99999999-0000-4000-8000-000000000001");
    let read = connector.members(&[id(group), missing.clone()]).await.unwrap();
    assert_eq!(read.len(), 1, "a group that is gone is left out");
    let MembersListing::Complete(set) = &read[0].listing else { panic!("complete") };
    assert_eq!(
        set.users.len() + set.groups.len(),
        truth.members.iter().filter(|(g, _)| g == group).count()
    );
    let answers = connector.memberships(&[id(user), missing.clone()]).await.unwrap();
    let of = |wanted| answers.iter().find(|(id, _)| *id == wanted).unwrap().1.clone();
    let mut groups: Vec<String> = of(id(user)).unwrap().iter().map(ToString::to_string).collect();
    groups.sort();
    let expected: Vec<String> =
        truth.members.iter().filter(|(_, m)| m == user).map(|(g, _)| g.clone()).collect();
    assert_eq!(groups, expected);
    assert_eq!(of(missing), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_credential_is_named_and_never_shown() {
    let tenant = Tenant::start().await;
    let cases = [
        (("secret", "not-the-secret-itself"), "E-SECRET", "Value"),
        (("tenant", "unknown.example"), "E-TENANT", "tenant"),
        (("client_id", "99999999-0000-4000-8000-000000000001"), "E-APP", "client ID"),
        (("secret", " "), "E-SECRET-NONE", "secret"),
        (("graph", "http://127.0.0.1:1/entra/graph"), "E-CLOUD", "cloud"),
        (("authority", "http://127.0.0.1:1"), "N-CONN", "127.0.0.1:1"),
    ];
    for (changed, code, says) in cases {
        let error = match tenant.connector_with(&[changed]) {
            Err(error) => error,
            Ok(connector) => pull(&connector, &mut Copy::default(), None).await.unwrap_err(),
        };
        assert_eq!(error.code(), Some(code), "{changed:?}: {error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains("not-the-secret-itself"), "{error}");
    }
    tenant.control("POST", "expire", json!({"what": "secret"})).await;
    let error = pull(&tenant.connector(), &mut Copy::default(), None).await.unwrap_err();
    assert_eq!(error.code(), Some("E-SECRET-EXP"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_consent_is_named() {
    let tenant = Tenant::start().await;
    tenant.control("POST", "revoke", json!({"what": "consent"})).await;
    let connector = tenant.connector();
    let error = pull(&connector, &mut Copy::default(), None).await.unwrap_err();
    assert_eq!(error.code(), Some("E-CONSENT"), "{error}");
    let report = connector.probe(|_| {}).await;
    assert!(!report.succeeded());
    let failed = report.steps.iter().find(|step| step.outcome == StepOutcome::Failed).unwrap();
    assert_eq!(
        (failed.name.as_str(), failed.code.as_deref()),
        ("permissions in the token", Some("E-CONSENT"))
    );
    assert_eq!(report.steps.last().unwrap().outcome, StepOutcome::Skipped);
    // The administrator's next click helps at once.
    tenant.control("POST", "grant", json!({"what": "consent"})).await;
    let mut told = Vec::new();
    let report = connector.probe(|step| told.push(step.name.clone())).await;
    assert!(report.succeeded(), "{report}");
    assert_eq!(told.len(), 8);
    tenant.control("POST", "revoke", json!({"what": "role"})).await;
    let report = tenant.connector().probe(|_| {}).await;
    assert!(report.to_string().contains("GroupMember.Read.All"), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_cannot_be_used_are_named() {
    let tenant = Tenant::start().await;
    let cases = [
        ("tenent", "x", "no setting `tenent`"),
        ("graph", "http://graph.microsoft.com", "https://"),
        ("cloud", "moon", "us_gov"),
        ("tenant", "", "`tenant` is missing"),
    ];
    for (key, value, says) in cases {
        let error = tenant.connector_with(&[(key, value)]).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// The last step of a check says how much there is, and how long reading it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_check_counts_what_will_be_read() {
    for tenant in [Tenant::start().await, Tenant::google().await] {
        let truth = tenant.truth().await;
        let report = tenant.connector().probe(|_| {}).await;
        assert!(report.succeeded(), "{report}");
        let last = report.steps.last().unwrap();
        let counts = format!(
            "{} and {};",
            counted(truth.users.len(), "person"),
            counted(truth.groups.len(), "group")
        );
        assert!(last.detail.contains(&counts), "{counts} {}", last.detail);
    }
}
