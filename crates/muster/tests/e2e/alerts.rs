//! Administrators are told what is the matter, once, and that it is over.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    mail_server::{MailServer, PASSWORD, Way},
    receiver::Receiver,
    service::{Demo, Ran},
};

/// What a channel is told of: a demo has people who are set aside from the start.
const FAILING: [&str; 4] = ["--alert", "failing", "--alert", "recovered"];
const HELD: [&str; 4] = ["--alert", "held", "--alert", "recovered"];

/// Adds a channel whose secret is in a file, as it should be.
fn add(demo: &Demo, name: &str, secret: &str, more: &[&str]) -> Ran {
    let file = demo.data.path().join("channel-secret");
    fs::write(&file, secret).unwrap();
    let arguments =
        [&["alert", "channel", "add", name, "--secret-file", file.to_str().unwrap()], more];
    let ran = demo.muster(&arguments.concat());
    fs::remove_file(file).unwrap();
    ran
}

fn alerts(demo: &Demo) -> Value {
    let ran = demo.muster(&["alert", "list", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

pub(crate) fn open(demo: &Demo, kind: &str) -> Option<Value> {
    let found = alerts(demo);
    let alerts = found["alerts"].as_array().unwrap().iter();
    alerts.clone().find(|alert| alert["kind"] == kind && alert["resolved"].is_null()).cloned()
}

/// Waits until what is asked for is there; messages arrive before it is recorded that they did.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within 20 s: {what}");
}

async fn delete_people(demo: &Demo, count: usize) {
    let people = demo.truth().await.users.into_iter();
    let leavers = people.filter(|user| !user.guest && user.active).take(count);
    let steps: Vec<Value> = leavers
        .map(|user| json!({"method": "DELETE", "path": format!("users/{}", user.id)}))
        .collect();
    demo.control("POST", "batch", Value::Array(steps)).await;
}

/// Nobody must be able to read a channel's secret anywhere.
fn nowhere_in_the_clear(demo: &Demo, secret: &str) {
    for entry in fs::read_dir(demo.data.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!holds, "{} holds {secret}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_cannot_be_read_is_told_once_and_its_recovery_too() {
    let demo = Demo::start(40, 5, 100, 61).await;
    let (plain, slack) = (Receiver::start().await, Receiver::start().await);
    let ran = add(&demo, "ops", &plain.url, &[&["--kind", "webhook"][..], &FAILING].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stdout.contains("a-secret-path"), "{ran:?}");
    let only = ["--kind", "slack", "--alert", "held", "--alert", "recovered"];
    assert_eq!(add(&demo, "chat", &slack.url, &only).code, 0);
    for what in ["secret", "tokens"] {
        demo.control("POST", "expire", json!({"what": what})).await;
    }
    for run in 1..=5 {
        let (code, report) = demo.sync(true);
        assert_eq!(code, 1, "{report}");
        assert!(run < 3 || !plain.is_told(1).await.is_empty());
    }
    let told = plain.is_told(1).await;
    assert_eq!(told.len(), 1, "five failures are one alert: {told:?}");
    assert_eq!((&told[0]["event"], &told[0]["kind"]), (&json!("raised"), &json!("failing")));
    assert_eq!(told[0]["directory"], "entra");
    assert!(told[0]["details"].to_string().contains("directory check entra"), "{told:?}");
    let told_of = || open(&demo, "failing").filter(|alert| alert["told"] != json!([]));
    let alert = until("it is recorded who was told", told_of).await;
    assert_eq!(alert["told"], json!(["ops"]), "the other channel does not want it");

    demo.control("POST", "grant", json!({"what": "secret"})).await;
    let secret = demo.file["simulator"]["entra"]["client_secret"].as_str().unwrap();
    let file = demo.data.path().join("new-secret");
    fs::write(&file, secret).unwrap();
    let renewed =
        demo.muster(&["directory", "set", "entra", "--secret-file", file.to_str().unwrap()]);
    assert_eq!(renewed.code, 0, "{renewed:?}");
    fs::remove_file(file).unwrap();
    assert_eq!(demo.sync(true).0, 0);
    let told = plain.is_told(2).await;
    assert_eq!((&told[1]["event"], &told[1]["kind"]), (&json!("recovered"), &json!("failing")));
    assert!(open(&demo, "failing").is_none(), "recorded before anybody is told");
    assert!(slack.told().is_empty(), "nobody hears the end of what they did not hear of");
    nowhere_in_the_clear(&demo, "a-secret-path");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_plan_reaches_a_channel_that_was_down_as_soon_as_it_is_up() {
    let demo = Demo::start(300, 30, 1_500, 62).await;
    let (slack, teams) = (Receiver::start().await, Receiver::start().await);
    slack.answer(503);
    assert_eq!(add(&demo, "chat", &slack.url, &[&["--kind", "slack"][..], &HELD].concat()).code, 0);
    assert_eq!(add(&demo, "team", &teams.url, &[&["--kind", "teams"][..], &HELD].concat()).code, 0);
    delete_people(&demo, 100).await;
    assert_eq!(demo.sync(false).0, 3);
    let card = teams.is_told(1).await.remove(0);
    let card = &card["attachments"][0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    assert!(card.to_string().contains("directory preview entra"), "{card}");
    let refused = || {
        let list = demo.muster(&["alert", "channel", "list"]);
        list.stdout.contains("answered 503").then_some(list)
    };
    let list = until("the refusal is listed", refused).await;
    assert!(!list.stdout.contains("a-secret-path"), "{list:?}");
    let failed = demo.muster(&["alert", "channel", "test", "chat"]);
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("503") && !failed.stderr.contains("secret"), "{failed:?}");
    slack.answer(200);
    assert_eq!(demo.muster(&["alert", "channel", "test", "chat"]).code, 0);
    let told = slack.is_told(2).await;
    let texts = told.iter().map(|body| body["text"].as_str().unwrap());
    let waits = texts.filter(|text| text.contains("wait for a decision"));
    assert_eq!(waits.count(), 1, "{told:?}");

    // Another read finds the same: nobody is told again, and nobody who looks after it.
    let alert = open(&demo, "held").unwrap();
    let number = alert["id"].to_string();
    assert_eq!(demo.muster(&["alert", "acknowledge", &number]).code, 0);
    assert_eq!(demo.sync(false).0, 3);
    let preview = demo.muster(&["directory", "preview", "entra", "--json"]);
    let preview: Value = serde_json::from_str(&preview.stdout).unwrap();
    let digest = preview["digest"].as_str().unwrap();
    assert_eq!(demo.muster(&["directory", "approve", "entra", "--digest", digest]).code, 0);
    let told = teams.is_told(2).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].to_string().contains("all right again"), "{told:?}");
    let again = demo.muster(&["alert", "acknowledge", &number]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("alert list"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_is_about_to_end_is_told_in_time_and_by_mail() {
    let demo = Demo::start(40, 5, 100, 63).await;
    let server = MailServer::start(Way::StartTls).await;
    let ca = demo.data.path().join("ca.pem");
    fs::write(&ca, &server.authority).unwrap();
    let port = format!("port={}", server.port);
    let settings = |security: &'static str| {
        let mail = ["--kind", "email", "--set", "host=localhost", "--set", security, "--set"];
        let people = [
            "from=Muster <muster@example.org>",
            "--set",
            "to=Ops <ops@example.org>",
            "--alert",
            "credential",
        ];
        let mut all = mail.to_vec();
        all.extend([port.as_str(), "--set", "username=muster", "--set"]);
        all.extend(people);
        all
    };
    let ca = ["--mail-ca-file", ca.to_str().unwrap()];
    let with = |security| [&settings(security)[..], &ca].concat();
    // Nothing is sent to a server whose certificate nobody vouches for.
    let foreign = MailServer::start(Way::StartTls).await;
    let other = demo.data.path().join("other.pem");
    fs::write(&other, &foreign.authority).unwrap();
    let untrusted =
        [&settings("security=starttls")[..], &["--mail-ca-file", other.to_str().unwrap()]].concat();
    assert_eq!(add(&demo, "untrusted", PASSWORD, &untrusted).code, 0);
    let ran = demo.muster(&["alert", "channel", "test", "untrusted"]);
    assert!(ran.code == 1 && ran.stderr.contains("not trusted"), "{ran:?}");
    assert_eq!(demo.muster(&["alert", "channel", "remove", "untrusted"]).code, 0);
    assert!(server.got.lock().unwrap().logins.is_empty());

    // A server that repeats the wrong password does not bring it into a message.
    assert_eq!(add(&demo, "wrong", "a-wrong-password", &with("security=starttls")).code, 0);
    let ran = demo.muster(&["alert", "channel", "test", "wrong"]);
    assert!(ran.code == 1 && ran.stderr.contains("refused name or password"), "{ran:?}");
    assert!(!ran.stderr.contains("a-wrong-password"), "{ran:?}");
    assert_eq!(demo.muster(&["alert", "channel", "remove", "wrong"]).code, 0);

    assert_eq!(add(&demo, "post", PASSWORD, &with("security=starttls")).code, 0);
    let soon = jiff::Timestamp::from_millisecond(muster::clock::Clock::system().now().0).unwrap();
    let soon = (soon + Duration::from_hours(6 * 24)).strftime("%Y-%m-%d").to_string();
    let set = demo.muster(&["directory", "set", "entra", "--expires", &soon]);
    assert_eq!(set.code, 0, "{set:?}");
    let mail = until("a mail comes", || server.mails().pop()).await;
    for part in [
        "From: Muster <muster@example.org>",
        "To: Ops <ops@example.org>",
        "Auto-Submitted: auto-generated",
        &soon,
    ] {
        assert!(mail.contains(part), "{part} is missing in {mail}");
    }
    let got = server.got.lock().unwrap();
    assert!(got.commands.contains(&"!STARTTLS".to_owned()), "{:?}", got.commands);
    assert!(!got.commands.contains(&"!AUTH".to_owned()), "no password in the clear");
    assert_eq!(got.logins.last().unwrap(), &("muster".to_owned(), PASSWORD.to_owned()));
    drop(got);
    let show = demo.muster(&["directory", "show", "entra"]);
    assert!(show.stdout.contains(&soon), "{show:?}");
    let wrong = demo.muster(&["directory", "set", "entra", "--expires", "soon"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("no day such as"), "{wrong:?}");
    assert_eq!(demo.muster(&["directory", "set", "entra", "--expires", "never"]).code, 0);
    nowhere_in_the_clear(&demo, PASSWORD);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_over_tls_from_the_beginning_and_never_without_the_tls_that_was_asked_for() {
    let demo = Demo::start(20, 2, 20, 64).await;
    let (tls, plain) = (MailServer::start(Way::Tls).await, MailServer::start(Way::Plain).await);
    let ca = demo.data.path().join("ca.pem");
    fs::write(&ca, &tls.authority).unwrap();
    let add_mail = |name: &str, server: &MailServer, security: &str, more: &[&str]| {
        let (port, security) = (format!("port={}", server.port), format!("security={security}"));
        let settings =
            ["host=localhost", &port, &security, "from=m@example.org", "to=o@example.org"];
        let mut arguments = vec!["--kind", "email"];
        for setting in settings {
            arguments.extend(["--set", setting]);
        }
        arguments.extend(more);
        add(&demo, name, PASSWORD, &arguments)
    };
    let login = ["--set", "username=muster"];
    let trust = ["--mail-ca-file", ca.to_str().unwrap()];
    assert_eq!(add_mail("tls", &tls, "tls", &[&login[..], &trust].concat()).code, 0);
    assert_eq!(demo.muster(&["alert", "channel", "test", "tls"]).code, 0);
    assert!(tls.mails()[0].contains("Subject: Muster: test"), "{:?}", tls.mails());

    assert_eq!(add_mail("strict", &plain, "starttls", &[&login[..], &trust].concat()).code, 0);
    let ran = demo.muster(&["alert", "channel", "test", "strict"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(plain.mails().is_empty() && plain.got.lock().unwrap().logins.is_empty());
    assert_eq!(add_mail("open", &plain, "none", &[]).code, 0);
    assert_eq!(demo.muster(&["alert", "channel", "test", "open"]).code, 0);
    assert_eq!(plain.mails().len(), 1);
    assert!(plain.got.lock().unwrap().logins.is_empty(), "no name, no log-in");

    let unknown =
        add(&demo, "x", "https://h.example.org/", &["--kind", "slack", "--alert", "fire"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("no alert `fire`"), "{unknown:?}");
    let twice = add(&demo, "TLS", "https://h.example.org/", &["--kind", "slack"]);
    assert!(twice.code == 1 && twice.stderr.contains("already"), "{twice:?}");
}
