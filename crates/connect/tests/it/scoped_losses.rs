//! Reading a part of a tenant while its lists are short: whoever a list lacks has not left that part.
//!
//! Every way of choosing what is read stands in [`WAYS`]; each is tried with every fault that hides something, and with a
//! connection that was made anew and has seen nothing but short lists.

use std::collections::BTreeSet;

use connect::{Connector, Progress};
use directory::{
    id::ProviderId,
    observation::{GroupRecord, Listing, Member, MembersListing, Question, Verdict},
};
use serde_json::{Value, json};

use crate::tenant::{Tenant, id};

/// Faults that hide something with status 200.
const LIES: [(&str, f64, bool); 5] = [
    ("omit", 1.0, false),
    ("omit", 0.5, false),
    ("omit", 0.5, true),
    ("omit", 0.1, true),
    ("empty", 1.0, false),
];

/// A provider, what of it is read, and what its answers can prove.
struct Way {
    provider: &'static str,
    read: &'static str,
    /// Roles of the app beside those for users and groups.
    roles: &'static [&'static str],
    /// The verdict about a user who left, and about a group that left.
    left: [Verdict; 2],
}

const WAYS: [Way; 6] = [
    Way { provider: "entra", read: "groups", roles: &[], left: [Verdict::Gone; 2] },
    Way {
        provider: "entra",
        read: "assigned",
        roles: &["Application.Read.All"],
        left: [Verdict::Unlisted; 2],
    },
    Way {
        provider: "entra",
        read: "assigned",
        roles: &["Application.Read.All", "Directory.Read.All"],
        left: [Verdict::Unlisted; 2],
    },
    Way { provider: "google", read: "groups", roles: &[], left: [Verdict::Gone; 2] },
    Way { provider: "okta", read: "groups", roles: &[], left: [Verdict::Unlisted, Verdict::Gone] },
    Way { provider: "okta", read: "assigned", roles: &[], left: [Verdict::Gone; 2] },
];

/// A tenant, of which a part is read.
struct Part {
    tenant: Tenant,
    settings: Vec<(&'static str, String)>,
    /// The directory's groups, as they were read in peace.
    groups: Vec<GroupRecord>,
    users: BTreeSet<ProviderId>,
    /// The way in of the user who will leave, for the control API.
    leaver: (String, ProviderId),
    /// The group that will leave, with its way out.
    group: (String, ProviderId),
}

impl Part {
    async fn of(way: &Way) -> Self {
        let tenant = match way.provider {
            "google" => Tenant::google().await,
            "okta" => Tenant::okta().await,
            _ => {
                let usual = ["User.Read.All", "GroupMember.Read.All"];
                let roles: Vec<&str> = usual.iter().chain(way.roles).copied().collect();
                Tenant::with_roles(&roles).await
            }
        };
        let truth = tenant.truth().await;
        let domain = "contoso.example";
        let leaver = tenant.new_user(&format!("leaver@{domain}")).await;
        let (kept, dropped) = (tenant.new_group("Kept").await, tenant.new_group("Dropped").await);
        for (at, user) in truth.users.keys().take(30).enumerate() {
            tenant.put(if at % 2 == 0 { &kept } else { &dropped }, "users", user).await;
        }
        let mut settings = vec![("read", way.read.to_owned())];
        let (out_of_user, out_of_group);
        if way.read == "groups" {
            tenant.put(&kept, "users", &leaver).await;
            if way.provider != "okta" {
                let inner = tenant.new_group("Inside").await;
                tenant.put(&kept, "groups", &inner).await;
                for user in truth.users.keys().skip(30).take(8) {
                    tenant.put(&inner, "users", user).await;
                }
            }
            settings.push(("groups", "Kept; dropped".to_owned()));
            out_of_user = format!("groups/{kept}/users/{leaver}");
            out_of_group = format!("groups/{dropped}");
        } else {
            let assignments = if way.provider == "okta" {
                let app = tenant.running.description().okta.as_ref().unwrap().app_id.clone();
                settings.push(("app", app));
                "assignments".to_owned()
            } else {
                let app = tenant.running.description().entra.as_ref().unwrap().client_id.clone();
                format!("apps/{app}")
            };
            out_of_user = format!("{assignments}/users/{leaver}");
            out_of_group = format!("{assignments}/groups/{dropped}");
            let kept = format!("{assignments}/groups/{kept}");
            for path in [&out_of_user, &out_of_group, &kept] {
                tenant.control("PUT", path, Value::Null).await;
            }
        }
        let mut part = Self {
            tenant,
            settings,
            groups: Vec::new(),
            users: BTreeSet::new(),
            leaver: (out_of_user, id(&leaver)),
            group: (out_of_group, id(&dropped)),
        };
        let observation = part.connector().pull(None, &Progress::default()).await.unwrap();
        let Listing::Complete(groups) = observation.groups else { panic!("all groups") };
        let Listing::Complete(users) = observation.people else { panic!("all users") };
        part.users = users.into_iter().map(|user| user.id).collect();
        assert!(part.users.len() > 25 && part.users.contains(&part.leaver.1));
        assert!(groups.iter().any(|group| group.id == part.group.1));
        part.groups = groups;
        part
    }

    fn connector(&self) -> Connector {
        let settings: Vec<(&str, &str)> =
            self.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        self.tenant.connector_with(&settings).unwrap()
    }

    /// Everybody and every group that was read.
    fn questions(&self) -> Vec<Question> {
        let users = self.users.iter().cloned().map(Question::Person);
        users.chain(self.groups.iter().map(|group| Question::Group(group.id.clone()))).collect()
    }

    /// The objects that are said to be gone.
    async fn said_gone(&self, connector: &Connector) -> Vec<Question> {
        let questions = self.questions();
        let verdicts = connector.confirm(&questions).await.unwrap();
        let told = questions.into_iter().zip(verdicts);
        told.filter(|(_, verdict)| *verdict == Verdict::Gone).map(|(asked, _)| asked).collect()
    }

    async fn lies(&self, (kind, share, apart): (&str, f64, bool)) {
        let fault =
            json!([{"route": ".", "kind": kind, "share": share, "seed": 7, "apart": apart}]);
        self.tenant.faults(fault).await;
    }

    async fn tells_the_truth(&self) {
        self.tenant.control("DELETE", "faults", Value::Null).await;
    }
}

async fn short_lists_take_nobody_out(provider: &str) {
    for way in WAYS.iter().filter(|way| way.provider == provider) {
        let part = Part::of(way).await;
        let what = |lie: (&str, f64, bool), when: &str| {
            format!("{} {} {:?}, {lie:?}, {when}", way.provider, way.read, way.roles)
        };
        let old = part.connector();
        old.pull(None, &Progress::default()).await.unwrap();
        for lie in LIES {
            part.lies(lie).await;
            assert_eq!(part.said_gone(&old).await, [], "{}", what(lie, "read in peace before"));
            // What is read now is short as well; the directory still has its groups.
            drop(old.pull(None, &Progress::default()).await);
            assert_eq!(part.said_gone(&old).await, [], "{}", what(lie, "read while it lies"));
            let new = part.connector();
            drop(new.pull(None, &Progress::default()).await);
            new.recall(&part.groups);
            assert_eq!(part.said_gone(&new).await, [], "{}", what(lie, "after a restart"));
            part.tells_the_truth().await;
        }
        // In peace all are there; and whoever left is told to have left, or waits for the lists to agree.
        old.pull(None, &Progress::default()).await.unwrap();
        let questions = part.questions();
        let verdicts = old.confirm(&questions).await.unwrap();
        let wrong: Vec<_> =
            questions.iter().zip(&verdicts).filter(|(_, v)| **v != Verdict::Exists).collect();
        assert_eq!(wrong, [], "{} {} {:?}", way.provider, way.read, way.roles);
        part.tenant.control("DELETE", &part.leaver.0, Value::Null).await;
        if way.read == "groups" {
            // The group is there, but is no longer called as an administrator chose.
            part.tenant.control("PATCH", &part.group.0, json!({"name": "Renamed"})).await;
        } else {
            part.tenant.control("DELETE", &part.group.0, Value::Null).await;
        }
        let left = [Question::Person(part.leaver.1.clone()), Question::Group(part.group.1.clone())];
        for connector in [&old, &part.connector()] {
            connector.pull(None, &Progress::default()).await.unwrap();
            connector.recall(&part.groups);
            let verdicts = connector.confirm(&left).await.unwrap();
            assert_eq!(verdicts, way.left, "{} {} {:?}", way.provider, way.read, way.roles);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_lists_take_nobody_out_of_what_is_read_at_entra() {
    short_lists_take_nobody_out("entra").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_lists_take_nobody_out_of_what_is_read_at_google() {
    short_lists_take_nobody_out("google").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_lists_take_nobody_out_of_what_is_read_at_okta() {
    short_lists_take_nobody_out("okta").await;
}

/// A user of an assigned group may be in it through a group inside, which confers nothing at Entra: their own list of
/// groups tells the two apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_an_assigned_group_is_told_from_one_inside() {
    let way = &WAYS[1];
    let part = Part::of(way).await;
    let connector = part.connector();
    let observation = connector.pull(None, &Progress::default()).await.unwrap();
    let group = part.group.1.clone();
    let set = observation.members.iter().find(|members| members.group == group).unwrap();
    let MembersListing::Complete(set) = &set.listing else { panic!("all members") };
    let member = set.users[0].clone();
    let inside = part.tenant.new_group("Inside").await;
    part.tenant.put(&group.to_string(), "groups", &inside).await;
    part.tenant.put(&inside, "users", &member.to_string()).await;
    let question = [Question::Membership {
        group: group.clone(),
        member: Member::User(member.clone()),
        nested: Vec::new(),
    }];
    assert_eq!(connector.confirm(&question).await.unwrap(), [Verdict::Exists]);
    let path = format!("groups/{group}/users/{member}");
    part.tenant.control("DELETE", &path, Value::Null).await;
    assert_eq!(connector.confirm(&question).await.unwrap(), [Verdict::Unlisted]);
}
