//! Webhooks are kept with sealed tokens, counted, limited, and go with their application.

use directory::id::{DirectoryId, Millis};
use secrecy::{ExposeSecret, SecretString};
use store::{NewApplication, Sight, Store, StoreError};

use crate::{NOW, open};

fn application(store: &Store, name: &str) -> u32 {
    let sight = Sight {
        directories: vec![DirectoryId(1)],
        aggregate: false,
        flattened: false,
        frozen_names: false,
    };
    let (name, password_hash) = (name.to_owned(), String::new());
    let new = NewApplication { name: name.clone(), password_hash, sight, addresses: Vec::new() };
    crate::changed(store, |change| change.add_application(&new, NOW)).unwrap();
    store.applications().unwrap().into_iter().find(|row| row.name == name).unwrap().id
}

#[test]
fn a_webhook_outlives_a_restart_and_its_token_is_sealed() {
    let data = tempfile::tempdir().unwrap();
    let token = SecretString::from("a-token-to-be-sealed");
    let (jira, id) = {
        let store = open(data.path());
        let jira = application(&store, "jira");
        let made = store.add_webhook(jira, "http://a/", Some(&token)).unwrap().unwrap();
        let again = store.add_webhook(jira, "http://a/", Some(&token)).unwrap().unwrap();
        assert_eq!(made.id, again.id);
        (jira, made.id)
    };
    let bytes = std::fs::read(data.path().join("muster.db")).unwrap();
    assert!(!bytes.windows(20).any(|window| window == b"a-token-to-be-sealed"));
    let store = open(data.path());
    let row = store.webhook(id).unwrap().unwrap();
    assert_eq!((row.application, row.endpoint.as_str()), (jira, "http://a/"));
    assert_eq!(row.token.unwrap().expose_secret(), token.expose_secret());
    store.remove_webhook(id).unwrap();
    assert!(store.webhook(id).unwrap().is_none());
    let next = store.add_webhook(jira, "http://a/", None).unwrap().unwrap();
    assert!(next.id > id && next.token.is_none(), "numbers are never given again");
}

#[test]
fn failures_are_counted_and_a_new_registration_is_a_fresh_start() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let jira = application(&store, "jira");
    let id = store.add_webhook(jira, "http://a/", None).unwrap().unwrap().id;
    let state = || {
        let row = store.webhook(id).unwrap().unwrap();
        (row.failures, row.failing_since)
    };
    store.webhook_told(id, false, Millis(5)).unwrap();
    store.webhook_told(id, false, Millis(6)).unwrap();
    assert_eq!(state(), (2, Some(Millis(5))));
    store.webhook_told(id, true, Millis(7)).unwrap();
    assert_eq!(state(), (0, None));
    store.webhook_told(id, false, Millis(8)).unwrap();
    store.add_webhook(jira, "http://a/", None).unwrap();
    assert_eq!(state(), (0, None));
}

#[test]
fn an_application_has_twenty_at_the_most_and_takes_them_along() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let (jira, wiki) = (application(&store, "jira"), application(&store, "wiki"));
    for no in 0..20 {
        assert!(store.add_webhook(jira, &format!("http://a/{no}"), None).unwrap().is_some());
    }
    assert!(store.add_webhook(jira, "http://a/more", None).unwrap().is_none());
    assert!(store.add_webhook(jira, "http://a/3", None).unwrap().is_some(), "a known one");
    assert!(store.add_webhook(wiki, "http://a/3", None).unwrap().is_some());
    crate::changed(&store, |change| change.remove_application(jira)).unwrap();
    assert_eq!(store.webhooks().unwrap().len(), 1);
    let late = store.add_webhook(jira, "http://a/", None);
    assert!(matches!(late, Err(StoreError::Removed)), "{late:?}");
}
