//! The migration check from the command line: a table, an LDAP export and a product, and the rules that come of it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    expected::TruthUser,
    service::{Demo, Ran},
    sources::{self, Sample, TOKEN},
};

fn answer(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

/// People of the product: as their logins begin, but for the first one, who is called otherwise.
fn accounts(users: &[TruthUser]) -> Vec<(String, &TruthUser)> {
    let name = |(no, user): (usize, &TruthUser)| match no {
        0 => "first.of.all".to_owned(),
        _ => user.login.split('@').next().unwrap().to_uppercase(),
    };
    let people: Vec<&TruthUser> = users.iter().filter(|user| !user.guest && user.active).collect();
    people.into_iter().enumerate().map(|(no, user)| (name((no, user)), user)).collect()
}

fn best(answer: &Value) -> &Value {
    &answer["people"][usize::try_from(answer["best"].as_u64().unwrap()).unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_moves_sees_who_keeps_the_account_and_gets_the_rules_for_it() {
    let demo = Demo::start(50, 6, 150, 31).await;
    // Everybody is known by an address, and so is a guest whom the rules leave out.
    let mut steps = Vec::new();
    for (no, user) in demo.truth().await.users.iter().enumerate() {
        steps.push(json!({"method": "PATCH", "path": format!("users/{}", user.id),
            "body": {"email": format!("mail{no}@example.org")}}));
    }
    demo.control("POST", "batch", Value::Array(steps)).await;
    demo.control("POST", "groups", json!({"name": "Jira Users"})).await;
    assert_eq!(demo.sync(false).0, 0);
    let truth = demo.truth().await;
    let people = accounts(&truth.users);
    let guest = truth.users.iter().find(|user| user.guest).unwrap();

    let mut table = "user name,mail,full name,groups\n".to_owned();
    let mut export = String::new();
    let all = people.iter().map(|(name, user)| (name.as_str(), user.email.as_deref().unwrap()));
    let others = [("zoe", "zoe@nowhere.example"), ("guest", guest.email.as_deref().unwrap())];
    for (name, mail) in all.chain(others) {
        writeln!(table, "{name},{mail},,jira-users;old").unwrap();
        writeln!(
            export,
            "dn: uid={name},ou=people\nobjectClass: inetOrgPerson\nuid: {name}\nmail: {mail}\n"
        )
        .unwrap();
    }
    let members: Vec<String> =
        people.iter().map(|(name, _)| format!("member: uid={name},ou=people")).collect();
    for group in ["jira-users", "old"] {
        writeln!(
            export,
            "dn: cn={group}\nobjectClass: groupOfNames\ncn: {group}\n{}\n",
            members.join("\n")
        )
        .unwrap();
    }
    for (name, text) in [("people.csv", &table), ("people.ldif", &export)] {
        let from = demo.data.path().join(name);
        std::fs::write(&from, text).unwrap();
        let ran =
            demo.muster(&["migrate-check", "entra", "--json", "--from", from.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let told = answer(&ran);
        assert_eq!(told["people_read"], people.len() + 2, "{name}");
        let best = best(&told);
        assert_eq!(best["candidate"]["user_name"]["local_part"], "login", "{name}: {best}");
        assert_eq!(best["kept"], people.len() - 1, "{name}: {best}");
        assert_eq!(best["second"][0]["user_name"], "first.of.all", "{name}: {best}");
        assert_eq!(best["orphaned"][0]["user_name"], "zoe", "{name}: {best}");
        assert_eq!(best["left_out"][0]["login"], guest.login.as_str(), "{name}: {best}");
        assert_eq!(told["group_renames"][0], json!({"from": "Jira Users", "to": "jira-users"}));
        assert_eq!(told["groups"][0]["orphaned"], json!(["old"]), "{name}");
    }

    let (from, rules) = (demo.data.path().join("people.csv"), demo.data.path().join("moved.toml"));
    let (from, rules) = (from.to_str().unwrap(), rules.to_str().unwrap());
    let ran = demo.muster(&["migrate-check", "entra", "--from", from, "--exceptions", rules]);
    assert!(ran.stdout.contains("1 would lose the account; 1 exceptions keep theirs"), "{ran:?}");
    let written = std::fs::read_to_string(rules).unwrap();
    assert!(written.contains(&format!("#   \"{}\",", guest.login)), "{written}");
    // Everybody gets another name, which waits; the names themselves are right.
    assert_eq!(demo.muster(&["directory", "rules", "entra", "--set", rules, "--yes"]).code, 3);
    let told = answer(&demo.muster(&["migrate-check", "entra", "--json", "--from", from]));
    assert_eq!((&told["loses_nobody"], &told["best"]), (&true.into(), &0.into()), "{told}");
    let preview = answer(&demo.muster(&["directory", "preview", "entra", "--json"]));
    let digest = preview["digest"].as_str().unwrap();
    assert_eq!(demo.muster(&["directory", "approve", "entra", "--digest", digest]).code, 0);
    let mut product = demo.product();
    product.synchronise().await;
    let copy = product.copy();
    for (name, user) in &people {
        assert_eq!(copy.users[&name.to_lowercase()].id, user.id, "{name} keeps the account");
    }
    assert!(copy.groups.contains_key("jira-users"), "{:?}", copy.groups);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_is_asked_with_its_token_and_mistakes_are_named() {
    let demo = Demo::start(10, 2, 10, 32).await;
    let user = demo.new_user("someone@contoso.example").await;
    let steps = json!([{"method": "PATCH", "path": format!("users/{user}"), "body": {"email": "user7@example.org"}}]);
    demo.control("POST", "batch", steps).await;
    assert_eq!(demo.sync(false).0, 0);
    let jira = sources::product(Sample { people: 120, search_max: 1_000, groups_max: 10 }).await;
    let jira = format!("{jira}/jira/");
    let token = demo.data.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let token = token.to_str().unwrap();
    let check = |more: &[&str]| {
        let arguments = [&["migrate-check", "entra"], more].concat();
        // The product is served by this very process.
        tokio::task::block_in_place(|| demo.muster(&arguments))
    };
    let ran = check(&[
        "--from",
        &jira,
        "--kind",
        "jira",
        "--secret-file",
        token,
        "--json",
        "--user-name",
        "user.mail.split('@')[0]",
    ]);
    let told = answer(&ran);
    assert_eq!((&told["people_read"], &told["groups_read"]), (&120.into(), &3.into()), "{told}");
    assert_eq!(best(&told)["candidate"]["user_name"]["local_part"], "mail");
    assert_eq!(
        (&best(&told)["kept"], best(&told)["orphaned"].as_array().unwrap().len()),
        (&1.into(), 119)
    );
    let tried = told["people"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&tried["candidate"]["user_name"]["expression"], &tried["kept"]),
        (&"user.mail.split('@')[0]".into(), &1.into())
    );

    let wrong = demo.data.path().join("wrong-token");
    std::fs::write(&wrong, "another-token").unwrap();
    let file = demo.data.path().join("people.txt");
    std::fs::write(&file, "login\nann\n").unwrap();
    let (wrong, file) = (wrong.to_str().unwrap(), file.to_str().unwrap());
    for (arguments, expected) in [
        (vec!["--from", &jira], "--kind"),
        (vec!["--from", &jira, "--kind", "jira"], "--secret-file"),
        (vec!["--from", &jira, "--kind", "csv"], "not what --kind says"),
        (vec!["--from", &jira, "--kind", "jira", "--secret-file", wrong], "does not let us in"),
        (vec!["--from", &jira, "--kind", "crowd", "--secret-file", token], "--application"),
        (vec!["--from", file], "--kind"),
        (
            vec!["--from", file, "--kind", "csv", "--user-name", "user.nothing"],
            "`user_name`, line 1, column 5",
        ),
        (vec!["--from", "nowhere.csv"], "nowhere.csv cannot be read"),
    ] {
        let ran = check(&arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.contains("another-token"), "{ran:?}");
    }
    assert_eq!(check(&["--from", file, "--kind", "csv", "--json"]).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_file_is_no_shorter_list() {
    let demo = Demo::start(20, 3, 30, 33).await;
    for (name, text, says) in [
        (
            "bad.csv",
            "login,mail\nann,a@x\n\"bob,b@x\nzoe,z@x\n",
            "line 3: a quotation mark is not closed",
        ),
        ("bad.tsv", "login\tmail\nann\n", "line 2 has 1 columns"),
        (
            "bad.ldif",
            "dn: uid=ann\nobjectClass: person\nuid: ann\ndn: uid=bob\n",
            "line 4: a second `dn`",
        ),
    ] {
        let from = demo.data.path().join(name);
        std::fs::write(&from, text).unwrap();
        let ran = demo.muster(&["migrate-check", "entra", "--from", from.to_str().unwrap()]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
    }
}
