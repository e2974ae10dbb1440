//! Entra with more and with less than the usual: certificates, hidden memberships, members of which only type and id
//! show, tenants without lists of changes.

use connect::{Credential, Progress};
use directory::observation::{Listing, MembersListing};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use simulator::{HiddenMembers, Options, TenantKind};

use crate::tenant::{Copy, Tenant, id, now, pull};

const READING: [&str; 2] = ["User.Read.All", "GroupMember.Read.All"];

fn options() -> Options {
    Options {
        users: 60,
        groups: 40,
        memberships: 200,
        ..Options::new("127.0.0.1:0".parse().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_our_making_is_a_credential() {
    let tenant = Tenant::start().await;
    let made = Credential::entra(now()).unwrap();
    let connector = tenant.connector_with(&[("secret", made.secret.expose_secret())]).unwrap();
    let report = connector.probe(|_| {}).await;
    assert!(!report.succeeded() && report.to_string().contains("[E-CERT]"), "{report}");
    assert!(report.to_string().contains(&made.name), "the thumbprint is shown: {report}");
    assert!(!report.to_string().contains("PRIVATE"));
    let shown = tenant.control("POST", "certificates", json!({"pem": made.public})).await;
    assert_eq!(shown["thumbprint"], made.name);
    let report = connector.probe(|_| {}).await;
    assert!(report.succeeded(), "{report}");
    let mut copy = Copy::default();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    assert_eq!(copy, tenant.truth().await);
    // Each token takes an assertion of its own.
    tenant.new_user("new@contoso.example").await;
    tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    pull(&connector, &mut copy, Some(&cursor)).await.unwrap();
    assert_eq!(copy, tenant.truth().await);
    // Two years later it has ended.
    tenant.control("POST", "clock", json!({"advance_s": 731 * 86_400})).await;
    let error = connector.pull(None, &Progress::default()).await.unwrap_err();
    assert_eq!(error.code(), Some("E-CERT"), "{error}");
}

/// Members of groups that hide them stay as they were: they are neither read nor taken for gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_memberships_are_left_alone() {
    for answer in [HiddenMembers::Refused, HiddenMembers::Empty] {
        // Larger permissions do not show them either.
        let roles = [READING[0], READING[1], "Directory.Read.All"].map(str::to_owned).to_vec();
        let tenant = Tenant::with(Options {
            entra_hidden_members: answer,
            entra_roles: roles.clone(),
            ..options()
        })
        .await;
        let made =
            tenant.control("POST", "groups", json!({"name": "Secret", "hidden": true})).await;
        let secret = made["id"].as_str().unwrap().to_owned();
        let ann = tenant.new_user("ann@contoso.example").await;
        tenant.put(&secret, "users", &ann).await;
        let connector = tenant.connector();
        let observation = connector.pull(None, &Progress::default()).await.unwrap();
        assert!(
            observation.notes.iter().any(|note| note.contains("[E-HIDDEN]")),
            "{:?}",
            observation.notes
        );
        assert!(observation.members.iter().all(|members| members.group != id(&secret)));
        let Listing::Complete(groups) = &observation.groups else { panic!("complete") };
        let record = groups.iter().find(|group| group.id == id(&secret)).unwrap();
        assert!(record.hidden_members);
        let report = connector.probe(|_| {}).await;
        assert!(
            report.succeeded()
                && report.steps.iter().any(|step| step.code.as_deref() == Some("E-HIDDEN"))
        );
        // Changes do not tell of them.
        let ben = tenant.new_user("ben@contoso.example").await;
        tenant.put(&secret, "users", &ben).await;
        let changes =
            connector.pull(observation.cursor.as_ref(), &Progress::default()).await.unwrap();
        assert!(changes.members.iter().all(|members| members.group != id(&secret)));
        let roles = [READING[0], READING[1], "Member.Read.Hidden"];
        tenant.control("POST", "roles", json!({"roles": roles})).await;
        tenant.control("POST", "expire", json!({"what": "tokens"})).await;
        let mut copy = Copy::default();
        pull(&connector, &mut copy, None).await.unwrap();
        assert_eq!(copy, tenant.truth().await);
    }
}

/// Without the permission to read users, members show as types and ids: that says nothing about the people.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripped_members_are_no_people() {
    let tenant = Tenant::with(options()).await;
    let connector = tenant.connector();
    let mut copy = Copy::default();
    let (cursor, _) = pull(&connector, &mut copy, None).await.unwrap();
    let truth = tenant.truth().await;
    let (group, member) =
        truth.members.iter().find(|(_, member)| truth.users.contains_key(member)).unwrap();
    tenant.control("POST", "revoke", json!({"what": "scope"})).await;
    tenant.control("POST", "expire", json!({"what": "tokens"})).await;
    for cursor in [None, Some(&cursor)] {
        let error = connector.pull(cursor, &Progress::default()).await.unwrap_err();
        assert_eq!(error.code(), Some("E-CONSENT"), "{error}");
    }
    // Memberships themselves are still true.
    let read = connector.members(&[id(group)]).await.unwrap();
    let MembersListing::Complete(set) = &read[0].listing else { panic!("complete") };
    assert!(set.users.contains(&id(member)));
    // What is chosen is not read with blank people either.
    let settings = [("read", "groups"), ("groups", group.as_str())];
    let chosen = tenant.connector_with(&settings).unwrap();
    let error = chosen.pull(None, &Progress::default()).await.unwrap_err();
    assert_eq!(error.code(), Some("E-CONSENT"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_for_customers_are_read_whole_each_time() {
    for kind in [TenantKind::B2c, TenantKind::External] {
        let tenant = Tenant::with(Options { entra_tenant: kind, ..options() }).await;
        let connector = tenant.connector();
        let report = connector.probe(|_| {}).await;
        assert!(report.succeeded(), "{report}");
        assert!(report.steps.iter().any(|step| step.code.as_deref() == Some("E-B2C")), "{report}");
        let mut copy = Copy::default();
        for round in 0..2 {
            let observation = connector.pull(None, &Progress::default()).await.unwrap();
            assert!(observation.everything && observation.cursor.is_none());
            assert!(observation.notes.iter().any(|note| note.contains("[E-B2C]")));
            copy.hear(&observation);
            assert_eq!(copy, tenant.truth().await);
            tenant.new_user(&format!("new{round}@contoso.example")).await;
            let gone = copy.users.keys().next().unwrap().clone();
            tenant.control("DELETE", &format!("users/{gone}"), Value::Null).await;
        }
    }
}
