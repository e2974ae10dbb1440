//! Alerts are open once, told once for each new aspect, and channels keep their secrets sealed.

use std::collections::BTreeSet;

use directory::id::{DAY_MS, DirectoryId, Millis};
use secrecy::{ExposeSecret, SecretString};
use store::{AlertText, Matter, NewChannel, Store, StoreError, Telling, Told};

use crate::{NOW, connection, open};

const MATTER: Matter<'_> =
    Matter { directory: DirectoryId(1), directory_name: "contoso", kind: "held" };

fn text(aspects: &[&str]) -> AlertText {
    let aspects: BTreeSet<String> = aspects.iter().copied().map(str::to_owned).collect();
    AlertText { aspects, title: "something waits".to_owned(), details: vec!["look".to_owned()] }
}

fn channel(name: &str) -> NewChannel {
    NewChannel {
        name: name.to_owned(),
        kind: "slack".to_owned(),
        settings: [("k".to_owned(), "v".to_owned())].into(),
        alerts: vec!["held".to_owned()],
        secret: SecretString::from("https://hooks.example.org/a-secret-path"),
    }
}

fn only(store: &Store) -> store::AlertRow {
    let mut alerts = store.alerts(NOW).unwrap();
    assert_eq!(alerts.len(), 1);
    alerts.remove(0)
}

#[test]
fn a_matter_is_open_once_and_outlives_a_restart() {
    let data = tempfile::tempdir().unwrap();
    {
        let store = open(data.path());
        store.raise_alert(MATTER, &text(&["a"]), NOW).unwrap();
        store.raise_alert(MATTER, &text(&["b"]), NOW.plus(1)).unwrap();
    }
    let store = open(data.path());
    let alert = only(&store);
    assert_eq!((alert.version, alert.raised), (1, NOW));
    assert_eq!(alert.text, text(&["a"]), "the second one changed nothing");
    let told = Told { alert: alert.id, channel: 7, version: 1 };
    store.alert_told(told).unwrap();
    assert_eq!(store.alerts_told(NOW).unwrap(), [told]);

    assert!(
        crate::changed(&store, |change| change.acknowledge_alert(alert.id, NOW.plus(2))).unwrap()
    );
    store.change_alert(alert.id, &text(&["a"]), Telling::Quietly, NOW.plus(3)).unwrap();
    assert_eq!((only(&store).version, only(&store).acknowledged), (1, Some(NOW.plus(2))));
    store.change_alert(alert.id, &text(&["a", "b"]), Telling::Again, NOW.plus(4)).unwrap();
    assert_eq!((only(&store).version, only(&store).acknowledged), (2, None));

    store.resolve_alert(alert.id, "nothing waits", &[], NOW.plus(5)).unwrap();
    let ended = only(&store);
    assert_eq!((ended.version, ended.resolved), (3, Some(NOW.plus(5))));
    assert!(
        !crate::changed(&store, |change| change.acknowledge_alert(alert.id, NOW.plus(6))).unwrap(),
        "it has ended"
    );
    store.raise_alert(MATTER, &text(&["a"]), NOW.plus(7)).unwrap();
    let alerts = store.alerts(NOW).unwrap();
    assert_eq!(alerts.len(), 2);
    assert!(alerts[0].resolved.is_none() && alerts[0].id > alert.id, "a new one, listed first");
    assert_eq!(store.alerts(NOW.plus(6)).unwrap().len(), 1, "only what ended since");
    store.resolve_alert(alerts[0].id, "", &[], NOW.plus(8)).unwrap();
    store.raise_alert(MATTER, &text(&[]), NOW.plus(401 * DAY_MS)).unwrap();
    assert_eq!(store.alerts(Millis(0)).unwrap().len(), 1, "what ended long ago is forgotten");
    assert!(store.alerts_told(Millis(0)).unwrap().is_empty());
}

#[test]
fn a_channel_is_kept_with_a_sealed_secret_and_counts_failures() {
    let data = tempfile::tempdir().unwrap();
    let id = {
        let store = open(data.path());
        let id = crate::changed(&store, |change| change.add_channel(&channel("Ops"))).unwrap();
        let taken = crate::changed(&store, |change| change.add_channel(&channel("ops")));
        assert!(matches!(taken, Err(StoreError::NameTaken(_))), "{taken:?}");
        store.channel_failed(id, "no answer", NOW, NOW.plus(2)).unwrap();
        store.channel_failed(id, "still none", NOW.plus(2), NOW.plus(10)).unwrap();
        id
    };
    let bytes = std::fs::read(data.path().join("muster.db")).unwrap();
    assert!(!bytes.windows(13).any(|window| window == b"a-secret-path"));
    let store = open(data.path());
    let row = store.channels().unwrap().remove(0);
    assert_eq!((row.failures, row.failing_since), (2, Some(NOW)));
    assert_eq!((row.problem.as_deref(), row.retry_at), (Some("still none"), Some(NOW.plus(10))));
    assert_eq!(row.secret.expose_secret(), channel("").secret.expose_secret());
    store.channel_told(id, NOW.plus(11)).unwrap();
    let row = store.channels().unwrap().remove(0);
    assert_eq!((row.failures, row.problem, row.told_at), (0, None, Some(NOW.plus(11))));

    let mut other = channel("Ops");
    other.kind = "webhook".to_owned();
    crate::changed(&store, |change| change.change_channel(id, &other, None)).unwrap();
    let row = store.channels().unwrap().remove(0);
    assert_eq!((row.kind.as_str(), row.name.as_str()), ("webhook", "Ops"));
    assert_eq!(row.secret.expose_secret(), channel("").secret.expose_secret(), "kept");
    let secret = SecretString::from("another");
    crate::changed(&store, |change| change.change_channel(id, &other, Some(&secret))).unwrap();
    assert_eq!(store.channels().unwrap()[0].secret.expose_secret(), "another");
    crate::changed(&store, |change| change.remove_channel(id)).unwrap();
    assert!(store.channels().unwrap().is_empty());
    assert!(
        crate::changed(&store, |change| change.add_channel(&channel("Ops"))).unwrap() > id,
        "numbers are never given again"
    );
}

#[test]
fn when_a_credential_ends_is_kept_with_its_directory() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let row = crate::changed(&store, |change| change.add_connection(&connection("contoso"), NOW))
        .unwrap();
    assert_eq!(row.expires, None);
    crate::changed(&store, |change| change.set_expires(row.id, Some(NOW.plus(5)))).unwrap();
    assert_eq!(store.connection(row.id).unwrap().unwrap().expires, Some(NOW.plus(5)));
    crate::changed(&store, |change| change.set_expires(row.id, None)).unwrap();
    assert_eq!(store.connection(row.id).unwrap().unwrap().expires, None);
}
