//! `muster changes --follow`: what changes is shown as it comes, and nothing is asked for meanwhile.

use std::{
    io::{BufRead, BufReader},
    process::ChildStdout,
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::Value;

use crate::service::Demo;

/// The lines of a command's output, as they come.
fn lines(output: ChildStdout) -> Receiver<Value> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_shown_as_they_come_each_once() {
    let mut demo = Demo::start(30, 5, 60, 91).await;
    let mut following =
        demo.spawn(&["changes", "--follow", "--json", "--limit", "2", "--directory", "entra"]);
    let lines = lines(following.stdout.take().unwrap());
    let next = || lines.recv_timeout(Duration::from_secs(30)).unwrap();
    let before = [next(), next()];
    assert!(before[0]["seq"].as_u64() < before[1]["seq"].as_u64());
    let mut last = before[1]["seq"].as_u64().unwrap();
    // More of them at once than fit on a page, and then again.
    for round in 0..2 {
        let mut logins = Vec::new();
        for no in 0..5 {
            logins.push(format!("late{round}{no}@contoso.example"));
            demo.new_user(&logins[no]).await;
        }
        assert_eq!(demo.sync(false).0, 0);
        let mut told: Vec<String> = Vec::new();
        for _ in 0..5 {
            let entry = next();
            assert_eq!((&entry["kind"], &entry["what"]), (&"user".into(), &"added".into()));
            let seq = entry["seq"].as_u64().unwrap();
            assert_eq!(seq, last + 1, "none is left out and none told twice");
            last = seq;
            told.push(entry["name"].as_str().unwrap().to_owned());
        }
        told.sort();
        assert_eq!(told, logins);
    }
    demo.kill();
    assert_eq!(
        following.wait().unwrap().code(),
        Some(1),
        "without a server there is nothing to follow"
    );
    assert!(lines.recv().is_err());
}
