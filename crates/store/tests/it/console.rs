//! What the console keeps: administrators, links, sessions, drafts, the audit log, callers.

use std::fs;

use directory::id::Millis;
use secrecy::{ExposeSecret, SecretString};
use store::{
    AuditFilter, CallerRow, ConsoleSessionRow, DraftRow, InvitationRow, NewApiToken, NewAudit,
    Role, Scope,
};

use crate::{NOW, open};

#[test]
fn somebody_can_always_change_things() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let ann = crate::changed(&store, |change| {
        change.put_administrator("Ann", Role::Administrator, "h1", NOW)
    })
    .unwrap();
    let bob =
        crate::changed(&store, |change| change.put_administrator("bob", Role::Reader, "h2", NOW))
            .unwrap();
    assert!(!crate::changed(&store, |change| change.remove_administrator(ann.id)).unwrap());
    assert!(
        !crate::changed(&store, |change| change.set_administrator_role(ann.id, Role::Reader))
            .unwrap()
    );
    assert!(
        crate::changed(&store, |change| change.set_administrator_role(bob.id, Role::Administrator))
            .unwrap()
    );
    crate::changed(&store, |change| change.signed_in(bob.id, Millis(7))).unwrap();
    assert!(crate::changed(&store, |change| change.remove_administrator(ann.id)).unwrap());
    let again = crate::changed(&store, |change| {
        change.put_administrator("BOB", Role::Administrator, "h3", NOW)
    })
    .unwrap();
    assert_eq!((again.id, again.last_sign_in), (bob.id, Some(Millis(7))));
    assert_eq!(again.password_hash, "h3");
    let new =
        crate::changed(&store, |change| change.put_administrator("ann", Role::Reader, "h4", NOW))
            .unwrap();
    assert!(new.id > bob.id, "numbers are never given again");
    assert_eq!(store.administrator_named("ANN").unwrap(), Some(new));
}

#[test]
fn a_token_works_until_it_ends_or_is_revoked_and_its_name_is_free_then() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let new = |name: &str, hash: u8| NewApiToken {
        name: name.to_owned(),
        hash: [hash; 32],
        scopes: vec![Scope::Read, Scope::Write],
        made_by: "ann".to_owned(),
        made: NOW,
        expires: Some(NOW.plus(10)),
    };
    let first =
        crate::changed(&store, |change| change.add_api_token(&new("Ci", 1))).unwrap().unwrap();
    assert!(first.works(NOW.plus(9)) && !first.works(NOW.plus(10)));
    assert!(
        crate::changed(&store, |change| change.add_api_token(&new("CI", 2))).unwrap().is_none(),
        "the name is taken"
    );
    store.api_token_used(first.id, NOW.plus(1)).unwrap();
    assert_eq!(
        crate::changed(&store, |change| change.revoke_api_token("ci", NOW.plus(2))).unwrap(),
        Some(first.id)
    );
    assert_eq!(
        crate::changed(&store, |change| change.revoke_api_token("ci", NOW.plus(3))).unwrap(),
        None
    );
    let second =
        crate::changed(&store, |change| change.add_api_token(&new("ci", 2))).unwrap().unwrap();
    assert!(second.id > first.id);
    let all = store.api_tokens().unwrap();
    assert_eq!(all.iter().map(|token| token.id).collect::<Vec<_>>(), [second.id, first.id]);
    let revoked = &all[1];
    assert!(!revoked.works(NOW.plus(3)) && revoked.last_used == Some(NOW.plus(1)));
    assert_eq!((revoked.hash, &revoked.scopes), ([1; 32], &vec![Scope::Read, Scope::Write]));
}

#[test]
fn a_link_works_once_and_in_time() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let link = |token: u8, name: Option<&str>| InvitationRow {
        token: [token; 32],
        name: name.map(str::to_owned),
        role: Role::Administrator,
        expires: Millis(100),
        made_by: store::Maker::Server,
    };
    crate::changed(&store, |change| change.invite(&link(1, None), Millis(0))).unwrap();
    crate::changed(&store, |change| change.invite(&link(2, Some("ann")), Millis(0))).unwrap();
    crate::changed(&store, |change| change.invite(&link(3, None), Millis(0))).unwrap();
    let there = |token| store.invitation(&[token; 32], Millis(99)).unwrap().is_some();
    assert_eq!((there(1), there(2), there(3)), (false, true, true), "a new link replaces the old");
    assert!(store.invitation(&[2; 32], Millis(100)).unwrap().is_none());
    assert!(crate::changed(&store, |change| change.use_up_invitation(&[3; 32])).unwrap());
    assert!(!crate::changed(&store, |change| change.use_up_invitation(&[3; 32])).unwrap());
}

#[test]
fn sessions_are_kept_used_and_ended() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let session = |token: u8, administrator, at| ConsoleSessionRow {
        token: [token; 32],
        administrator,
        created: Millis(at),
        used: Millis(at),
        origin: "127.0.0.1".to_owned(),
        agent: "test".to_owned(),
    };
    let never = (Millis(-1), Millis(-1));
    for session in [session(1, 7, 10), session(2, 7, 20), session(3, 8, 30)] {
        store.start_console_session(&session, never).unwrap();
    }
    store.use_console_session(&[1; 32], Millis(50)).unwrap();
    let used: Vec<u8> =
        store.console_sessions(7).unwrap().iter().map(|session| session.token[0]).collect();
    assert_eq!(used, [1, 2]);
    store.end_console_sessions(7, Some(&[1; 32])).unwrap();
    store.start_console_session(&session(4, 9, 60), (Millis(40), Millis(5))).unwrap();
    let there = |token| store.console_session(&[token; 32]).unwrap().is_some();
    assert_eq!((there(1), there(2), there(3), there(4)), (true, false, false, true));
    store.end_console_session(&[1; 32]).unwrap();
    assert!(!there(1));
}

#[test]
fn a_draft_comes_back_and_lies_nowhere_in_the_clear() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let draft = |id: &str, text: &str, at| DraftRow {
        id: id.to_owned(),
        updated: Millis(at),
        content: SecretString::from(text),
    };
    store.put_draft(&draft("a", "a-secret-in-a-draft", 1)).unwrap();
    store.put_draft(&draft("b", "other", 2)).unwrap();
    store.put_draft(&draft("a", "a-secret-in-a-draft!", 3)).unwrap();
    let all: Vec<String> = store.drafts().unwrap().into_iter().map(|draft| draft.id).collect();
    assert_eq!(all, ["a", "b"]);
    let kept = store.draft("a").unwrap().unwrap();
    assert_eq!(kept.content.expose_secret(), "a-secret-in-a-draft!");
    drop(store);
    for file in fs::read_dir(data.path()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(19).any(|window| window == b"a-secret-in-a-draft"));
    }
    let store = open(data.path());
    store.remove_draft("a").unwrap();
    assert!(store.draft("a").unwrap().is_none());
}

#[test]
fn the_audit_log_is_read_backwards() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    for (at, who) in [(1, "ann"), (2, "bob"), (3, "ann")] {
        let entry = NewAudit {
            at: Millis(at),
            who: who.to_owned(),
            origin: "127.0.0.1".to_owned(),
            action: "directory.pause".to_owned(),
            object: "entra".to_owned(),
            detail: "{}".to_owned(),
        };
        crate::recorded(&store, &entry);
    }
    let times = |filter: AuditFilter| -> Vec<i64> {
        store.audit_log(&filter).unwrap().iter().map(|row| row.entry.at.0).collect()
    };
    let all = AuditFilter { limit: 10, ..AuditFilter::default() };
    assert_eq!(times(all.clone()), [3, 2, 1]);
    assert_eq!(times(AuditFilter { limit: 1, ..all.clone() }), [3]);
    assert_eq!(times(AuditFilter { before: Some(3), ..all.clone() }), [2, 1]);
    assert_eq!(times(AuditFilter { who: Some("bob".to_owned()), ..all.clone() }), [2]);
    assert_eq!(times(AuditFilter { text: Some("BOB DIR".to_owned()), ..all }), [2]);
}

#[test]
fn callers_are_remembered() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let caller = |last, requests| CallerRow {
        application: 4,
        first: Millis(1),
        last: Millis(last),
        requests,
        client: "127.0.0.1".to_owned(),
        agent: "Jira".to_owned(),
    };
    store.record_callers(&[caller(1, 1)]).unwrap();
    store.record_callers(&[caller(9, 5)]).unwrap();
    assert_eq!(store.callers().unwrap(), [caller(9, 5)]);
}
