//! Every place where the provider can refuse one object, in every way, at every provider: what was known of it stays.

use std::collections::BTreeSet;

use connect::{Connector, Progress, collecting_refusals};
use directory::{
    id::Millis,
    mirror::{Merged, Mirror},
    observation::{Observation, Question, Unread, Verdict},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use simulator::{Options, Provider};

use crate::tenant::{Tenant, id, person};

const ALL: [Provider; 3] = [Provider::Entra, Provider::Google, Provider::Okta];

/// The ways in which a request for one object fails for as long as it is tried.
fn ways() -> Vec<Value> {
    vec![
        json!({"kind": "status", "status": 403, "reason": "forbidden"}),
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 503, "retry_after_s": 3_600}),
        json!({"kind": "truncate"}),
        json!({"kind": "invalid_json"}),
        json!({"kind": "reset"}),
        json!({"kind": "html"}),
        json!({"kind": "error_in_200", "status": 403, "reason": "forbidden"}),
    ]
}

/// The same for one part of a batch, whose answer comes in a document of its own or not at all.
fn ways_of_a_part() -> Vec<Value> {
    let own = ["status", "html", "error_in_200"];
    ways().into_iter().filter(|way| own.contains(&way["kind"].as_str().unwrap())).collect()
}

/// The ways in which a question about an object fails: Entra asks in batches.
fn ways_of(provider: Provider) -> Vec<Value> {
    if provider == Provider::Entra { ways_of_a_part() } else { ways() }
}

/// A tenant with a group of users, and a team for each of them, which is in the group where the provider has nested groups.
struct Site {
    tenant: Tenant,
    group: String,
    users: Vec<String>,
    teams: Vec<String>,
}

impl Site {
    async fn of(provider: Provider) -> Self {
        Self::sized(provider, 40).await
    }

    async fn sized(provider: Provider, size: u32) -> Self {
        let options = Options {
            providers: vec![provider],
            users: size,
            groups: 40,
            memberships: 120,
            delta_replay: 0.0,
            ..Options::new("127.0.0.1:0".parse().unwrap())
        };
        let tenant = Tenant::with(options).await;
        let group = tenant.new_group("Chosen").await;
        let (mut users, mut teams) = (Vec::new(), Vec::new());
        for no in 0..2 * ways().len() {
            let user = tenant.new_user(&format!("chosen{no}@contoso.example")).await;
            tenant.put(&group, "users", &user).await;
            let inner = tenant.new_group(&format!("Team {no}")).await;
            tenant.put(&inner, "users", &user).await;
            if provider != Provider::Okta {
                tenant.put(&group, "groups", &inner).await;
            }
            teams.push(inner);
            users.push(user);
        }
        Self { tenant, group, users, teams }
    }

    /// Makes requests for each of the objects fail in a way of its own; `route` gives their addresses.
    async fn break_each(&self, objects: &[String], route: impl Fn(&str) -> String) {
        self.break_by(ways(), objects, route).await;
    }

    async fn break_by(&self, ways: Vec<Value>, objects: &[String], route: impl Fn(&str) -> String) {
        let faults = objects.iter().zip(ways).map(|(object, mut fault)| {
            fault["route"] = json!(route(object));
            fault
        });
        self.tenant.faults(faults.collect()).await;
    }

    async fn mend(&self) {
        self.tenant.control("DELETE", "faults", Value::Null).await;
    }

    /// The objects that go wrong: one for each way.
    fn broken(objects: &[String]) -> Vec<String> {
        objects[..ways().len()].to_vec()
    }
}

fn ids(observation: &Observation) -> BTreeSet<String> {
    observation.unreadable.iter().map(|one| one.what.id().to_string()).collect()
}

fn set(ids: &[String]) -> BTreeSet<String> {
    ids.iter().cloned().collect()
}

/// Reads with the faults that are set, and checks that nothing in the mirror changes and that the objects are named.
async fn keeps(connector: &Connector, mirror: &mut Mirror, broken: &[String], place: &str) {
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    assert_eq!(ids(&observation), set(broken), "{place}");
    for one in &observation.unreadable {
        assert!(!one.error.to_lowercase().contains("role"), "{place}: {one:?}");
    }
    let Merged { change, dirty, .. } = mirror.merge(&observation, Millis(2));
    assert!(change.is_empty() && dirty.is_empty(), "{place}: {change:?} {dirty:?}");
    assert!(mirror.unconfirmed().is_empty(), "{place}");
}

/// Records by id: users (Google's of a chosen group, Okta's who are assigned to an app), and nested groups (Google's).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_by_id_keep_what_was_known() {
    join_all([Provider::Google, Provider::Okta].map(records_by_id_keep_what_was_known_at)).await;
}

async fn records_by_id_keep_what_was_known_at(provider: Provider) {
    let mut site = Site::sized(provider, 1_600).await;
    let app = site.tenant.running.description().okta.as_ref().map(|okta| okta.app_id.clone());
    let (app, group) = (app.unwrap_or_default(), site.group.clone());
    let settings = match provider {
        Provider::Okta => [("read", "assigned"), ("app", app.as_str())],
        _ => [("read", "groups"), ("groups", group.as_str())],
    };
    if provider == Provider::Okta {
        let truth = site.tenant.control("GET", "truth", Value::Null).await;
        let assigned = truth["assigned"]["users"].as_array().unwrap().iter();
        site.users = assigned.map(|id| id.as_str().unwrap().to_owned()).collect();
        assert!(site.users.len() >= 2 * ways().len(), "{}", site.users.len());
        for user in &site.users {
            let bare = json!([{"id": user, "route": "/apps/", "remove": ["_embedded"]}]);
            site.tenant.control("POST", "odd", bare).await;
        }
    }
    let connector = site.tenant.connector_with(&settings).unwrap();
    let mut mirror = Mirror::default();
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    assert_eq!(ids(&observation), BTreeSet::new());
    mirror.merge(&observation, Millis(1));
    let kinds = [("users", &site.users), ("groups", &site.teams)];
    // Okta has no groups in groups, which alone are asked for by id.
    let count = if provider == Provider::Okta { 1 } else { 2 };
    for (kind, objects) in kinds.into_iter().take(count) {
        let broken = Site::broken(objects);
        site.break_each(&broken, |object| format!("/{kind}/{object}([?]|$)")).await;
        let place = format!("{kind} by id at {}", provider.name());
        keeps(&connector, &mut mirror, &broken, &place).await;
        site.mend().await;
    }
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    assert_eq!(ids(&observation), BTreeSet::new());
}

/// Entra asks for many records at once: if that is refused, halves are asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_records_in_one_request_are_asked_for_in_halves() {
    let site = Site::of(Provider::Entra).await;
    let settings = [("read", "groups"), ("groups", site.group.as_str())];
    let connector = site.tenant.connector_with(&settings).unwrap();
    let mut mirror = Mirror::default();
    mirror.merge(&connector.pull(None, &Progress::default()).await.unwrap(), Millis(1));
    for (refused, select) in [(1, "userPrincipalName"), (3, "userPrincipalName"), (1, "groupTypes")]
    {
        let fault = json!([{"route": format!("getByIds.*{select}"), "kind": "status",
            "status": 403, "times": refused}]);
        site.tenant.faults(fault).await;
        keeps(&connector, &mut mirror, &[], &format!("{refused} refused of {select}")).await;
        site.mend().await;
    }
}

/// Questions about single objects: a refusal confirms nothing, is told by the object's id, and spoils no other answer.
/// Entra asks in batches, of which only the one part is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_questions_confirm_nothing_and_name_the_object() {
    join_all(ALL.map(refused_questions_confirm_nothing_and_name_the_object_at)).await;
}

async fn refused_questions_confirm_nothing_and_name_the_object_at(provider: Provider) {
    let site = Site::of(provider).await;
    let connector = site.tenant.connector();
    connector.pull(None, &Progress::default()).await.unwrap();
    let gone = site.tenant.new_user("gone@contoso.example").await;
    site.tenant.control("DELETE", &format!("users/{gone}"), Value::Null).await;
    // Of users who are gone nothing but the question by id is left.
    let ways = ways_of(provider);
    let broken = site.users[..ways.len()].to_vec();
    for user in &broken {
        site.tenant.control("DELETE", &format!("users/{user}"), Value::Null).await;
    }
    site.break_by(ways, &broken, |user| format!("/users/{user}([?]|$)")).await;
    let questions: Vec<Question> = broken
        .iter()
        .chain([&gone, site.users.last().unwrap()])
        .map(|user| Question::Person(id(user)))
        .collect();
    let (verdicts, refused) = collecting_refusals(connector.confirm(&questions)).await;
    let mut expected = vec![Verdict::Unknown; broken.len()];
    expected.extend([Verdict::Gone, Verdict::Exists]);
    assert_eq!(verdicts.unwrap(), expected, "{provider:?}");
    let named: BTreeSet<Unread> = refused.iter().map(|one| one.what.clone()).collect();
    let wanted = broken.iter().map(|user| Unread::Person(id(user)));
    assert_eq!(named, wanted.collect(), "{provider:?}");
    site.mend().await;
}

/// Entra: a batch whose answer is garbled as a whole is asked in halves, so that one part spoils nothing for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_garbled_batch_is_asked_in_halves() {
    let site = Site::of(Provider::Entra).await;
    let connector = site.tenant.connector();
    for user in &site.users {
        site.tenant.control("DELETE", &format!("users/{user}"), Value::Null).await;
    }
    let questions: Vec<Question> =
        site.users.iter().map(|user| Question::Person(id(user))).collect();
    // As often as a whole batch is tried, and once more for a half.
    site.tenant.faults(json!([{"route": "batch", "kind": "truncate", "times": 7}])).await;
    let (verdicts, refused) = collecting_refusals(connector.confirm(&questions)).await;
    assert_eq!(verdicts.unwrap(), vec![Verdict::Gone; questions.len()]);
    assert_eq!(refused, []);
}

/// The same of memberships.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_questions_about_memberships_confirm_nothing() {
    join_all(ALL.map(refused_questions_about_memberships_confirm_nothing_at)).await;
}

async fn refused_questions_about_memberships_confirm_nothing_at(provider: Provider) {
    let site = Site::of(provider).await;
    let connector = site.tenant.connector();
    connector.pull(None, &Progress::default()).await.unwrap();
    let ways = ways_of(provider);
    let broken = site.users[..ways.len()].to_vec();
    let [.., taken, there] = site.users.as_slice() else { panic!("there are many users") };
    for user in broken.iter().chain([taken]) {
        let path = format!("groups/{}/users/{user}", site.group);
        site.tenant.control("DELETE", &path, Value::Null).await;
    }
    let group = site.group.clone();
    site.break_by(ways, &broken, |user| match provider {
        Provider::Entra => format!("/users/{user}/checkMemberGroups"),
        Provider::Google => format!("/groups/{group}/members/{user}"),
        Provider::Okta => format!("/users/{user}/groups"),
    })
    .await;
    let question = |user: &String| Question::Membership {
        group: id(&group),
        member: person(user),
        nested: match provider {
            Provider::Okta => Vec::new(),
            _ => site.teams.iter().map(|group| id(group)).collect(),
        },
    };
    let questions: Vec<Question> = broken.iter().chain([taken, there]).map(question).collect();
    let (verdicts, refused) = collecting_refusals(connector.confirm(&questions)).await;
    let mut expected = vec![Verdict::Unknown; broken.len()];
    expected.extend([Verdict::Gone, Verdict::Exists]);
    assert_eq!(verdicts.unwrap(), expected, "{provider:?}");
    let named: BTreeSet<Unread> = refused.iter().map(|one| one.what.clone()).collect();
    let wanted: BTreeSet<Unread> = match provider {
        Provider::Okta => broken.iter().map(|user| Unread::Memberships(id(user))).collect(),
        _ => BTreeSet::from([Unread::Members(id(&group))]),
    };
    assert_eq!(named, wanted, "{provider:?}");
    site.mend().await;
}

/// Second reads, of members of groups and of the groups of users, leave out who is refused, and name them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_second_reads_name_the_object() {
    join_all(ALL.map(refused_second_reads_name_the_object_at)).await;
}

async fn refused_second_reads_name_the_object_at(provider: Provider) {
    let site = Site::of(provider).await;
    let connector = site.tenant.connector();
    connector.pull(None, &Progress::default()).await.unwrap();
    let groups = &site.teams;
    let broken = Site::broken(groups);
    let list = if provider == Provider::Okta { "users" } else { "members" };
    site.break_each(&broken, |group| format!("/groups/{group}/{list}")).await;
    let asked: Vec<_> = groups.iter().map(|group| id(group)).collect();
    let (read, refused) = collecting_refusals(connector.members(&asked)).await;
    let read: BTreeSet<String> =
        read.unwrap().iter().map(|members| members.group.to_string()).collect();
    assert_eq!(read, set(&groups[ways().len()..]), "{provider:?}");
    let named: BTreeSet<Unread> = refused.into_iter().map(|one| one.what).collect();
    assert_eq!(named, broken.iter().map(|group| Unread::Members(id(group))).collect());
    site.mend().await;
    let broken = Site::broken(&site.users);
    site.break_each(&broken, |user| match provider {
        Provider::Entra => format!("/users/{user}/memberOf"),
        Provider::Google => format!("/groups\\?userKey={user}"),
        Provider::Okta => format!("/users/{user}/groups"),
    })
    .await;
    let asked: Vec<_> = site.users.iter().map(|user| id(user)).collect();
    let (read, refused) = collecting_refusals(connector.memberships(&asked)).await;
    for (user, groups) in read.unwrap() {
        let is_broken = broken.contains(&user.to_string());
        assert_eq!(groups.is_none(), is_broken, "{provider:?} {user}");
    }
    let named: BTreeSet<Unread> = refused.into_iter().map(|one| one.what).collect();
    assert_eq!(named, broken.iter().map(|user| Unread::Memberships(id(user))).collect());
}

/// Entra: objects of a delta that say only that something changed are read by id, of which some are refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partly_refused_delta_keeps_what_was_known() {
    let site = Site::of(Provider::Entra).await;
    let connector = site.tenant.connector();
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    let mut mirror = Mirror::default();
    mirror.merge(&observation, Millis(1));
    let mut cursor = observation.cursor.unwrap();
    let fields = [("users", "accountEnabled", &site.users), ("groups", "mailEnabled", &site.teams)];
    for (kind, field, objects) in fields {
        for object in objects {
            let odd = json!([{"id": object, "route": "/delta", "set": {field: "\"yes\""}}]);
            site.tenant.control("POST", "odd", odd).await;
        }
        let broken = Site::broken(objects);
        site.break_each(&broken, |object| format!("/{kind}/{object}[?]")).await;
        // Asked again at each read, which stays cheap: they are tried less often.
        for _ in 0..2 {
            let read = connector.pull(Some(&cursor), &Progress::default()).await.unwrap();
            assert_eq!(ids(&read), set(&broken), "{kind}");
            let Merged { change, dirty, .. } = mirror.merge(&read, Millis(2));
            assert!(change.is_empty() && dirty.is_empty(), "{kind}: {change:?}");
            cursor = read.cursor.unwrap();
        }
        site.mend().await;
        site.tenant.control("DELETE", "odd", Value::Null).await;
        let newest = &broken[0];
        let changed = match kind {
            "users" => json!({"active": false}),
            _ => json!({"name": "Renamed"}),
        };
        site.tenant.control("PATCH", &format!("{kind}/{newest}"), changed).await;
        let read = connector.pull(Some(&cursor), &Progress::default()).await.unwrap();
        assert_eq!(ids(&read), BTreeSet::new(), "{kind}");
        let Merged { change, .. } = mirror.merge(&read, Millis(3));
        assert_eq!(change.people.len() + change.groups.len(), 1, "{kind}: {change:?}");
        cursor = read.cursor.unwrap();
    }
}

/// One refused object among few: the message is about that object, and blames no role.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_only_group_is_named_and_no_role_is_blamed() {
    join_all(ALL.map(the_only_group_is_named_and_no_role_is_blamed_at)).await;
}

async fn the_only_group_is_named_and_no_role_is_blamed_at(provider: Provider) {
    let site = Site::of(provider).await;
    let group = site.teams[0].as_str();
    let settings = [("read", "groups"), ("groups", group)];
    let connector = site.tenant.connector_with(&settings).unwrap();
    connector.pull(None, &Progress::default()).await.unwrap();
    let list = if provider == Provider::Okta { "users" } else { "members" };
    let fault = json!([{"route": format!("/groups/{group}/{list}"), "kind": "status",
        "status": 403, "reason": "forbidden"}]);
    site.tenant.faults(fault).await;
    let error = connector.pull(None, &Progress::default()).await.unwrap_err().to_string();
    assert!(error.contains(group) && error.contains("403"), "{error}");
    assert!(!error.to_lowercase().contains("role"), "{error}");
}
